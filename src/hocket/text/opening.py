"""A reply's first word, said before it is known what follows it: a model's next token is ten or twenty milliseconds."""

from __future__ import annotations

from typing import Final

from hocket.text.speech import SpeechText

_ENGLISH: Final = frozenset(
    (
        *("Absolutely", "Actually", "All", "Alright", "And", "Any", "But", "Certainly", "Exactly", "Excellent"),
        *("Fair", "From", "Glad", "Good", "Got", "Great", "Happy", "Hello", "Hey", "Hi", "Just", "Leave", "My"),
        *("Nice", "Not", "Of", "Oh", "Okay", "One", "Our", "Perfect", "Please", "Right", "Sorry", "Sounds"),
        *("Sure", "Thank", "Thanks", "The", "Then", "This", "Understood", "Unfortunately", "Very", "Well"),
        *("Wonderful", "Yeah", "Yes", "Your"),
    )
)
"""Words that replies begin with and that take no ending: not "We", which may become "We're", nor "No", which may be of
"No. 5"."""


def is_opening(text: str, language: str) -> bool:
    """Whether a reply in this language that begins with these letters begins with this word, as good as always."""
    return text in _ENGLISH and language.partition("-")[0].lower() == "en"


class Opening:
    """A `SpeechText` that gives out a first word which comes as one token at once; everything else as `then` does.

    The white space after that word goes with what follows.
    """

    __slots__ = ("_begun", "_given", "_language", "_space", "_then")

    def __init__(self, then: SpeechText, language: str) -> None:
        self._then = then
        self._language = language
        self._begun = False
        self._given = ""
        """What was given out and will come again from `then`."""
        self._space = ""

    def push(self, token: str) -> str:
        """Take some more text; returns what is ready to be spoken, which may be nothing."""
        ready = self._then.push(token)
        if not self._begun and not ready and is_opening(token, self._language):
            self._given = ready = token
        elif ready:
            ready = self._rest(ready)
            if ready.isspace():
                self._space, ready = ready, ""
        self._begun = True
        return ready

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        self._begun = False
        return self._rest(self._then.flush())

    def _rest(self, ready: str) -> str:
        rest = self._space + ready.removeprefix(self._given)
        self._given = self._space = ""
        return rest

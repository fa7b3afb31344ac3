"""A reply's first words, said before it is known what follows them: a model's next token is ten or twenty
milliseconds."""

from __future__ import annotations

from collections.abc import Callable
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

ENDS: Final = tuple(".?!,:;")
"""What an opener ends with."""

LONGEST: Final = 80
"""Characters of what is looked up as an opener."""


def is_opening(text: str, language: str) -> bool:
    """Whether a reply in this language that begins with these letters begins with this word, as good as always."""
    return text in _ENGLISH and language.partition("-")[0].lower() == "en"


def nothing_known(opener: str) -> bool:
    """Of a voice that keeps no openers."""
    return False


class Opening:
    """A `SpeechText` that gives out two things before `then` does: a first word which comes as one token, and the last
    word of an opener that is known. The white space after it goes with what follows.
    """

    __slots__ = ("_given", "_known", "_language", "_out", "_space", "_then", "_written")

    def __init__(self, then: SpeechText, language: str, known: Callable[[str], bool]) -> None:
        """`known`: whether replies have begun with these very words."""
        self._then = then
        self._language = language
        self._known = known
        self._written = ""
        """The beginning of the reply, while it may be an opener."""
        self._out = ""
        """What of it has been given out."""
        self._given = ""
        """What was given out and will come again from `then`."""
        self._space = ""

    def push(self, token: str) -> str:
        """Take some more text; returns what is ready to be spoken, which may be nothing."""
        ready = self._then.push(token)
        if ready:
            ready = self._rest(ready)
            if ready.isspace():
                self._space, ready = ready, ""
        if len(self._written) < LONGEST:
            self._written += token
            self._out += ready
            ready += self._early()
        return ready

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        rest = self._rest(self._then.flush())
        self._written = self._out = self._given = ""
        return rest

    def _early(self) -> str:
        """What need not wait."""
        written, out = self._written, self._out + self._space
        first = not out and is_opening(written, self._language)
        if not first and not (written.endswith(ENDS) and written.startswith(out) and self._known(written)):
            return ""
        held = written[len(out) :]
        self._given += held
        early, self._space = self._space + held, ""
        self._out += early
        return early

    def _rest(self, ready: str) -> str:
        if ready and self._given.startswith(ready):
            self._given = self._given[len(ready) :]
            return ""
        rest = self._space + ready.removeprefix(self._given)
        self._given = self._space = ""
        return rest

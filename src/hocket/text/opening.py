"""A reply's first words, said before it is known what follows them: a model's next token is ten or twenty
milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from hocket.text.abbreviations import DEPENDING
from hocket.text.dates import SHORT_NAMES
from hocket.text.speech import SpeechText, is_english

LONGEST: Final = 80
"""Characters of an opener; longer beginnings hardly ever come again."""

_ENGLISH: Final = frozenset(
    (
        *("Absolutely", "Actually", "All", "Alright", "Any", "Certainly", "Exactly", "Excellent", "Fair", "From"),
        *("Glad", "Good", "Great", "Happy", "Hello", "Just", "Leave", "Nice", "Of", "Okay", "One", "Our"),
        *("Perfect", "Please", "Right", "Sorry", "Sounds", "Sure", "Thank", "Thanks", "Then", "This"),
        *("Understood", "Unfortunately", "Very", "Well", "Wonderful", "Yeah", "Yes", "Your"),
    )
)
"""Words that replies begin with and that are one token for most models. In the vocabularies o200k, cl100k and Llama 3's
what is cut behind one of them begins hardly any reply, and its beginning sounds like the word ("Good|bye"). So not
"Not" ("Not|able") or "The" ("The|atre"), nor "We" ("We|'re") or "No" ("No. 5")."""

_END: Final = re.compile(r"[?!]\Z|([^\W\d_]+)[,;:]\Z|(?:\A|\s)([^\W\d_]{4,}\.)\Z").search
_ABBREVIATED: Final = frozenset((*DEPENDING, *(f"{name}." for name in SHORT_NAMES)))


def is_opening(word: str, language: str) -> bool:
    """Whether a reply in this language whose first token is this begins with this word, as good as always."""
    return word in _ENGLISH and is_english(language)


def may_be_opener(text: str) -> bool:
    """Whether a text that has been an opener before is one again, as good as always, whatever follows it: it does not
    end in a number ("5,|50"), or in what may be an abbreviation ("Sun.| 24 December", "Sun,| 24 December")."""
    match = _END(text)
    if match is None or len(text) > LONGEST:
        return False
    return match[1] not in SHORT_NAMES and match[2] not in _ABBREVIATED


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
            ready += self._early(token)
        return ready

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        rest = self._rest(self._then.flush())
        self._written = self._out = self._given = ""
        return rest

    def _early(self, token: str) -> str:
        """What need not wait."""
        written, out = self._written, self._out + self._space
        first = token == written and not out and is_opening(token, self._language)
        if not first and not (may_be_opener(written) and written.startswith(out) and self._known(written)):
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
        given = self._given
        # It is a rare word that went on after all ("example.|com"), and is read otherwise: said once all the same.
        rest = self._space + ready.removeprefix(given if ready.startswith(given) else given.rstrip(".,;:?!"))
        self._given = self._space = ""
        return rest

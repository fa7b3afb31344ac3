"""Going on with a reply that broke off: what the next model is told, and the seam between the two texts."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from hocket.stages.llm import LlmRequest, Message
from hocket.turn.lexicon import AUXILIARIES, CONJUNCTIONS, DETERMINERS, PREPOSITIONS, PRONOUNS, WH

GO_ON: Final = (
    "(This is not the caller. A fault cut your last message off after “{tail}”, and the caller has heard it up to "
    "there. Go on from exactly there, in the same language and tone: begin with its last word, written in full, and "
    "send only that word and what was still to come. Repeat nothing else, do not apologise, do not mention the fault. "
    "If nothing was still to come, send that word alone.)"
)
"""Asked of the model as a user's message: several vendors refuse a conversation that ends with the assistant. It asks
for the last word once more because a stream may break inside a word, and only the whole word tells."""

TAIL_WORDS: Final = 6

_WORD: Final = re.compile(r"[\w'’]+")
_MARKS: Final = ".,;:!?…)]}»”’\"'"
"""They close a word or a sentence, and follow it without a space."""

_JOINING: Final = re.compile(r"(?:[(\[{«“]|\w[-–—/])$")
"""What follows them needs no space."""

_WHOLE: Final = AUXILIARIES | CONJUNCTIONS | DETERMINERS | PREPOSITIONS | PRONOUNS | WH | {"i"}
"""Words that are seldom the beginning of a longer one that broke off: a model sends them as one token."""


def continued(request: LlmRequest, said: str) -> LlmRequest:
    """The request for what comes after `said`, which was the beginning of its reply."""
    tail = " ".join(said.split()[-TAIL_WORDS:])
    going_on = (Message("assistant", said), Message("user", GO_ON.format(tail=tail)))
    return msgspec.structs.replace(request, messages=request.messages + going_on)


class Seam:
    """Joins a continuation to the text before it: what it repeats of that text is left out, the spaces come right.

    Words are compared without case and punctuation. The continuation is held back only as long as its beginning may
    still turn out to be a repetition. A word that belongs into the text twice in a row, just there, is taken for one.
    """

    __slots__ = ("_held", "_joined", "_last", "_said", "_tail", "_words")

    def __init__(self, said: str) -> None:
        """`said`: all text before; without any, the continuation is the whole text."""
        self._said = said
        self._joined = not said
        self._held = ""
        found = list(_WORD.finditer(said))
        self._words = [_folded(word[0]) for word in found]
        self._tail = said[found[-1].end() :] if found else said
        """What follows the last word."""
        self._last = found[-1][0].lstrip("'’").lower().replace("’", "'") if found and not self._tail else ""
        """The last word, when it may be the beginning of a longer one."""

    def push(self, text: str) -> str:
        """Text of the continuation; returns what can be said by now, maybe nothing."""
        if self._joined:
            return text
        self._held += text
        return self._join(ended=False)

    def finish(self) -> str:
        """The continuation has ended; returns what was held back."""
        return "" if self._joined else self._join(ended=True)

    def _join(self, ended: bool) -> str:
        found = list(_WORD.finditer(self._held))
        growing = not ended and bool(found) and found[-1].end() == len(self._held)
        repeated = self._repeated([_folded(word[0]) for word in found], growing, ended)
        if repeated is None:
            return ""
        if repeated:
            last = found[repeated - 1]
            whole = _folded(last[0]) == self._words[-1]
            begun = last.end() - len(last[0].lstrip("'’")) + len(self._last)
            rest = self._held[last.end() if whole else begun :]
            text = self._spaced(rest, repetition=True)
        else:
            text = self._spaced(self._held, repetition=False)
        if not ended and _WORD.search(text) is None:
            return ""  # which marks and spaces are superfluous shows with the next word
        self._joined = True
        return text

    def _repeated(self, words: list[str], growing: bool, ended: bool) -> int | None:
        """With how many words the continuation repeats the end of the text before; None as long as it is open."""
        for count in range(len(self._words), 0, -1):
            repeats = self._repeats(self._words[-count:], words, growing, ended)
            if repeats is None:
                return None
            if repeats:
                return count
        return 0

    def _repeats(self, said: list[str], words: list[str], growing: bool, ended: bool) -> bool | None:
        for index, expected in enumerate(said):
            if index == len(words):
                return False if ended else None
            word = words[index]
            completes = index == len(said) - 1 and self._completes(word)
            if growing and index == len(words) - 1:
                return None if completes or expected.startswith(word) else False
            if word != expected and not completes:
                return False
        return True

    def _completes(self, word: str) -> bool:
        """Whether this is the last word, which broke off."""
        if not self._last or self._held[0].isspace() or not word.startswith(self._last):
            return False
        return self._last not in _WHOLE or word[len(self._last) :].startswith("'")

    def _spaced(self, text: str, repetition: bool) -> str:
        """The text as it follows what was said: no mark twice, no space twice, none missing."""
        said, tail = self._said, self._tail
        if not repetition:
            text = re.sub(r"^\s*(\.\.\.|…)\s*", "", text)  # how models write that they go on
        if tail:
            text = text.lstrip(_MARKS)
        if said[-1].isspace():
            return text.lstrip().lstrip(_MARKS if repetition else "").lstrip()
        if repetition or not text or text[0].isspace() or text[0] in _MARKS or _JOINING.search(said):
            return text
        return f" {text}"


def _folded(word: str) -> str:
    return word.lower().replace("’", "'").strip("'")

"""Text as a model writes it -> text as it is said, while it is being written; a language a module."""

from __future__ import annotations

from typing import Protocol

from hocket.text.english import English
from hocket.text.markup import Markup


class SpeechText(Protocol):
    """Makes one reply ready to be spoken. How the text is divided into tokens changes nothing in what comes out.

    Its own output passes unchanged, and so do words that are only letters. Punctuation stays: voices breathe by it.
    """

    def push(self, token: str) -> str:
        """Take some more text; returns what is ready to be spoken, which may be nothing."""
        ...

    def flush(self) -> str:
        """The text is complete: returns what is left of it. Another may follow."""
        ...


def speech_text(language: str) -> SpeechText:
    """For a language tag such as "en-GB". Languages that hocket cannot read aloud only lose their markup."""
    if not is_english(language):
        return Markup()
    _, _, region = language.replace("_", "-").lower().partition("-")
    return _Both(Markup(), English(british=bool(region) and region not in _AMERICAN))


def is_english(language: str) -> bool:
    """Of a language tag."""
    return language.replace("_", "-").partition("-")[0].lower() == "en"


_AMERICAN = ("us", "ca", "ph")
"""Regions that write the month before the day, or say "one hundred five"; the other English ones do as Britain does."""


class _Both:
    """One after the other."""

    __slots__ = ("_first", "_then")

    def __init__(self, first: SpeechText, then: SpeechText) -> None:
        self._first = first
        self._then = then

    def push(self, token: str) -> str:
        ready = self._first.push(token)
        return self._then.push(ready) if ready else ""

    def flush(self) -> str:
        return self._then.push(self._first.flush()) + self._then.flush()

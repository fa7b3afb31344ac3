"""Texts, said at once or token by token."""

from __future__ import annotations

from collections.abc import Iterable

from hocket.text.speech import SpeechText, speech_text


def said(text: str, language: str = "en", size: int = 4) -> str:
    """A text that comes in tokens of so many characters."""
    return joined(speech_text(language), (text[at : at + size] for at in range(0, len(text), size)))


def joined(speech: SpeechText, tokens: Iterable[str]) -> str:
    return "".join([*map(speech.push, tokens), speech.flush()])

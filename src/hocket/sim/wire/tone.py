"""The voice of the wire servers: a tone whose length follows the text, with the time of every character."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from hocket.audio.frame import Samples

CHARACTER_MS: Final = 60
"""About the pace of speech."""

TONE_HZ: Final = 220
LOUDNESS: Final = 8000

CHUNK_MS: Final = 100
"""Of audio in a message."""

SPEED: Final = 5.0
"""How much faster than it sounds it is made: 100 ms of audio every 20 ms."""


class Timed(NamedTuple):
    """A word or a character of the text and the milliseconds of audio, from the start of the text, it sounds in."""

    text: str
    start_ms: float
    end_ms: float


def length_ms(text: str) -> int:
    """How long a text sounds: 60 ms a character, spaces included."""
    return CHARACTER_MS * len(text)


def tone(milliseconds: int, rate: int) -> Samples:
    """A tone of this length: shape (milliseconds * rate // 1000,)."""
    at = np.arange(milliseconds * rate // 1000) / rate
    return (LOUDNESS * np.cos(2 * np.pi * TONE_HZ * at)).astype(np.int16)


def characters(text: str) -> list[Timed]:
    return [Timed(character, index * CHARACTER_MS, (index + 1) * CHARACTER_MS) for index, character in enumerate(text)]


def words(text: str) -> list[Timed]:
    """The words of a text, without the spaces around them."""
    found: list[Timed] = []
    at = 0
    for word in text.split():
        at = text.index(word, at)
        found.append(Timed(word, at * CHARACTER_MS, (at + len(word)) * CHARACTER_MS))
        at += len(word)
    return found


def within(timed: list[Timed], start_ms: float, end_ms: float) -> list[Timed]:
    """Those that begin in this stretch of the audio."""
    return [item for item in timed if start_ms <= item.start_ms < end_ms]

"""Callers' turns as sound: words with their times, pauses with the truth about them, at the telephone's 8 kHz."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from hocket.audio.frame import Samples, silence
from hocket.errors import MissingError
from hocket.providers.flite import Flite
from hocket.providers.voices import offline_voice
from hocket.sim.script import Word
from hocket.stages.tts import Tts

RATE: Final = 8_000
MS: Final = RATE // 1000

NOISE_DBFS: Final = -60.0
"""Of the line, whatever is said."""

SPEECH_DBFS: Final = -22.0
"""Of the parts that are speech; people on telephones are recorded at -15 to -30."""

PAUSE_MS: Final = (200, 600)
VOICES: Final = ("rms", "slt", "awb")

_QUIET_DBFS: Final = -45.0
"""Of a synthesised stretch: what is quieter at its ends is not speech. 10 dB and more above the line's noise."""

PauseKind: TypeAlias = Literal["evident", "complete", "hold"]
"""evident: the words before it show more is to come. complete: they read complete. hold: a person's own, unjudged."""


class Pause(msgspec.Struct, frozen=True):
    """An unfinished one: the caller goes on. Samples from the start of the turn."""

    start: int
    end: int
    kind: PauseKind


class Turn(msgspec.Struct, frozen=True):
    """One turn of a caller. It begins and ends with speech but for a few milliseconds."""

    text: str
    samples: Samples
    """8 kHz, without the line's noise."""
    words: tuple[Word, ...]
    """Milliseconds from its start."""
    pauses: tuple[Pause, ...] = ()


class Stretch(msgspec.Struct, frozen=True):
    """Words without a pause."""

    samples: Samples
    words: tuple[Word, ...]


class Voice:
    """Synthesises stretches ahead and remembers them."""

    def __init__(self, tts: Tts) -> None:
        self._tts = tts
        self._known: dict[str, Stretch] = {}

    async def turn(self, marked: str, rng: Random) -> Turn:
        """A sentence in which `...` and `|` mark pauses, each of a length drawn anew."""
        samples: list[Samples] = []
        words: list[Word] = []
        pauses: list[Pause] = []
        at = 0
        for part in marked.replace("...", "~...~").replace("|", "~|~").split("~"):
            if part in ("...", "|"):
                length = rng.randint(*PAUSE_MS) * MS
                pauses.append(Pause(at, at + length, "evident" if part == "..." else "complete"))
                samples.append(silence(length))
                at += length
            elif part.strip():
                stretch = await self._stretch(part.strip())
                shift = at // MS
                words += [Word(word.text, word.start_ms + shift, word.end_ms + shift) for word in stretch.words]
                samples.append(stretch.samples)
                at += len(stretch.samples)
        return Turn(" ".join(word.text for word in words), np.concatenate(samples), tuple(words), tuple(pauses))

    async def _stretch(self, text: str) -> Stretch:
        if text not in self._known:
            self._known[text] = await _synthesised(self._tts, text)
        return self._known[text]


def voices() -> list[Voice]:
    """Three people where flite is there, else one."""
    try:
        return [Voice(Flite(name)) for name in VOICES]
    except MissingError:
        return [Voice(offline_voice())]


async def _synthesised(tts: Tts, text: str) -> Stretch:
    """A stretch at the level of speech, cut to whole milliseconds around its sound."""

    async def once() -> AsyncIterator[str]:
        yield text

    chunks: list[Samples] = []
    begun: list[tuple[str, int]] = []
    at = 0
    async for chunk in tts.speak(once(), RATE):
        if chunk.text.strip():
            begun.append((chunk.text.strip(), at // MS))
        chunks.append(chunk.samples)
        at += len(chunk.samples)
        await asyncio.sleep(0)
    samples, from_ms = _cut(levelled(np.concatenate(chunks)))
    length_ms = len(samples) // MS
    starts = [min(max(0, start - from_ms), length_ms) for _, start in begun]
    ends = [*starts[1:], length_ms]
    return Stretch(samples, tuple(Word(text, *times) for (text, _), *times in zip(begun, starts, ends, strict=True)))


def _cut(samples: Samples) -> tuple[Samples, int]:
    """The sound without what is quiet around it, and the millisecond it began at."""
    loud = np.flatnonzero(levels(samples, 10) > _QUIET_DBFS)
    first, last = int(loud[0]) * 10, (int(loud[-1]) + 1) * 10
    return samples[first * MS : last * MS], first


def levelled(samples: Samples) -> Samples:
    """Brought to the level of speech, as measured where it is loud."""
    found = levels(samples, 10)
    speech = found[found > found.max() - 25]
    gain_db = SPEECH_DBFS - 10 * np.log10(np.mean(10 ** (speech / 10)))
    louder: Samples = np.clip(samples * 10 ** (gain_db / 20), -32768, 32767).astype(np.int16)
    return louder


def levels(samples: Samples, block_ms: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """dBFS of each block: shape (n // (8 * block_ms),)."""
    size = block_ms * MS
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64) / 32768
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)
    return found


def line_noise(seed: int, seconds: int) -> Samples:
    """White noise: shape (8000 * seconds,)."""
    rng = np.random.default_rng(seed)
    return np.rint(rng.normal(0, 32768 * 10 ** (NOISE_DBFS / 20), RATE * seconds)).astype(np.int16)


async def spoken(sentences: Sequence[str], voice: Voice, rng: Random) -> list[Turn]:
    return [await voice.turn(sentence, rng) for sentence in sentences]

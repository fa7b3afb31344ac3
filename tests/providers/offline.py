"""What the tests of the offline voices share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.levels import rms_dbfs
from hocket.providers.synthesis import Synthesiser, Word
from hocket.stages.tts import SpeechChunk, Tts

AUDIBLE_DBFS = -50.0
AUDIBLE = 32768 * 10 ** (AUDIBLE_DBFS / 20)
SENTENCE = "Yes, I can help with that."


async def text(*segments: str) -> AsyncGenerator[str, None]:
    for segment in segments:
        yield segment


async def spoken(voice: Tts, *segments: str, rate: int = 16_000) -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text(*segments), rate)]


def joined(chunks: list[SpeechChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


def texts(chunks: list[SpeechChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def handed_out(synthesiser: Synthesiser, sentence: str, most: int = 1_000_000) -> list[int]:
    """The sizes of what a synthesiser hands out, when it is told to stop after `most`."""
    sizes: list[int] = []

    def emit(samples: Samples, words: Sequence[Word], cpu_ns: int) -> bool:
        sizes.append(len(samples))
        return len(sizes) < most

    synthesiser.synthesise(sentence, emit)
    return sizes


def silence_ms(samples: Samples, rate: int) -> tuple[float, float]:
    """Before the first audible sample, and after the last audible 5 ms."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= AUDIBLE)
    from_the_end = samples[::-1]
    size = rate // 200
    windows = from_the_end[: len(from_the_end) // size * size].reshape(-1, size)
    quiet = next(index for index, window in enumerate(windows) if rms_dbfs(window) >= AUDIBLE_DBFS)
    return float(loud[0] * 1000 / rate), quiet * 5.0

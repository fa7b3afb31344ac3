"""How soon does an offline voice make its first sound?

For each voice and each length of a segment: from handing over the text to the first chunk, by the clock (which the
machine's other work makes longer) and in processor time, the worker process's included, and what the whole costs for
each second of speech. Processor time is read from a loop whose time is virtual. No other call is synthesised meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from hocket.clock import MS, LoopClock, stopwatch
from hocket.errors import MissingError
from hocket.providers.espeak import Espeak
from hocket.providers.flite import VOICES, Flite
from hocket.sim.loop import run
from hocket.stages.tts import Tts

RATE = 16_000
ROUNDS = 21
RESULTS = Path(__file__).parent / "results" / "voices.json"
SENTENCES = (
    "Sure.",
    "Yes, I can help with that.",
    "Your appointment is confirmed for Tuesday at three thirty in the afternoon, "
    "and we will send you a reminder the day before.",
)


class Row(msgspec.Struct):
    """Medians over `ROUNDS`."""

    voice: str
    characters: int
    first_chunk_ms: float
    first_chunk_worst_ms: float
    first_chunk_cpu_ms: float
    speech_s: float
    whole_cpu_ms: float
    real_time_factor: float
    """Processor time of the whole for each second of speech."""


def main() -> None:
    rows = [_measure(voice, sentence) for voice in _voices() for sentence in SENTENCES]
    table = Table(*(field.replace("_", " ") for field in Row.__struct_fields__), title="Offline voices, medians")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in _values(row)))
    Console().print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([msgspec.structs.asdict(row) for row in rows], indent=1) + "\n")


def _voices() -> Iterator[Flite | Espeak]:
    for voice in VOICES:
        try:
            yield Flite(voice)
        except MissingError as error:
            Console().print(str(error))
    try:
        espeak = Espeak()
    except MissingError as error:
        Console().print(str(error))
        return
    yield espeak
    espeak.close()


def _measure(voice: Flite | Espeak, sentence: str) -> Row:
    asyncio.run(_speak(voice, sentence, stopwatch))  # what a first use loads is not of interest
    by_clock = [asyncio.run(_speak(voice, sentence, stopwatch)) for _ in range(ROUNDS)]
    by_processor = [run(_in_virtual_time(voice, sentence)) for _ in range(ROUNDS)]
    firsts_ms = [times.first_ns / MS for times in by_clock]
    whole_ms = statistics.median(times.whole_ns for times in by_processor) / MS
    speech_s = by_clock[0].samples / RATE
    return Row(
        voice=voice.name,
        characters=len(sentence),
        first_chunk_ms=statistics.median(firsts_ms),
        first_chunk_worst_ms=max(firsts_ms),
        first_chunk_cpu_ms=statistics.median(times.first_ns for times in by_processor) / MS,
        speech_s=speech_s,
        whole_cpu_ms=whole_ms,
        real_time_factor=whole_ms / 1000 / speech_s,
    )


class _Times(NamedTuple):
    first_ns: int
    whole_ns: int
    samples: int


async def _in_virtual_time(voice: Tts, sentence: str) -> _Times:
    return await _speak(voice, sentence, LoopClock().now)


async def _speak(voice: Tts, sentence: str, now: Callable[[], int]) -> _Times:
    async def text() -> AsyncGenerator[str, None]:
        yield sentence

    began = now()
    first = samples = 0
    async for chunk in voice.speak(text(), RATE):
        first = first or now() - began
        samples += len(chunk.samples)
    return _Times(first, now() - began, samples)


def _values(row: Row) -> list[object]:
    return [getattr(row, field) for field in row.__struct_fields__]


if __name__ == "__main__":
    main()

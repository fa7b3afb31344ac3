"""What the callers of a load say: the sentences of the latency benchmark at fixed times, over a noisy line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np

from benchmarks.latency import speech
from benchmarks.latency.sentences import SCRIPTS
from benchmarks.latency.speech import MS, RATE
from hocket.audio.g711 import encode_ulaw
from hocket.sim.load import Script, Turn
from hocket.sim.load_twilio import script
from hocket.sim.script import Word

PERIOD_MS: Final = 8_000
"""From the beginning of one turn to that of the next: 2 s of speech, 0.5 s of waiting, 4 s of reply, and silence."""

FIRST_MS: Final = 1_300
"""Nobody speaks before."""


class Said(msgspec.Struct, frozen=True):
    """The caller's side of a call."""

    ulaw: bytes
    words: tuple[Word, ...]
    turns: tuple[Turn, ...]

    def script(self) -> Script:
        return script(self.ulaw, self.turns)


async def turns(count: int, seed: int) -> list[speech.Turn]:
    """So many sentences, in the voices there are. Without pauses in mid-sentence: a turn has one answer."""
    rng, voices = Random(seed), cycle(speech.voices())
    plain = [one for lines in SCRIPTS.values() for one in lines if "..." not in one and "|" not in one]
    rng.shuffle(plain)
    return [await next(voices).turn(one, rng) for one in islice(cycle(plain), count)]


def calls(spoken: Sequence[speech.Turn], each: int, seed: int) -> list[Said]:
    """The turns as calls of so many turns each."""
    return [_said(spoken[at : at + each], seed + at) for at in range(0, len(spoken), each)]


def _said(spoken: Sequence[speech.Turn], seed: int) -> Said:
    rng = Random(seed)
    samples = speech.line_noise(seed, (FIRST_MS + len(spoken) * PERIOD_MS) // 1000).astype(np.int32)
    words: list[Word] = []
    found: list[Turn] = []
    for number, turn in enumerate(spoken):
        # In mid-frame, as people do.
        start = (FIRST_MS + number * PERIOD_MS + rng.randrange(-100, 100)) * MS
        samples[start : start + len(turn.samples)] += turn.samples
        words += [Word(word.text, word.start_ms + start // MS, word.end_ms + start // MS) for word in turn.words]
        end_ms = _end_ms(turn)
        found.append(Turn(start / RATE, start / RATE + end_ms / 1000))
    return Said(encode_ulaw(np.clip(samples, -32768, 32767).astype(np.int16)), tuple(words), tuple(found))


def _end_ms(turn: speech.Turn) -> int:
    """The end of the last 10 ms that are 10 dB above the line's noise."""
    loud = np.flatnonzero(speech.levels(turn.samples, 10) > speech.NOISE_DBFS + 10)
    return (int(loud[-1]) + 1) * 10


def store(path: Path, calls: Sequence[Said]) -> None:
    path.write_bytes(msgspec.msgpack.encode(calls))


def stored(path: Path) -> list[Said]:
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Said])

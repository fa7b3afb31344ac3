"""The cloud of a load, a process of its own: Deepgram, OpenAI and Cartesia on loopback with the uniform delays.

It prints where they listen, as one JSON list of the arguments that the system under test takes, and ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import uvloop

from benchmarks.capacity import saying
from benchmarks.capacity.saying import Said
from benchmarks.latency.sentences import BODIES, NAMES, OPENING_WORDS
from benchmarks.latency.speech import MS
from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw
from hocket.sim.delays import Delays
from hocket.sim.script import Word
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Asked, Reply

NEEDLE: Final = 160
"""Samples by which a place is found: a frame of noise is like no other."""


class Known:
    """All that the callers say, by its frames."""

    def __init__(self, calls: Sequence[Said]) -> None:
        self.calls = [(decode_ulaw(call.ulaw).tobytes(), call.words) for call in calls]
        self.places: dict[bytes, tuple[int, int]] = {}
        for number, (data, _) in enumerate(self.calls):
            for at in range(0, len(data) - 2 * NEEDLE + 1, 2 * NEEDLE):
                self.places[data[at : at + 2 * NEEDLE]] = (number, at // 2)


class KnowingEar:
    """Hears one connection of the recogniser: a `hocket.sim.wire.hearing.Ear`. Frames come whole."""

    def __init__(self, known: Known) -> None:
        self.words: list[Word] = []
        self.sounded_ms = 0.0
        self._known = known
        self._data = b""
        self._said: tuple[Word, ...] = ()
        self._at = 0
        self._next = 0
        self._heard = 0

    def hear(self, samples: Samples) -> None:
        data = samples.tobytes()
        self._heard += len(samples)
        if self._data.startswith(data, 2 * self._at):
            self._at += len(samples)
        elif not self._search(data, len(samples)):
            return
        while self._next < len(self._said) and self._said[self._next].start_ms * MS < self._at:
            word, shift_ms = self._said[self._next], (self._heard - self._at) // MS
            self.words.append(Word(word.text, word.start_ms + shift_ms, word.end_ms + shift_ms))
            self._next += 1

    def _search(self, data: bytes, count: int) -> bool:
        found = self._known.places.get(data[: 2 * NEEDLE])
        if found is None:
            return False
        number, at = found
        self._data, self._said = self._known.calls[number]
        self._at = at + count
        self._next = sum(word.start_ms * MS < at for word in self._said)
        return True


class Answers:
    """An opener of a few words, of about 1,700 that are as likely, and two short sentences."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)

    def __call__(self, asked: Asked) -> Reply:
        choose = self._rng.choice
        return Reply(f"{choose(OPENING_WORDS)} {choose(NAMES)}. {choose(BODIES)}")


async def serve(calls: Sequence[Said], seed: int) -> None:
    known, delays = Known(calls), Delays.uniform(Random(seed))
    stt = DeepgramServer(lambda _: KnowingEar(known), delays=delays)
    async with stt, OpenAiServer(Answers(seed), delays=delays) as llm, CartesiaServer(delays=delays) as tts:
        gc.collect()
        gc.freeze()
        arguments = ["--deepgram", stt.url, "--openai", llm.url, "--cartesia", tts.url]
        print(msgspec.json.encode(arguments).decode(), flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", type=Path, help="what is said, as `saying.store` wrote it")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    uvloop.run(serve(saying.stored(options.calls), options.seed))


if __name__ == "__main__":
    main()

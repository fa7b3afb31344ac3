"""The caller's mouth: what is said goes out at the pace of speech, with silence between, as from a microphone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from hocket.audio.frame import FRAME_MS, Samples, silence
from hocket.transports.client_messages import MAX_AUDIO_MS
from hocket.transports.incoming import Codec

FRAME_S: Final = FRAME_MS / 1000

PATIENCE_S: Final = 0.25
"""A microphone that gives nothing for so long is off. It gives no more than `MAX_AUDIO_MS` at a time."""


class Mouth:
    """Either `send` what a microphone gives as it gives it, or `say` something that there is already."""

    def __init__(self, codec: Codec, put: Callable[[bytes], None]) -> None:
        self._codec = codec
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Samples, asyncio.Future[None]]] = deque()
        self._until = self._loop.time()
        """Something has been said for all the time before."""
        self._live = False
        """The last that was said came from a microphone."""

    def send(self, samples: Samples) -> None:
        """What a microphone gave just now, shape (n,)."""
        now, rate = self._loop.time(), self._codec.rate
        self._live = True
        self._until = max(self._until, now - len(samples) / rate) + len(samples) / rate
        most = rate * MAX_AUDIO_MS // 1000
        for start in range(0, len(samples), most):
            self._put(self._codec.encode(samples[start : start + most]))

    async def say(self, samples: Samples) -> None:
        """Say it, shape (n,), after what is being said; returns when it has been said."""
        size = self._codec.frame_samples
        done = self._loop.create_future()
        self._live = False
        for start in range(0, len(samples), size):
            part = samples[start : start + size]
            self._waiting.append((part, done))
        if len(samples):
            await done

    def stop(self) -> None:
        """Nothing more is said; nobody waits for it."""
        for _, done in self._waiting:
            if not done.done():
                done.set_result(None)
        self._waiting.clear()

    async def run(self) -> None:
        """Speak, until cancelled."""
        due = self._loop.time()
        while True:
            # Deadlines are absolute, so that no error adds up.
            due = max(due + FRAME_S, self._loop.time() - PATIENCE_S)
            await asyncio.sleep(due - self._loop.time())
            if not self._live or due - self._until > PATIENCE_S:
                self._live = False
                self._until = max(self._until, due - PATIENCE_S)
                while self._until < due - FRAME_S / 2:
                    self._until += FRAME_S
                    self._put(self._next())

    def _next(self) -> bytes:
        size = self._codec.frame_samples
        if not self._waiting:
            return self._codec.encode(silence(size))
        part, done = self._waiting.popleft()
        if not done.done() and not (self._waiting and self._waiting[0][1] is done):
            done.set_result(None)
        frame = silence(size)
        frame[: len(part)] = part
        return self._codec.encode(frame)

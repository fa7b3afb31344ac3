"""The caller's ear: what the agent says, as it sounds, and the reports of it that the gateway needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from hocket.audio.frame import FRAME_MS, Samples
from hocket.client.speaker import Speaker
from hocket.transports.client_messages import Played, Welcome

REPORT_FRAMES: Final = 100 // FRAME_MS
"""What has sounded is reported so often."""


class Heard(msgspec.Struct, frozen=True):
    """About 20 ms in which something sounded."""

    samples: Samples
    """Shape (n,); zeros where nothing sounded."""
    at: int
    """The first one's place in time: samples since the call was opened."""


class Ear:
    """Time is the event loop's, counted in samples since the ear was made."""

    def __init__(self, rate: int, report: Callable[[Played], None], heard: Callable[[Heard], None]) -> None:
        self._rate = rate
        self._report = report
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._speaker = Speaker()
        self._sounding = asyncio.Event()
        self._since = 0
        self._reported = 0

    @property
    def position(self) -> int:
        """Just after the last sample that has sounded."""
        return self._speaker.position(self._now())

    @property
    def clears(self) -> int:
        """How many times the gateway has taken audio back."""
        return self._speaker.clears

    def play(self, samples: Samples) -> None:
        """The next audio, shape (n,)."""
        now = self._now()
        self._speaker.play(samples, now)
        if not self._sounding.is_set():
            self._since = now
            self._sounding.set()

    def clear(self, keep: int) -> None:
        """The gateway takes back what has not sounded."""
        self._speaker.clear(keep, self._now())
        self._say(keep)

    def cut(self) -> int:
        """The connection is lost; returns the position."""
        return self._speaker.cut(self._now())

    def resume(self, welcome: Welcome) -> None:
        """There is another connection."""
        self._speaker.resume(welcome.position, welcome.clears, self._now())
        self._reported = welcome.position

    async def run(self) -> None:
        """Listen, until cancelled."""
        while True:
            await self._sounding.wait()
            due, frame = self._loop.time(), 0
            while self._speaker.silent_at > self._now():
                due += FRAME_MS / 1000
                frame += 1
                await asyncio.sleep(due - self._loop.time())
                self._listen()
                if frame % REPORT_FRAMES == 0:
                    self._say_news()
            self._say_news()
            self._sounding.clear()

    def _listen(self) -> None:
        since, self._since = self._since, self._now()
        self._heard(Heard(self._speaker.hear(since, self._since), since))

    def _say_news(self) -> None:
        if (position := self.position) != self._reported:
            self._say(position)

    def _say(self, position: int) -> None:
        self._reported = position
        self._report(Played(position, self._speaker.clears))

    def _now(self) -> int:
        # A timer may fire a hair before its time.
        return round((self._loop.time() - self._began) * self._rate)

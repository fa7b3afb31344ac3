"""The caller's audio: level, voice activity and recognition, side by side on every frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from hocket.audio.frame import Frame
from hocket.audio.levels import VoiceLevel
from hocket.clock import SECOND
from hocket.errors import SttError
from hocket.stages.stt import Stt, SttStream
from hocket.stages.vad import Vad, VadStream, VadWindow
from hocket.trace.records import Mark
from hocket.turn.activity import Activity
from hocket.turn.events import Event, SpeechStarted, Transcribed

REOPEN_S: Final = (0.0, 0.25, 1.0, 3.0)
"""Waits before each attempt to replace a lost recogniser."""


class Listening:
    """Hears one caller."""

    def __init__(
        self, vad: Vad, stt: Stt, rate: int, post: Callable[[Event], None], mark: Callable[[Mark], None]
    ) -> None:
        self.dropped: dict[str, int] = {}
        self._stt = stt
        self._rate = rate
        self._post = post
        self._mark = mark
        self._level = VoiceLevel(rate)
        self._activity = Activity()
        self._epoch = 0
        self._last_window = 0
        self._onset = 0
        self._recogniser: SttStream | None = None
        self._language = "en"
        self._detector: VadStream = vad.open(rate, self._window)

    async def open(self, language: str, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Connect the recogniser. Raises `SttError`."""
        self._language = language
        self._recogniser = await self._stt.open(self._rate, language)
        spawn(self._read())

    def begin(self, epoch: int) -> None:
        """Media sample 0 was said at `epoch`."""
        self._epoch = epoch

    def hear(self, frame: Frame) -> None:
        """Take a frame. Runs 50 times a second for every call."""
        if self._recogniser is not None:
            self._recogniser.push(frame)
        self._detector.push(frame)
        level = self._level
        level.push(frame.samples, frame.at)
        self._tell(self._activity.level(self._time(frame.end), self._time(level.last_voice_end)))

    def finalize(self) -> None:
        """Ask the recogniser for a final."""
        self._mark(Mark("stt", "started"))
        if self._recogniser is not None:
            self._recogniser.finalize()

    async def close(self) -> None:
        self._detector.close()
        if self._recogniser is not None:
            await self._recogniser.close()

    @property
    def onset_ms(self) -> int:
        """When the caller's latest speech began, in milliseconds of media time."""
        return max(0, self._onset - self._epoch) // 1_000_000

    def _window(self, window: VadWindow) -> None:
        start, end = self._time(self._last_window), self._time(window.end)
        self._last_window = window.end
        self._tell(self._activity.window(start, end, window.probability))

    def _tell(self, event: Event | None) -> None:
        if event is None:
            return
        if isinstance(event, SpeechStarted):
            self._onset = event.onset
        self._post(event)

    def _time(self, samples: int) -> int:
        """Media time as `now` time."""
        return self._epoch + samples * SECOND // self._rate

    async def _read(self) -> None:
        """Transcripts in order; a lost recogniser is replaced while the call goes on."""
        losses = 0
        while True:
            stream = self._recogniser
            assert stream is not None
            try:
                async for transcript in stream:
                    losses = 0
                    if transcript.finalized:
                        self._mark(Mark("stt", "ended"))
                    self._post(Transcribed(transcript.text, transcript.final, transcript.finalized))
                return
            except SttError as error:
                self._mark(Mark("stt", "failed", detail=str(error)))
                self._recogniser = None
                await stream.close()
                losses += 1
                await self._reopen(error, losses)

    async def _reopen(self, lost: SttError, losses: int) -> None:
        if not lost.retryable or losses > len(REOPEN_S):
            raise lost
        for wait_s in REOPEN_S[losses - 1 :]:
            await asyncio.sleep(wait_s)
            try:
                self._mark(Mark("connect", "started", detail=self._stt.name))
                self._recogniser = await self._stt.open(self._rate, self._language)
            except SttError as error:
                self._mark(Mark("connect", "failed", detail=str(error)))
                lost = error
            else:
                self._mark(Mark("connect", "ended", detail=self._stt.name))
                return
        raise lost

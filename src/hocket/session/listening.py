"""The caller's audio: level, voice activity and recognition, side by side on every frame."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from hocket.audio.frame import FRAME_MS, Frame
from hocket.audio.levels import VoiceLevel
from hocket.clock import SECOND
from hocket.errors import SttError
from hocket.stages.stt import Stt, SttStream, Transcript
from hocket.stages.vad import Vad, VadStream, VadWindow
from hocket.trace.records import Mark
from hocket.turn.activity import Activity
from hocket.turn.events import Event, SpeechStarted, Transcribed

log = logging.getLogger(__name__)

REOPEN_S: Final = (0.0, 0.25, 1.0, 3.0)
"""Waits before each attempt to replace a lost recogniser."""

OPEN_S: Final = 5.0
"""A recogniser that cannot be opened, or closed, in this time is lost."""

HEALTHY_S: Final = 10.0
"""A recogniser that lived so long, or brought words, was not lost at once."""

KEPT_FRAMES: Final = 5_000 // FRAME_MS
"""What the caller says while a recogniser is replaced, for the next one; beyond, the oldest is dropped and counted."""


class Listening:
    """Hears one caller."""

    def __init__(
        self,
        vad: Vad,
        stt: Stt,
        rate: int,
        post: Callable[[Event], None],
        mark: Callable[[Mark], None],
        agent_is_heard: Callable[[], bool],
    ) -> None:
        self._agent_is_heard = agent_is_heard
        self._vad = vad
        self._rate = rate
        self._post = post
        self._level = VoiceLevel(rate)
        self._activity = Activity()
        self._epoch = 0
        self._last_window = 0
        self.onset = 0
        """When the caller's latest speech began, in `now` time."""
        self._detector: VadStream | None = None
        self._recogniser = _Recogniser(stt, rate, post, mark)

    @property
    def dropped(self) -> dict[str, int]:
        """Queue -> frames dropped because it was full."""
        return {"stt": self._recogniser.dropped} if self._recogniser.dropped else {}

    async def open(self, language: str, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Connect the detector and the recogniser. Raises `SttError`."""
        self._detector = self._vad.open(self._rate, self._window)
        await self._recogniser.open(language)
        spawn(self._recogniser.read())

    def begin(self, epoch: int) -> None:
        """Media sample 0 was said at `epoch`."""
        self._epoch = epoch

    def hear(self, frame: Frame) -> None:
        """Take a frame. Runs 50 times a second for every call."""
        self._recogniser.push(frame)
        if self._detector is not None:
            self._detector.push(frame)
        level = self._level
        level.push(frame.samples, frame.at)
        self._tell(self._activity.level(self._time(frame.end), self._time(level.last_voice_end)))

    def finalize(self) -> None:
        """Ask the recogniser for a final."""
        self._recogniser.finalize()

    async def close(self) -> None:
        if self._detector is not None:
            self._detector.close()
        await self._recogniser.close()

    def _window(self, window: VadWindow) -> None:
        start, end = self._time(self._last_window), self._time(window.end)
        self._last_window = window.end
        self._activity.overlapping = self._agent_is_heard()
        self._tell(self._activity.window(start, end, window.probability))

    def _tell(self, event: Event | None) -> None:
        if event is None:
            return
        if isinstance(event, SpeechStarted):
            self.onset = event.onset
        self._post(event)

    def _time(self, samples: int) -> int:
        """Media time as `now` time."""
        return self._epoch + samples * SECOND // self._rate


class _Recogniser:
    """A recogniser that is replaced when it is lost, while the call goes on."""

    def __init__(self, stt: Stt, rate: int, post: Callable[[Event], None], mark: Callable[[Mark], None]) -> None:
        self.dropped = 0
        self._stt = stt
        self._rate = rate
        self._post = post
        self._mark = mark
        self._language = "en"
        self._stream: SttStream | None = None
        self._kept: deque[Frame] = deque(maxlen=KEPT_FRAMES)
        self._interim = ""
        """Words that are not settled yet."""
        self._asked = False
        """A final was asked for, and has not come."""
        self._losses = 0
        """In a row."""

    async def open(self, language: str) -> None:
        """Raises `SttError`."""
        self._language = language
        self._stream = await self._connected()

    def push(self, frame: Frame) -> None:
        if self._stream is not None:
            self._stream.push(frame)
            return
        if len(self._kept) == KEPT_FRAMES:
            self.dropped += 1
        self._kept.append(frame)

    def finalize(self) -> None:
        self._mark(Mark("stt", "started"))
        self._asked = True
        if self._stream is not None:
            self._stream.finalize()

    async def read(self) -> None:
        """Transcripts in order, to the end of the call. Raises `SttError` when there is no recogniser to be had."""
        loop = asyncio.get_running_loop()
        while (stream := self._stream) is not None:
            began = loop.time()
            try:
                async for transcript in stream:
                    self._losses = 0
                    self._tell(transcript)
                lost = SttError(f"{self._stt.name} ended in the middle of the call.")
            except SttError as error:
                lost = error
            except Exception as error:
                log.exception("the recogniser failed")
                lost = SttError(f"{self._stt.name} failed with {type(error).__name__}.")
            self._stream = None
            self._mark(Mark("stt", "failed", detail=str(lost)))
            if loop.time() - began >= HEALTHY_S:
                self._losses = 0
            self._losses += 1
            self._settle()
            await _closed(stream)
            await self._reopen(lost)

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()

    def _tell(self, transcript: Transcript) -> None:
        self._interim = "" if transcript.final else transcript.text
        if transcript.finalized:
            self._asked = False
            self._mark(Mark("stt", "ended"))
        self._post(Transcribed(transcript.text, transcript.final, transcript.finalized))

    def _settle(self) -> None:
        """What was understood before the loss stays: the next recogniser starts afresh."""
        if self._interim or self._asked:
            self._tell(Transcript(self._interim, True, self._asked))

    async def _reopen(self, lost: SttError) -> None:
        """Raises the last error when all attempts have failed, or none can help."""
        for wait_s in REOPEN_S[self._losses - 1 :]:
            if not lost.retryable:
                break
            await asyncio.sleep(wait_s)
            self._mark(Mark("connect", "started", detail=self._stt.name))
            try:
                stream = await self._connected()
            except SttError as error:
                self._mark(Mark("connect", "failed", detail=str(error)))
                lost = error
                continue
            self._mark(Mark("connect", "ended", detail=self._stt.name))
            while self._kept:
                stream.push(self._kept.popleft())
            self._stream = stream
            if self._asked:
                stream.finalize()
            return
        raise lost

    async def _connected(self) -> SttStream:
        try:
            async with asyncio.timeout(OPEN_S):
                return await self._stt.open(self._rate, self._language)
        except TimeoutError:
            raise SttError(f"{self._stt.name} could not be opened within {OPEN_S:g} s.") from None


async def _closed(stream: SttStream) -> None:
    """Close what is lost anyway."""
    try:
        async with asyncio.timeout(OPEN_S):
            await stream.close()
    except Exception as error:
        log.warning("a lost recogniser could not be closed", exc_info=error)

"""The caller's audio: level, voice activity and recognition, side by side on every frame."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from hocket.audio.frame import Frame, joined
from hocket.audio.levels import VoiceLevel
from hocket.clock import SECOND
from hocket.errors import SttError
from hocket.session.endings import Endings
from hocket.stages.stt import Stt, SttStream
from hocket.stages.vad import Vad, VadStream, VadWindow
from hocket.trace.records import Mark
from hocket.turn.activity import Activity
from hocket.turn.events import Event, SpeechStarted, Transcribed

HELD_MS: Final = 240
"""A line on which nobody has spoken for a while is heard so much at a time, and at once when there may be a voice: most
of a call is such silence, and a frame costs what it is to find the call's affairs in memory, however short it is.
Recognisers recommend packets of 20 to 250 ms."""


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
        endings: Endings | None = None,
    ) -> None:
        self._endings = endings
        self._agent_is_heard = agent_is_heard
        self._vad = vad
        self._rate = rate
        self._post = post
        self._level = VoiceLevel(rate)
        self._activity = Activity()
        self._held: list[Frame] = []
        """Silence that has not been taken yet."""
        self._held_most = rate * HELD_MS // 1000
        self._epoch = 0
        self.onset = 0
        """When the caller's latest speech began, in `now` time."""
        self._detector: VadStream | None = None
        self._recogniser = _Recogniser(stt, rate, post, mark)

    @property
    def dropped(self) -> dict[str, int]:
        """Queue -> frames of 20 ms dropped because it was full."""
        dropped = self._recogniser.dropped
        return {"stt": dropped} if dropped else {}

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
        if self._activity.still and self._level.is_faint(frame):
            self._hold(frame)
        else:
            self._release()
            self._take(frame)

    def finalize(self) -> None:
        """Ask the recogniser for a final."""
        self._release()
        self._recogniser.finalize()

    def judge_ending(self) -> None:
        """Ask the turn detector, if there is one, how the speech so far has ended."""
        if self._endings is not None:
            self._release()
            self._endings.ask()

    def agent_heard(self) -> None:
        """An answer sounds: what the caller says next is another utterance."""
        if self._endings is not None:
            self._endings.agent_heard()

    async def close(self) -> None:
        detector, self._detector = self._detector, None  # each knows the other
        if detector is not None:
            detector.close()
        await self._recogniser.close()

    def _hold(self, frame: Frame) -> None:
        held = self._held
        if held and frame.at != held[-1].end:
            self._release()
        held.append(frame)
        if frame.end - held[0].at >= self._held_most:
            self._release()

    def _release(self) -> None:
        if self._held:
            silence = joined(self._held)
            self._held.clear()
            self._take(silence)

    def _take(self, frame: Frame) -> None:
        level = self._level
        level.push(frame.samples, frame.at)
        # Whoever wants to know where somebody spoke need not measure it again.
        frame = frame.with_voice_until(level.last_voice_end)
        self._recogniser.push(frame)
        if self._endings is not None:
            self._endings.push(frame)
        if self._detector is not None:
            self._detector.push(frame)
        voice, loud = self._time(level.last_voice_end), self._time(level.last_loud_end)
        self._tell(self._activity.level(self._time(frame.end), voice, loud))

    def _window(self, window: VadWindow) -> None:
        self._activity.overlapping = self._agent_is_heard()
        self._tell(self._activity.window(self._time(window.start), self._time(window.end), window.probability))

    def _tell(self, event: Event | None) -> None:
        if event is None:
            return
        if isinstance(event, SpeechStarted):
            self.onset = event.onset
            if self._endings is not None:
                self._endings.speech_started((event.onset - self._epoch) * self._rate // SECOND)
        self._post(event)

    def _time(self, samples: int) -> int:
        """Media time as `now` time."""
        return self._epoch + samples * SECOND // self._rate


class _Recogniser:
    """Reads one recogniser. To survive its loss is the business of `hocket.resilience.fallback_stt`, which wraps it."""

    def __init__(self, stt: Stt, rate: int, post: Callable[[Event], None], mark: Callable[[Mark], None]) -> None:
        self._stt = stt
        self._rate = rate
        self._post = post
        self._mark = mark
        self._stream: SttStream | None = None

    @property
    def dropped(self) -> int:
        return self._stream.dropped if self._stream is not None else 0

    async def open(self, language: str) -> None:
        """Raises `SttError`."""
        self._stream = await self._stt.open(self._rate, language)

    def push(self, frame: Frame) -> None:
        if self._stream is not None:
            self._stream.push(frame)

    def finalize(self) -> None:
        self._mark(Mark("stt", "started"))
        if self._stream is not None:
            self._stream.finalize()

    async def read(self) -> None:
        """Transcripts in order, to the end of the call. Raises `SttError` when there are no more."""
        assert self._stream is not None, "it is read when it has been opened"
        try:
            async for transcript in self._stream:
                if transcript.finalized:
                    self._mark(Mark("stt", "ended"))
                self._post(Transcribed(transcript.text, transcript.final, transcript.finalized))
            raise SttError(f"{self._stt.name} ended in the middle of the call, so nobody hears the caller any more.")
        except SttError as error:
            self._mark(Mark("stt", "failed", detail=str(error)))
            raise

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()

"""A caller made of recorded files, who talks with the agent in the event loop's own time, real or virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.audio.playback import Playback
from hocket.errors import AudioError, ConfigError, TransportError
from hocket.stages.transport import Receiver
from hocket.transports.line_audio import DISK_TIMEOUT_S
from hocket.transports.recording import Recording
from hocket.transports.script import Line, ScriptedCaller

RATES: Final = (8_000, 16_000, 24_000, 48_000)
REPORT_EVERY_FRAMES: Final = 5
"""How often the far end says what has sounded: about every 100 ms, as carriers and browsers do."""

MAX_QUEUED_MS: Final = 10_000
"""Audio that a far end takes before it sounds; who sends more has lost its pace."""


class FilesTransport:
    """Delivers the caller's lines and room tone as frames of 20 ms, plays what the agent sends, records both.

    `recording` is a stereo WAV, the caller left and the agent right, whose sample index / rate is the time since the
    call's first frame.
    """

    name = "files"
    ahead_ms = frame_ms = FRAME_MS

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        rate: int = 16_000,
        recording: Path | None = None,
        tail_ms: float = 1_500,
        patience_ms: float = 6_000,
    ) -> None:
        if rate not in RATES:
            raise ConfigError(
                f"A call cannot have {rate} samples a second; choose one of {', '.join(map(str, RATES))}."
            )
        self.input_rate = self.output_rate = rate
        self._worker = ThreadPoolExecutor(1, "hocket-files")
        self._caller = ScriptedCaller(lines, rate, self._worker, tail_ms=tail_ms, patience_ms=patience_ms)
        self._playback = Playback()
        self._recording = Recording(recording, rate, self._worker) if recording else None
        self._line: _OpenLine | None = None
        self._closed = False

    async def start(self, receiver: Receiver) -> None:
        """Open all files and begin the call. Raises `AudioError` when one cannot be used."""
        assert self._line is None, "a transport is started once"
        await self._caller.prepare()
        if self._recording is not None:
            await self._recording.open()
        self._line = _OpenLine(receiver, self._caller, self._playback, self._recording, self.input_rate)

    def send(self, samples: Samples) -> None:
        """Queue audio to sound when what was sent before has sounded, or now."""
        if self._line is not None and not self._closed:
            self._line.play(samples)

    def clear(self) -> int:
        """Drop what has not sounded; exact."""
        return self._line.clear() if self._line is not None else 0

    async def close(self) -> None:
        """Let what was sent sound, then hang up and finish the recording.

        Raises `TransportError` when the recording could not be written to its end.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._line is not None:
                await self._line.hang_up()
        finally:
            await self._close_files()
        if self._recording is not None and self._recording.failure:
            raise TransportError(f"The recording of the call ends early: {self._recording.failure}.", retryable=False)

    async def _close_files(self) -> None:
        try:
            async with asyncio.timeout(DISK_TIMEOUT_S):
                await self._caller.close()
                if self._recording is not None:
                    await self._recording.close()
        except TimeoutError:
            raise TransportError(
                f"The disk has not answered for {DISK_TIMEOUT_S} s; files of the call may be incomplete.",
                retryable=False,
            ) from None
        finally:
            self._worker.shutdown(wait=False, cancel_futures=True)


class _OpenLine:
    """The call while it lasts: one task that ticks every 20 ms. Positions count samples since the first frame began."""

    def __init__(
        self, receiver: Receiver, caller: ScriptedCaller, playback: Playback, recording: Recording | None, rate: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._rate = rate
        self._receiver: Receiver | None = receiver
        self._caller = caller
        self._playback = playback
        self._recording = recording
        self._reported = 0
        self._end_timer: asyncio.TimerHandle | None = None
        self._ends_at: int | None = None
        self._task = asyncio.create_task(self._run(), name="files transport")

    def play(self, samples: Samples) -> None:
        now = self._now()
        if (self._playback.end - now) * 1000 > MAX_QUEUED_MS * self._rate:
            raise TransportError(
                f"More than {MAX_QUEUED_MS / 1000:g} s of audio wait to be played; send audio when it is due.",
                retryable=False,
            )
        self._playback.play(samples, now)
        if self._end_timer is None:
            self._end_timer = self._loop.call_at(self._time_of(self._playback.end), self._at_end)

    def clear(self) -> int:
        return self._playback.drop(self._now())

    async def hang_up(self) -> None:
        self._ends_at = self._playback.end
        try:
            # It ends by itself: what is queued is bounded, and so is every wait for the disk.
            await asyncio.wait({self._task})
        finally:
            if self._end_timer is not None:
                self._end_timer.cancel()
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._report()
            self._receiver = None

    async def _run(self) -> None:
        count = self._rate * FRAME_MS // 1000
        start = 0
        try:
            while self._ends_at is None or start < self._ends_at:
                # Deadlines are absolute: a late loop catches up without a skip, and no error adds up.
                await asyncio.sleep(max(self._time_of(start + count) - self._loop.time(), 0))
                await self._tick(start, count)
                start += count
        except AudioError as error:
            self._leave(str(error))
        except Exception:
            self._leave("the caller's line failed")
            raise

    async def _tick(self, start: int, count: int) -> None:
        """The 20 ms from `start` on, which are just over."""
        agent = self._playback.render(start, start + count)
        caller = await self._caller.speak(start, agent)
        if self._receiver is not None and self._ends_at is None:
            self._receiver.hear(Frame(caller, self._rate, start))
        if start // count % REPORT_EVERY_FRAMES == REPORT_EVERY_FRAMES - 1:
            self._report()
        if self._caller.done:
            self._leave("end of the files")
        if self._recording is not None:
            await self._recording.add(caller, agent)

    def _at_end(self) -> None:
        """Audio that was queued since may have moved the end."""
        ends = self._playback.end
        if ends > self._now():
            self._end_timer = self._loop.call_at(self._time_of(ends), self._at_end)
        else:
            self._end_timer = None
            self._report()

    def _report(self) -> None:
        sounded = self._playback.sounded(self._now())
        if sounded > self._reported and self._receiver is not None:
            self._reported = sounded
            self._receiver.played(sounded, 0.0, "acknowledged")

    def _leave(self, reason: str) -> None:
        if self._receiver is not None and self._ends_at is None:
            receiver, self._receiver = self._receiver, None
            receiver.left(reason)

    def _now(self) -> int:
        return round((self._loop.time() - self._began) * self._rate)

    def _time_of(self, position: int) -> float:
        return self._began + position / self._rate

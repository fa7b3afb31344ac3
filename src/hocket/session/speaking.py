"""The agent's voice: from buffered speech, through the gate, to the caller's end of the line.

Audio is sent when it is due and at most `ahead_ms` before, so that falling silent takes no longer than a fade. What has
sounded is known by the sample.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from hocket.audio.frame import FRAME_MS, Samples
from hocket.audio.playout import Playout
from hocket.clock import MS, SECOND
from hocket.ids import NO_REPLY, ReplyId
from hocket.session.pacing import Wheel
from hocket.stages.bell import Bell
from hocket.stages.transport import Transport
from hocket.stages.tts import SpeechChunk
from hocket.trace.records import Mark
from hocket.turn.events import Event, PlayoutFinished, PlayoutStarted, PlayoutStopped, ReplyReady

BUFFER_MS: Final = 20_000
"""Speech synthesised ahead of its sound; the synthesis of a longer reply waits."""


class Speaker:
    """Plays one reply at a time, and fillers before it. `failed` is told what the line raised."""

    def __init__(
        self,
        transport: Transport,
        wheel: Wheel,
        post: Callable[[Event], None],
        mark: Callable[[Mark], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._line = _FarEnd(transport)
        self._wheel = wheel
        self._post = post
        self._mark = mark
        self._failed = failed
        self._timers = _Timers()
        self._reply = NO_REPLY
        self._playout = Playout(self._line.rate)
        self._filler: Playout | None = None
        self._gate_open = False
        self._paused = False
        self._room = Bell()

    def begin(self, reply: ReplyId) -> None:
        """A new reply takes the place of the last one, whose sound has been stopped or finished."""
        self._leave()
        self._reply = reply
        self._playout = Playout(self._line.rate)
        self._filler = None
        self._gate_open = self._paused = False

    async def feed(self, reply: ReplyId, chunk: SpeechChunk) -> None:
        """Buffer speech of a reply. Waits while `BUFFER_MS` are buffered; speech of another reply is dropped."""
        if reply != self._reply:
            return
        playout = self._playout
        first = playout.first_audible is None
        playout.append(chunk.samples, chunk.text)
        if first and playout.first_audible is not None:
            self._post(ReplyReady(reply))
        if self._gate_open and reply == self._reply:
            self._run()
        if playout.buffered_ms > BUFFER_MS and reply == self._reply:
            # Bounded by the reply: it is heard on, or the engine's deadlines end it.
            await self._room.rung()

    def complete(self, reply: ReplyId) -> bool:
        """No more speech will come. False when nothing audible came at all."""
        if reply != self._reply:
            return True
        self._playout.finish()
        if self._gate_open:
            self._run()
        return self._playout.first_audible is not None

    def open_gate(self, reply: ReplyId) -> None:
        """From now on the reply is heard."""
        assert reply == self._reply, "the gate opens for the reply that is buffered"
        self._gate_open = True
        self._mark(Mark("playout", "started", reply))
        self._run()

    def fill(self, reply: ReplyId, speech: Sequence[SpeechChunk]) -> None:
        """Play fixed words at once, before the reply; nothing if they come too late for that, or too early after
        the last ones."""
        if reply != self._reply or self._gate_open or self._filler is not None:
            return
        filler = Playout(self._line.rate)
        for chunk in speech:
            filler.append(chunk.samples, chunk.text)
        filler.finish()
        self._filler = filler
        self._run()

    def pause(self, reply: ReplyId) -> None:
        """Fall silent within a fade; the position is kept."""
        if reply != self._reply:
            return
        self._paused = True
        playout = self._playing
        self._take_back(playout)
        playout.pause()
        self._send_fade(playout)
        if playout is self._playout and playout.finished:
            self._expect_end()

    def resume(self, reply: ReplyId) -> None:
        """Go on from the very sample."""
        if reply != self._reply:
            return
        self._paused = False
        self._playout.resume()
        if self._filler is not None:
            self._filler.resume()
        self._run()

    def returned(self) -> None:
        """The caller was away and is there again: only now it is known what they had not heard."""
        if self._reply != NO_REPLY:
            self._take_back(self._playing)

    def stop(self, reply: ReplyId) -> None:
        """Fall silent for good, and say what was heard."""
        if reply != self._reply:
            return
        playout = self._playing
        self._take_back(playout)
        position = self._line.position(playout)
        playout.cut()
        self._send_fade(playout)
        spoken = self._playout
        if playout is not spoken:  # a filler: nothing of the reply itself has sounded
            position = 0
        self._mark(Mark("playout", "cancelled", reply, count=position))
        self._leave()
        self._post(PlayoutStopped(reply, spoken.heard(position).strip(), spoken.unheard(position).strip()))

    def played(self, sample: int, bound_ms: float) -> None:
        """The far end reports what has sounded."""
        self._line.acknowledge(sample, bound_ms)

    def close(self) -> None:
        """Send nothing more; what was sent may sound."""
        self._leave()

    @property
    def _playing(self) -> Playout:
        return self._filler or self._playout

    def _leave(self) -> None:
        """The reply is nobody's any more."""
        self._timers.cancel()
        self._wheel.stop(self)
        self._room.ring()
        self._reply = NO_REPLY

    def _run(self) -> None:
        if self._paused or not (self._gate_open or self._filler):
            return
        self._send_due()
        if not self._playing.finished:
            self._wheel.start(self, self._tick)

    def _tick(self) -> None:
        try:
            self._send_due()
        except Exception as error:  # a line that breaks its contract ends its own call and no other
            self._leave()
            self._failed(error)

    def _send_due(self) -> None:
        """Keep the far end's buffer filled, and stop ticking when there is nothing to send."""
        while self._line.wants_audio():
            playout = self._playing
            if playout.is_late(self._line.least) and not self._line.runs_dry():
                break  # what is late may still come in time
            if self._send(playout, self._line.piece(playout)):
                continue
            if self._filler is not None and self._filler.finished:
                self._filler = None
                if self._gate_open:
                    continue
            elif self._playout.finished:
                self._expect_end()
            self._wheel.stop(self)
            break
        if self._playout.buffered_ms <= BUFFER_MS:
            self._room.ring()

    def _send(self, playout: Playout, count: int) -> bool:
        """Send so many samples; False when there is nothing to send."""
        began = playout.taken
        frame = playout.take(count)
        if frame is None:
            return False
        starts_at = self._line.send(frame)
        audible = self._playout.first_audible
        if playout is self._playout and audible is not None and audible < playout.taken and not self._timers.sounds:
            # The first audible sample is announced when it sounds, not when it is sent.
            sounds_at = starts_at + max(0, audible - began) * SECOND // self._line.rate
            self._timers.sound_at(sounds_at, self._announce, self._reply)
        return True

    def _take_back(self, playout: Playout) -> None:
        self._line.clear(playout)
        if playout.first_audible is None or playout.taken <= playout.first_audible:
            self._timers.forget_sound()

    def _send_fade(self, playout: Playout) -> None:
        self._wheel.stop(self)
        while self._send(playout, self._line.least):
            pass

    def _announce(self, reply: ReplyId) -> None:
        self._mark(Mark("playout", "first", reply))
        self._post(PlayoutStarted(reply))

    def _expect_end(self) -> None:
        """All has been sent: the reply ends when that has sounded."""
        self._timers.end_at(self._line.silent_at, self._ended, self._reply)

    def _ended(self, reply: ReplyId) -> None:
        playout = self._playout
        if not playout.finished:  # some of it was taken back
            return
        self._mark(Mark("playout", "ended", reply, count=playout.taken))
        self._leave()
        self._post(PlayoutFinished(reply, playout.heard(playout.taken).strip()))


class _Timers:
    """When a reply is first heard, and when it ends; both by the far end's time."""

    __slots__ = ("_end", "_loop", "_sound")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sound: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None

    @property
    def sounds(self) -> bool:
        """The first audible sample has sounded, or is on its way."""
        return self._sound is not None

    def sound_at(self, at: int, announce: Callable[[ReplyId], None], reply: ReplyId) -> None:
        self._sound = self._loop.call_at(at / SECOND, announce, reply)

    def end_at(self, at: int, end: Callable[[ReplyId], None], reply: ReplyId) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = self._loop.call_at(at / SECOND, end, reply)

    def forget_sound(self) -> None:
        """It was taken back before it sounded."""
        if self._sound is not None:
            self._sound.cancel()
            self._sound = None

    def cancel(self) -> None:
        self.forget_sound()
        if self._end is not None:
            self._end.cancel()
            self._end = None


class _FarEnd:
    """A model of what the far end has been sent and what of it has sounded."""

    __slots__ = ("_acknowledged", "_ahead", "_bound_ms", "_cleared", "_loop", "_sent", "_transport", "least",
                 "rate", "silent_at")  # fmt: skip

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._ahead = max(FRAME_MS, transport.ahead_ms) * MS
        self.rate = transport.output_rate
        self.least = self.rate * FRAME_MS // 1000
        """Samples that are sent at a time where there is not more."""
        self.silent_at = 0
        """When all that has been sent will have sounded."""
        self._sent = 0
        self._acknowledged: int | None = None
        self._bound_ms = 0.0
        self._cleared = 0

    def wants_audio(self) -> bool:
        return self.silent_at - self._now() < self._ahead

    def piece(self, playout: Playout) -> int:
        """How many samples of it are best sent now: not more than there are, for the rest would be silence."""
        most = self.rate * self._transport.frame_ms // 1000
        ready = playout.buffered
        return most if ready >= most else max(self.least, ready - ready % self.least)

    def runs_dry(self) -> bool:
        """It has nothing to play when the next frame is due."""
        return self.silent_at - self._now() < FRAME_MS * MS

    def send(self, frame: Samples) -> int:
        """Send a frame; returns when it begins to sound."""
        starts_at = max(self._now(), self.silent_at)
        self._transport.send(frame)
        self._sent += len(frame)
        self.silent_at = starts_at + len(frame) * SECOND // self.rate
        return starts_at

    def clear(self, playout: Playout) -> None:
        """Take back what has not sounded."""
        self._cleared = self._transport.clear()
        if self._cleared:
            self._sent -= self._cleared
            playout.rewind(self._cleared)
            self.silent_at = self._now()

    def acknowledge(self, sample: int, bound_ms: float) -> None:
        self._acknowledged = sample
        self._bound_ms = bound_ms

    def position(self, playout: Playout) -> int:
        """How much of a playout has sounded for sure."""
        if self._cleared or self.silent_at <= self._now():
            return playout.taken
        rate = self.rate
        if self._acknowledged is None:
            pending = (self.silent_at - self._now()) * rate // SECOND
        else:
            pending = self._sent - self._acknowledged + round(self._bound_ms * rate / 1000)
        return playout.position_at(max(0, playout.sent - pending))

    def _now(self) -> int:
        return round(self._loop.time() * SECOND)

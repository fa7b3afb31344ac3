"""The agent's voice as RTP: encoded as the network bears it, and with an estimate of what has sounded."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from hocket.audio.frame import FRAME_MS, Samples
from hocket.audio.opus import HIGHEST_BITRATE, LOWEST_BITRATE, OpusEncoder
from hocket.transports.webrtc.rtp import (
    CLOCK_RATE,
    Reception,
    Report,
    ntp_of,
    write_bye,
    write_rtp,
    write_sender_report,
)

NAME: Final = "hocket"
"""CNAME of every stream; calls have nothing else to tell each other apart by."""

START_BITRATE: Final = 24_000
FEWEST_LOST: Final = 5
"""Per cent that are always reckoned with, so that the first lost packet, too, has a copy."""

MOST_LOST: Final = 30
"""For more, copies would leave too little for the voice."""

CLIMB: Final = 1_000
"""bit/s after a report of a good line."""

GOOD: Final = 0.02
BAD: Final = 0.1
"""Lost packets, as a part of all: below `GOOD` the bitrate climbs, above `BAD` it falls."""

REPORT_S: Final = 1.0
"""Between reports to the caller, who adapts its own copies to what we lose."""

PAUSE_S: Final = 0.06
"""Nothing to say for longer: the next packet begins a new stretch of speech."""

SILENCE_S: Final = 0.4
"""Between packets that say that there is nothing to say, as Opus itself does it."""

MOST_BUFFER_MS: Final = 2_000
"""Of a player's jitter buffer; browsers stop below."""

_SILENCE: Final = b"\x48"
"""An Opus packet of 20 ms without content: the decoder is silent until the next."""

_FRAME: Final = CLOCK_RATE * FRAME_MS // 1000
_LOG: Final = 500
"""Frames: 10 s, longer than it takes to notice that a connection is lost."""


class Effort(msgspec.Struct):
    """How hard a process's encoders try; whoever sheds load sets it, and every call follows with its next frame."""

    complexity: int = 5
    """Of Opus, 0 to 10: at 24 kHz a frame costs 0.28 ms at 10, 0.13 at 5, 0.05 at 0 (docs/benchmarks)."""


class Rate:
    """What the encoder is asked for, from what the caller reports: down fast, up slowly."""

    __slots__ = ("_lost", "bitrate")

    def __init__(self) -> None:
        self.bitrate = START_BITRATE
        """bit/s."""
        self._lost = 0.0

    @property
    def loss_percent(self) -> int:
        """Packets that are reckoned to be lost."""
        return min(max(round(self._lost * 150), FEWEST_LOST), MOST_LOST)

    def reported(self, fraction_lost: float) -> None:
        """The part of the packets that was lost since the last report."""
        self._lost = max(fraction_lost, 0.75 * self._lost)
        if fraction_lost > BAD:
            self.bitrate = max(LOWEST_BITRATE, round(self.bitrate * (1 - fraction_lost / 2)))
        elif fraction_lost < GOOD:
            self.bitrate = min(HIGHEST_BITRATE, self.bitrate + CLIMB)


class Voice:
    """One stream over one connection. Times are the event loop's, in seconds."""

    def __init__(
        self,
        library: ctypes.CDLL,
        rate: int,
        payload_type: int,
        source: int,
        start: int,
        effort: Effort,
        send: tuple[Callable[[bytes], None], Callable[[bytes], None]],
    ) -> None:
        """`start`: random, of 47 bits, where the sequence numbers and timestamps begin. `send`: RTP, RTCP."""
        self._effort = effort
        self._encoder = OpusEncoder(library, rate, bitrate=START_BITRATE, complexity=effort.complexity)
        self._source = source
        self._stream = _Stream(payload_type, source, start)
        self._send_media, self._send_control = send
        self._reported_at = float("-inf")
        self.rate = Rate()
        self.path = Path()

    def say(self, samples: Samples, now: float) -> None:
        """Send a frame of 20 ms."""
        encoder, rate = self._encoder, self.rate
        if (
            encoder.bitrate != rate.bitrate
            or encoder.loss_percent != rate.loss_percent
            or encoder.complexity != self._effort.complexity
        ):
            encoder.adjust(bitrate=rate.bitrate, loss_percent=rate.loss_percent, complexity=self._effort.complexity)
        self._send_media(self._stream.packet(encoder.encode(samples), now))

    def keep_alive(self, now: float, heard: Reception | None) -> None:
        """To be called every 100 ms or so: says that nothing is said, and reports."""
        stream = self._stream
        quiet = now - stream.sent_at
        if quiet > SILENCE_S or (stream.speaking and quiet > PAUSE_S):
            self._send_media(stream.packet(_SILENCE, now))
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            about = heard.report(now) if heard is not None else b""
            self._send_control(
                write_sender_report(
                    self._source, ntp_of(now), stream.timestamp_at(now), stream.packets, stream.octets, NAME, about
                )
            )

    def reported(self, report: Report, now: float) -> None:
        """The caller says what arrived."""
        if report.source != self._source:
            return
        self.rate.reported(report.fraction_lost)
        self.path.reported(report, now)

    def end(self) -> None:
        """Say goodbye."""
        self._send_control(write_bye(self._source))


class _Stream:
    """The packets of one source, numbered and dated."""

    __slots__ = ("_payload_type", "_sequence", "_source", "_timestamp", "octets", "packets", "sent_at", "speaking")

    def __init__(self, payload_type: int, source: int, start: int) -> None:
        self._payload_type = payload_type
        self._source = source
        self._sequence = start & 0x7FFF
        self._timestamp = start >> 15 & 0xFFFFFFFF
        self.sent_at = float("-inf")
        self.packets = self.octets = 0
        self.speaking = False
        """Was the last packet sound?"""

    def packet(self, payload: bytes, now: float) -> bytes:
        """The next packet. After a pause its timestamp has gone on with the clock; before, only with the sound,
        because frames are sent a little early or late."""
        pause = now - self.sent_at
        begins = pause > PAUSE_S
        frames = max(1, round(pause * 1000 / FRAME_MS)) if begins and self.packets else 1
        self._timestamp = (self._timestamp + frames * _FRAME) & 0xFFFFFFFF
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.speaking = payload is not _SILENCE
        self.sent_at = now
        self.packets += 1
        self.octets += len(payload)
        marker = begins and self.speaking
        return write_rtp(self._payload_type, marker, self._sequence, self._timestamp, self._source, payload)

    def timestamp_at(self, now: float) -> int:
        """What a packet would have that is sent at this time."""
        since = round((now - self.sent_at) * CLOCK_RATE) if self.packets else 0
        return (self._timestamp + since) & 0xFFFFFFFF


class Path:
    """How far away the caller's ear is."""

    __slots__ = ("buffer_s", "jitter_s", "round_trip_s")

    def __init__(self) -> None:
        self.round_trip_s = 0.0
        self.jitter_s = 0.0
        self.buffer_s: float | None = None
        """What the caller's player holds back, if it says so."""

    @property
    def delay_s(self) -> float:
        """From sending to sounding: half the round trip, and what the player holds back. Browsers hold 30 ms on a
        steady network (measured with Chromium 156) and more the less steady it is."""
        return self.round_trip_s / 2 + (0.03 + 2 * self.jitter_s if self.buffer_s is None else self.buffer_s)

    @property
    def bound_ms(self) -> float:
        """Of an estimate: ways are not equally long both ways, and players play blocks."""
        return FRAME_MS + self.round_trip_s * 500 + (20 if self.buffer_s is None else 0)

    def buffer_reported(self, ms: float) -> None:
        """The caller's player says what it holds back; what no player holds back is not believed."""
        if 0 <= ms <= MOST_BUFFER_MS:
            self.buffer_s = ms / 1000

    def reported(self, report: Report, now: float) -> None:
        """A report came back to one of ours."""
        self.jitter_s = min(report.jitter / CLOCK_RATE, 1.0)
        if report.last_sr:
            middle = ntp_of(now) >> 16 & 0xFFFFFFFF
            trip = (middle - report.last_sr - report.delay_since) & 0xFFFFFFFF
            if trip < 10 * 65_536:
                self.round_trip_s = trip / 65_536


class Sent:
    """Which samples were sent when. Positions count samples that were sent and not taken back."""

    __slots__ = ("_log", "_rate", "position", "reported")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._log: deque[tuple[float, int, int]] = deque(maxlen=_LOG)
        """When they began to be on their way, position, count."""
        self.position = 0
        self.reported = 0
        """All before it is said to have sounded."""

    @property
    def last_at(self) -> float:
        """When the newest sample was on its way."""
        if not self._log:
            return float("-inf")
        began, _, count = self._log[-1]
        return began + count / self._rate

    def add(self, count: int, now: float) -> None:
        """Samples are sent; they sound one after another."""
        self._log.append((max(now, self.last_at), self.position, count))
        self.position += count

    def by(self, when: float) -> int:
        """The position that was on its way at this time."""
        for began, position, count in reversed(self._log):
            if began <= when:
                return position + min(count, int((when - began) * self._rate))
        return self._log[0][1] if self._log else self.position

    def cut(self, position: int) -> int:
        """What follows is taken back; returns how many samples that is."""
        while self._log and self._log[-1][1] >= position:
            self._log.pop()
        if self._log:
            began, start, count = self._log.pop()
            self._log.append((began, start, min(count, position - start)))
        dropped, self.position = self.position - position, position
        return dropped

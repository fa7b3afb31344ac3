"""A client's audio on its way in: messages of any size become frames of 20 ms that keep step with the clock."""

from __future__ import annotations

from typing import Final

import numpy as np

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.transports.client_messages import MAX_AUDIO_MS, RATES, AudioFormat

BURST_S: Final = 1.0
"""How far a client's audio may be ahead of the clock. Audio that was held up on its way comes in a burst, but late."""

LATE_S: Final = 0.5
"""The same after silence has taken the place of audio: what comes late is left out then. A live client is ahead by one
message of up to 200 ms and the jitter of its network."""

DRIFT: Final = 0.005
"""Sound cards' clocks differ from ours by up to 0.02 %; so much more is forgiven."""


class Codec:
    """Samples to and from the bytes of a format. Raises `TransportError` for a format that is not spoken."""

    __slots__ = ("_mulaw", "frame_samples", "rate", "width")

    def __init__(self, audio: AudioFormat) -> None:
        rates = RATES if audio.encoding == "pcm16" else (8_000,)
        if audio.rate not in rates:
            raise TransportError(
                f"Audio is {audio.encoding} at {audio.rate} Hz, and {audio.encoding} goes at"
                f" {' or '.join(map(str, rates))} Hz.",
                retryable=False,
            )
        self.rate = audio.rate
        self.frame_samples = audio.rate * FRAME_MS // 1000
        self._mulaw = audio.encoding == "mulaw"
        self.width = 1 if self._mulaw else 2
        """Bytes of a sample."""

    def encode(self, samples: Samples) -> bytes:
        """Samples, shape (n,), to n * `width` bytes."""
        return encode_ulaw(samples) if self._mulaw else samples.astype("<i2", copy=False).tobytes()

    def decode(self, data: bytes) -> Samples:
        """Whole samples, shape (n,); they may not be written to."""
        return decode_ulaw(data) if self._mulaw else np.frombuffer(data, "<i2")


class Incoming:
    """Media time begins with the first audio, or the first silence that is put in its place. Times are the event
    loop's, in seconds."""

    __slots__ = ("_at", "_codec", "_concealed", "_frame_bytes", "_heard_at", "_most", "_rest", "_zero")

    def __init__(self, codec: Codec, now: float) -> None:
        self._codec = codec
        self._frame_bytes = codec.frame_samples * codec.width
        self._most = codec.rate * MAX_AUDIO_MS // 1000 * codec.width
        self._rest = b""
        self._at = 0
        self._zero: float | None = None
        """When the first sample was said."""
        self._heard_at = now
        self._concealed = 0.0
        """Seconds of silence that took the place of audio which may still come."""

    def quiet_s(self, now: float) -> float:
        """How long no audio has come."""
        return now - self._heard_at

    def take(self, data: bytes, now: float) -> list[Frame]:
        """The frames that are full with this message. Raises `TransportError` for what a client must not send."""
        if not data or len(data) % self._codec.width or len(data) > self._most:
            raise TransportError(
                f"a message of {len(data)} bytes of audio, and whole samples of {self._codec.width} byte(s) up to"
                f" {MAX_AUDIO_MS} ms, {self._most} bytes, are taken",
                retryable=False,
            )
        seconds = len(data) / (self._codec.width * self._codec.rate)
        self._heard_at = now
        if self._zero is None:
            self._zero = now - seconds
        ahead = self._ahead(now) + seconds
        if self._concealed > 0 and ahead > LATE_S:
            self._concealed -= seconds
            return []
        if ahead > BURST_S:
            raise TransportError("audio faster than it can be said", retryable=False)
        if ahead > 0:
            self._zero -= min(ahead, seconds * DRIFT)
        return self._frames(self._rest + data)

    def fill(self, now: float) -> list[Frame]:
        """Silence for all that should have come by now and has not."""
        frame_s = FRAME_MS / 1000
        if self._zero is None:
            self._zero = now - frame_s
        # A timer may fire a hair early.
        missing = int(-self._ahead(now) / frame_s + 0.01)
        if missing <= 0:
            return []
        self._concealed = min(self._concealed + missing * frame_s, 60.0)
        silence = self._codec.encode(np.zeros(missing * self._codec.frame_samples, np.int16))
        return self._frames(self._rest + silence)

    def next_fill(self, now: float) -> float:
        """When `fill` has another frame."""
        return now + max(0.0, FRAME_MS / 1000 + self._ahead(now))

    def _ahead(self, now: float) -> float:
        """By how many seconds media time is ahead of the clock."""
        zero = now if self._zero is None else self._zero
        samples = self._at + len(self._rest) // self._codec.width
        return samples / self._codec.rate - (now - zero)

    def _frames(self, data: bytes) -> list[Frame]:
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        frames = []
        for start in range(0, whole, self._frame_bytes):
            samples = self._codec.decode(data[start : start + self._frame_bytes])
            frames.append(Frame(samples, self._codec.rate, self._at))
            self._at += self._codec.frame_samples
        return frames

"""A caller's audio from a carrier's messages, as frames without gaps, whatever the messages hold."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hocket.audio.frame import FRAME_MS, Frame
from hocket.audio.g711 import decode_ulaw

RATE: Final = 8_000
"""Hertz."""

FRAME: Final = RATE * FRAME_MS // 1000

MAX_CONCEALED: Final = RATE
"""Of a longer gap one second is made up for with silence, and the rest is left out."""

BURST_S: Final = 1.0
"""How far a carrier's audio may be ahead of the clock."""

STALL_S: Final = 10.0
"""Audio that was held up for so long on its way may come all together; a connection silent for longer is lost."""

DRIFT: Final = 0.005
"""Carriers' clocks differ from ours by less than 0.02 %; so much more is forgiven."""

MAX_HELD: Final = 2
"""So many messages wait for one that they have overtaken; then it is taken to be lost."""

_SILENCE: Final = b"\xff"
"""Zero, in mu-law."""


class MediaBody(msgspec.Struct, gc=False):
    """Audio, in mu-law."""

    track: str
    chunk: int
    """Counts the messages of a stream."""
    timestamp: int
    """When it begins; what it counts is the carrier's affair."""
    payload: bytes
    """Base64 in JSON."""


class Incoming:
    """Puts messages together. Those that are missing are told by their time, in milliseconds, where the carrier keeps
    the order of messages; or else by their count, and then some that are too early are held."""

    __slots__ = ("_at", "_base", "_by", "_chunk", "_held", "_paced", "_rest", "_taken", "_zero", "size")

    def __init__(self, by: Literal["time", "count"]) -> None:
        self.size = FRAME
        """Of the frames to come, in samples: a whole number of 10 ms."""
        self._by = by
        self._chunk = -1
        self._base: int | None = None
        """Media time of the stream, in samples, where `_taken` began to count."""
        self._taken = 0
        self._rest = b""
        self._at = 0
        self._held: dict[int, MediaBody] = {}
        self._zero: float | None = None
        """When the first sample came, in seconds of the clock, if all that has come since had come in time."""
        self._paced = 0
        """Where in the stream the pace was looked at."""

    def too_fast(self, now: float) -> bool:
        """Are the frames until now more than time has passed? To be asked whenever there are some; `now` in seconds of
        any steady clock."""
        if self._zero is None:
            self._zero = now
        seconds, self._paced = (self._at - self._paced) / RATE, self._at
        ahead = self._at / RATE - (now - self._zero)
        if ahead > 0:
            self._zero -= min(ahead, seconds * DRIFT)
        elif ahead < -STALL_S:
            self._zero -= ahead + STALL_S
        return ahead > BURST_S

    def frames(self, media: MediaBody) -> list[Frame]:
        """The frames that are full with this message. One that comes after silence has taken its place is dropped."""
        if media.chunk <= self._chunk:
            return []
        if self._by == "time":
            return self._take(media, self._missing_time(media.timestamp * RATE // 1000))
        self._held[media.chunk] = media
        frames: list[Frame] = []
        while self._held:
            chunk = min(self._held)
            expected = self._chunk < 0 or chunk == self._chunk + 1
            if not expected and len(self._held) <= MAX_HELD:
                break
            found = self._held.pop(chunk)
            lost = 0 if expected else chunk - self._chunk - 1
            frames += self._take(found, min(lost * len(found.payload), MAX_CONCEALED))
        return frames

    def _take(self, media: MediaBody, missing: int) -> list[Frame]:
        self._chunk = media.chunk
        data = media.payload
        self._taken += missing + len(data)
        if missing or self._rest:
            data = self._rest + _SILENCE * missing + data
        size = self.size
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        at, self._at = self._at, self._at + whole
        pieces = (data[start : start + size] for start in range(0, whole, size)) if whole > size else (data[:whole],)
        return [Frame(decode_ulaw(ulaw), RATE, at + index * size, ulaw) for index, ulaw in enumerate(pieces) if ulaw]

    def _missing_time(self, begins: int) -> int:
        """How many samples are missing before those that begin at this media time. Less than a frame is jitter of
        the timestamps, and so is time that goes back."""
        if self._base is None:
            self._base = begins
        gap = begins - self._base - self._taken
        if -FRAME < gap < FRAME:
            return 0
        missing = min(max(gap, 0), MAX_CONCEALED)
        self._base += gap - missing
        return missing

"""A caller's RTP as frames of 20 ms that keep step with the clock: in order, decoded, and every hole filled."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

import numpy as np

from hocket.audio.frame import FRAME_MS, Frame, Samples, silence
from hocket.audio.opus import DTX_BYTES, WIRE_RATE, OpusDecoder, packet_samples
from hocket.audio.reorder import PIECE, Piece, Reorder
from hocket.errors import AudioError
from hocket.transports.webrtc.rtp import Keys, Reception, Rtp, read_rtp

STALL_S: Final = 0.5
"""A stream that stops for less is held up by its network, and then comes all at once. After that silence takes its
place, so that the time of the call goes on, and what comes late is left out."""

DTX_STALL_S: Final = 0.04
"""The same after a packet that announces silence."""

MADE_UP_FRAMES: Final = 5
"""So many are made up from the sound before; after that it has faded out, and zeros do."""

_FRAME_S: Final = FRAME_MS / 1000


class Hearing:
    """One caller, over however many connections. `deliver` gets the frames, `pressed` the keys.

    A new connection is a new stream; media time goes on.
    """

    def __init__(
        self, library: ctypes.CDLL, rate: int, deliver: Callable[[Frame], None], pressed: Callable[[str], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder = OpusDecoder(library, rate)
        self._deliver = deliver
        self._pressed = pressed
        self._output = _Output(rate)
        self._stream = _Stream(-1, None)
        self.heard_at = self._loop.time()
        """When the last packet came."""
        self._filled = 0
        """Frames that were made up since then."""
        self._stall_s = STALL_S
        self._hole: asyncio.TimerHandle | None = None
        self._pace: asyncio.TimerHandle | None = None

    @property
    def reception(self) -> Reception | None:
        """How the current stream arrives; None before its first packet."""
        return self._stream.reception

    @property
    def concealed(self) -> tuple[int, int]:
        """Packets of the current stream that were rebuilt from a copy, and lost in all."""
        return self._stream.reorder.rebuilt, self._stream.reorder.lost

    def begin(self, opus: int, keys: int | None) -> None:
        """A connection is there, with these payload types. Frames come from now on."""
        self._stream = _Stream(opus, keys)
        self._decoder.reset()
        self._clear_hole()
        self.heard_at = self._loop.time()
        self._filled = 0
        if self._pace is None:
            self._arm_pace(self._stall_s)

    def take(self, data: bytes) -> None:
        """An RTP packet, decrypted."""
        packet = read_rtp(data)
        stream = self._stream
        if packet is None or packet.payload_type not in (stream.opus, stream.keys):
            return
        now = self._loop.time()
        stream.count(packet, now)
        if packet.payload_type == stream.opus:
            samples = packet_samples(packet.payload)
            if not samples:
                return
            self._stall_s = DTX_STALL_S if len(packet.payload) <= DTX_BYTES else STALL_S
            if self._filled or self._stall_s != STALL_S:
                self._arm_pace(self._stall_s)
            self.heard_at = now
            self._filled = 0
        else:
            samples = 0
            if key := stream.pressed.read(packet):
                self._pressed(key)
        reorder = stream.reorder
        pieces = reorder.push(packet.source, packet.sequence, packet.timestamp, packet.payload, samples, now * 1000)
        if pieces:
            self._sound(pieces)
        if reorder.deadline is not None and self._hole is None:
            self._hole = self._loop.call_at(reorder.deadline / 1000, self._hole_is_due)

    def stop(self) -> None:
        """No more frames."""
        self._clear_hole()
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None

    def _hole_is_due(self) -> None:
        self._hole = None
        reorder = self._stream.reorder
        # A timer may fire a hair early.
        self._sound(reorder.expire(self._loop.time() * 1000 + 0.5))
        if reorder.deadline is not None:
            self._hole = self._loop.call_at(reorder.deadline / 1000, self._hole_is_due)

    def _clear_hole(self) -> None:
        if self._hole is not None:
            self._hole.cancel()
            self._hole = None

    def _arm_pace(self, after_s: float) -> None:
        if self._pace is not None:
            self._pace.cancel()
        self._pace = self._loop.call_later(after_s, self._keep_pace)

    def _keep_pace(self) -> None:
        """Fill the time of a caller from whom nothing comes."""
        quiet = self._loop.time() - self.heard_at
        if quiet < self._stall_s * 0.99:
            self._pace = self._loop.call_later(self._stall_s - quiet, self._keep_pace)
            return
        # A frame behind the clock, so that what comes just in time is not late.
        due = int(quiet / _FRAME_S + 0.01) - 1 - self._filled
        if due > 0:
            self._filled += due
            self._sound(self._stream.reorder.fill(due * PIECE))
        # To the moment when the next frame is due, so that no error adds up.
        next_s = self.heard_at + (self._filled + 2) * _FRAME_S - self._loop.time()
        self._pace = self._loop.call_later(max(0.0, next_s), self._keep_pace)

    def _sound(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            for frame in self._output.frames(self._decoded(piece)):
                self._deliver(frame)

    def _decoded(self, piece: Piece) -> Samples:
        try:
            if piece.how == "sound":
                self._output.made_up = 0
                return self._decoder.decode(piece.packet)
            if piece.how == "copy":
                return self._decoder.recover(piece.packet, piece.samples)
        except AudioError:
            pass
        self._output.made_up += 1
        if self._output.made_up > MADE_UP_FRAMES:
            return silence(piece.samples * self._output.rate // WIRE_RATE)
        return self._decoder.conceal(piece.samples)


class _Stream:
    """What belongs to one connection."""

    __slots__ = ("keys", "opus", "pressed", "reception", "reorder")

    def __init__(self, opus: int, keys: int | None) -> None:
        self.opus = opus
        self.keys = keys
        self.reorder = Reorder()
        self.reception: Reception | None = None
        self.pressed = Keys()

    def count(self, packet: Rtp, now: float) -> None:
        """For the reports to the sender."""
        if self.reception is None or self.reception.source != packet.source:
            self.reception = Reception(packet.source)
        self.reception.add(packet, now)


class _Output:
    """Sound of any length cut into frames."""

    __slots__ = ("_at", "_rest", "_size", "made_up", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._size = rate * FRAME_MS // 1000
        self._rest = silence(0)
        self._at = 0
        self.made_up = 0
        """Pieces in a row."""

    def frames(self, samples: Samples) -> list[Frame]:
        """The frames that are full with these samples."""
        if len(samples) == self._size and not len(self._rest):
            self._at += self._size
            return [Frame(samples, self.rate, self._at - self._size)]
        whole = np.concatenate((self._rest, samples))
        count = len(whole) // self._size
        self._rest = whole[count * self._size :]
        frames = []
        for start in range(0, count * self._size, self._size):
            frames.append(Frame(whole[start : start + self._size], self.rate, self._at))
            self._at += self._size
        return frames

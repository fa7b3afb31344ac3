"""Packets of one audio stream put into order, and every hole between them filled.

A network loses packets, swaps them and delivers them twice. What comes out is gapless: packets in order, and for each
stretch that is missing what to put there: the copy that the next packet carries, or what is made up from the sound
before it.

Nothing waits for its time to be played: a packet that is in order goes through at once. Only a hole is held, because
the missing packet may be a little behind: for `FIRST_HOLD_MS`, and where packets do come that are further behind, up to
`HOLD_MS`. A stream that stops altogether makes no hole that could be seen here; whoever owns the clock fills it
(`fill`), and what comes late for its place is dropped.

Timestamps count samples at the stream's rate, so that they say how much is missing also where the sender was silent
and sent nothing on purpose.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

HOLD_MS: Final = 30.0
"""A hole waits at most so long for its packet: swapped ones are rarely further behind, and the caller waits with it."""

FIRST_HOLD_MS: Final = 10.0
"""On a network that has not swapped packets yet, most that are missing are lost."""

MARGIN: Final = 1.25
"""A hole waits so much longer than the last packet was behind that came too late."""

FORGETS: Final = 0.95
"""By so much the wait shrinks with each hole whose packets never come."""

MAX_HELD: Final = 50
"""Packets behind a hole; with more the hole is filled at once."""

TAKEOVER_MS: Final = 500.0
"""A second source is heard when the first has been silent for so long."""

MAX_MISORDER: Final = 100
"""A packet that is further behind does not belong to the stream so far (RFC 3550, A.1)."""

PIECE: Final = 960
"""What is made up comes in pieces of at most 20 ms at 48 kHz."""

STEP: Final = 120
"""2.5 ms at 48 kHz: the shortest sound that can be made up."""

Fill: TypeAlias = Literal["sound", "copy", "made up"]


class Piece(msgspec.Struct, frozen=True, gc=False):
    """The next stretch of the stream. sound: decode `packet`; copy: decode what `packet` carries of the time before
    it; made up: conceal."""

    how: Fill
    samples: int
    """At the stream's rate."""
    packet: bytes = b""


class Reorder:
    """One stream at 48 kHz. Times are milliseconds of any clock that goes forward."""

    __slots__ = (
        "_expected",
        "_given_up",
        "_heard_at",
        "_held",
        "_hold_ms",
        "_most_gap",
        "_next",
        "_resumes",
        "_source",
        "late",
        "lost",
        "rebuilt",
    )

    def __init__(self, *, most_gap: int = 48_000) -> None:
        """`most_gap`: of a longer jump of the timestamps nothing is filled; the sender has begun anew."""
        self._most_gap = most_gap
        self._source: int | None = None
        self._heard_at = 0.0
        self._next: int | None = None
        """Sequence number that follows the last one given out, unwrapped."""
        self._resumes = -1
        """Sequence number that would show that the sender counts anew."""
        self._expected: int | None = None
        """Timestamp, of 32 bits, where the next piece begins."""
        self._held: dict[int, _Held] = {}
        """By unwrapped sequence number; all behind a hole."""
        self._hold_ms = FIRST_HOLD_MS
        self._given_up: dict[int, float] = {}
        """Unwrapped numbers of the latest packets that were not waited for any longer -> when they were missed."""
        self.lost = 0
        """Packets that were not there in time."""
        self.rebuilt = 0
        """Those of them in whose place the copy of the next packet was put."""
        self.late = 0
        """Packets that came after their place was filled, or twice."""

    @property
    def deadline(self) -> float | None:
        """When the hole that is held has to be filled by `expire`; None while nothing is held."""
        return min(held.since for held in self._held.values()) + self._hold_ms if self._held else None

    def push(
        self, source: int, sequence: int, timestamp: int, packet: bytes, samples: int, now_ms: float
    ) -> list[Piece]:
        """A packet arrived; what can be given out now. `samples`: how long it lasts; 0 for one without sound, which
        only takes its place in the order. Packets of a second source are ignored until the first is silent."""
        if not self._accepts(source, now_ms):
            return []
        self._heard_at = now_ms
        number = self._unwrapped(sequence)
        if self._next is None:
            self._next = number
        if number < self._next or number in self._held:
            self.late += 1
            self._notice_delay(number, now_ms)
            self._notice_restart(number, sequence)
            return []
        if number == self._next and not self._held:
            self._next = number + 1
            return self._place(timestamp, packet, samples, missing=0)
        self._held[number] = _Held(timestamp, packet, samples, now_ms)
        pieces = self._in_order()
        if len(self._held) > MAX_HELD:
            pieces += self._skip_hole()
        return pieces

    def expire(self, now_ms: float) -> list[Piece]:
        """What has to be given out by `now_ms`: holes that have waited long enough are filled."""
        pieces: list[Piece] = []
        while (deadline := self.deadline) is not None and now_ms >= deadline:
            pieces += self._skip_hole()
        return pieces

    def fill(self, samples: int) -> list[Piece]:
        """Nothing has come for so long that the time itself must go on: make up so much, a multiple of `STEP`."""
        return self._made_up(samples)

    def _accepts(self, source: int, now_ms: float) -> bool:
        if source == self._source:
            return True
        if self._source is not None and now_ms - self._heard_at < TAKEOVER_MS:
            return False
        self._source = source
        self._begin_anew()
        return True

    def _begin_anew(self) -> None:
        self._next = self._expected = None
        self._resumes = -1
        self._held.clear()
        self._given_up.clear()

    def _notice_delay(self, number: int, now_ms: float) -> None:
        """A packet came that was given up: it was swapped, not lost."""
        missed = self._given_up.pop(number, None)
        if missed is not None:
            self._hold_ms = min(max(self._hold_ms, MARGIN * (now_ms - missed)), HOLD_MS)

    def _notice_restart(self, number: int, sequence: int) -> None:
        """A sender that counts anew is known by two packets in a row far behind (RFC 3550, A.1)."""
        assert self._next is not None
        if self._next - number <= MAX_MISORDER:
            return
        if sequence == self._resumes:
            self._begin_anew()
        else:
            self._resumes = (sequence + 1) & 0xFFFF

    def _unwrapped(self, sequence: int) -> int:
        """A sequence number of 16 bits as the nearest to the one that is next."""
        if self._next is None:
            return sequence
        return self._next + ((sequence - self._next + 0x8000) & 0xFFFF) - 0x8000

    def _in_order(self) -> list[Piece]:
        pieces: list[Piece] = []
        assert self._next is not None
        while (held := self._held.pop(self._next, None)) is not None:
            self._next += 1
            pieces += self._place(held.timestamp, held.packet, held.samples, missing=0)
        return pieces

    def _skip_hole(self) -> list[Piece]:
        """Give up the packets before the first that is held."""
        assert self._next is not None
        first = min(self._held)
        missing = first - self._next
        missed = min(held.since for held in self._held.values())
        if len(self._given_up) > MAX_HELD:
            self._given_up.clear()
        self._given_up.update(dict.fromkeys(range(max(self._next, first - MAX_HELD), first), missed))
        self._hold_ms = max(self._hold_ms * FORGETS, FIRST_HOLD_MS)
        self._next = first + 1
        self.lost += missing
        held = self._held.pop(first)
        return self._place(held.timestamp, held.packet, held.samples, missing=missing) + self._in_order()

    def _place(self, timestamp: int, packet: bytes, samples: int, *, missing: int) -> list[Piece]:
        """The packet where its timestamp says, after what fills the time before it."""
        if not samples:
            return []
        expected = timestamp if self._expected is None else self._expected
        gap = ((timestamp - expected + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        if -self._most_gap <= gap < 0:
            self.late += 1
            return []  # its place was filled
        pieces: list[Piece] = []
        if STEP <= gap <= self._most_gap:
            copied = samples if missing and gap >= samples else 0
            pieces = self._made_up(gap - copied - (gap - copied) % STEP)
            if copied:
                self.rebuilt += 1
                pieces.append(Piece("copy", copied, packet))
        pieces.append(Piece("sound", samples, packet))
        self._expected = (timestamp + samples) & 0xFFFFFFFF
        return pieces

    def _made_up(self, samples: int) -> list[Piece]:
        if self._expected is not None:
            self._expected = (self._expected + samples) & 0xFFFFFFFF
        whole, rest = divmod(samples, PIECE)
        return [Piece("made up", PIECE)] * whole + ([Piece("made up", rest)] if rest else [])


class _Held(NamedTuple):
    timestamp: int
    packet: bytes
    samples: int
    since: float
    """When it came."""

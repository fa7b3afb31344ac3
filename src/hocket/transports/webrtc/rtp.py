"""RTP and RTCP on the wire (RFC 3550), as much of them as one voice needs, and telephone keys (RFC 4733).

Nothing here trusts a length: what is no packet is None, or is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error
from typing import Final, NamedTuple

CLOCK_RATE: Final = 48_000
"""Hertz of Opus's timestamps (RFC 7587)."""

_HEADER: Final = Struct("!BBHII")
_EXTENSION: Final = Struct("!HH")
_REPORT: Final = Struct("!IIIIII")
_SENDER: Final = Struct("!IIIIII")
_EVENT: Final = Struct("!BBH")
_KEYS: Final = "0123456789*#ABCD"

_VERSION: Final = 0x80
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203


class Rtp(NamedTuple):
    """A packet of a stream."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes


class Report(NamedTuple):
    """What a receiver says about one stream."""

    source: int
    fraction_lost: float
    """Of the packets since its last report, 0 to 1."""
    highest: int
    """Extended sequence number of the newest packet it got."""
    jitter: int
    """In units of the stream's clock."""
    last_sr: int
    """The middle of the NTP timestamp of the newest sender report it got; 0 when it has none."""
    delay_since: int
    """Since then, in 1/65536 s."""


def is_rtcp(data: bytes) -> bool:
    """Of what shares a port, by its second byte (RFC 5761)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def read_rtp(data: bytes) -> Rtp | None:
    """A packet without its header's extensions and padding; None for what is none."""
    length = len(data)
    if length < 12:
        return None
    first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    start = 12 + 4 * (first & 15)
    if first & 0x10:
        if start + 4 > length:
            return None
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    if first & 0x20:
        length -= data[-1]
    if start > length:
        return None
    return Rtp(second & 0x7F, sequence, timestamp, source, data[start:length])


def write_rtp(payload_type: int, marker: bool, sequence: int, timestamp: int, source: int, payload: bytes) -> bytes:
    """A packet."""
    return _HEADER.pack(_VERSION, payload_type | marker << 7, sequence, timestamp, source) + payload


def read_reports(data: bytes) -> Iterator[Report | int]:
    """The reports of a compound packet, and for each sender report in it the middle of its NTP timestamp."""
    at = 0
    try:
        while at + 8 <= len(data):
            kind, length = data[at + 1], 4 * (1 + int.from_bytes(data[at + 2 : at + 4]))
            body = at + 8
            if kind == _SR:
                high, low = _SENDER.unpack_from(data, at + 4)[1:3]
                yield (high << 16 | low >> 16) & 0xFFFFFFFF
                body += 20
            if kind in (_SR, _RR):
                end = min(at + length, len(data))
                for _ in range(data[at] & 31):
                    if body + 24 > end:
                        return
                    yield _read_report(data, body)
                    body += 24
            at += length
    except error:
        return


def _read_report(data: bytes, at: int) -> Report:
    source, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(data, at)
    return Report(source, (lost >> 24) / 256, highest, jitter, last_sr, delay)


def write_sender_report(
    source: int, ntp: int, timestamp: int, packets: int, octets: int, name: str, about: bytes = b""
) -> bytes:
    """SR and SDES with the canonical name; `about`: a block of `Reception.report`, or nothing."""
    head = bytes((_VERSION | bool(about), _SR)) + (6 + len(about) // 4).to_bytes(2)
    sender = _SENDER.pack(source, ntp >> 32, ntp & 0xFFFFFFFF, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return head + sender + about + _names(source, name)


def _names(source: int, name: str) -> bytes:
    item = source.to_bytes(4) + bytes((1, len(name))) + name.encode()
    item += bytes(4 - len(item) % 4)
    return bytes((_VERSION | 1, _SDES)) + (len(item) // 4).to_bytes(2) + item


def write_bye(source: int) -> bytes:
    """The stream has ended."""
    return bytes((_VERSION | 1, _BYE, 0, 1)) + source.to_bytes(4)


def ntp_of(seconds: float) -> int:
    """A time of any clock as RTCP writes it: 64 bits, of which 32 are a fraction (RFC 3550, 4)."""
    return int(seconds * 2**32) & 0xFFFFFFFFFFFFFFFF


class Reception:
    """How well a stream arrives, for the far end's eyes (RFC 3550, A.1, A.3 and A.8). Times are seconds."""

    __slots__ = ("_base", "_expected_before", "_got_before", "_highest", "_jitter", "_last_sr", "_sr_at", "_transit",
                 "got", "source")  # fmt: skip

    def __init__(self, source: int) -> None:
        self.source = source
        self.got = 0
        self._base = -1
        self._highest = 0
        self._jitter = 0.0
        self._transit: int | None = None
        self._expected_before = self._got_before = 0
        self._last_sr = 0
        self._sr_at = 0.0

    @property
    def jitter_s(self) -> float:
        """Of the times between packets."""
        return self._jitter / CLOCK_RATE

    @property
    def lost(self) -> int:
        """Packets that were expected and did not come; fewer than 0 when some came twice."""
        return self._highest - self._base + 1 - self.got if self.got else 0

    def add(self, packet: Rtp, now: float) -> None:
        """A packet arrived."""
        if self._base < 0:
            self._base = self._highest = packet.sequence
        ahead = ((packet.sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if ahead > 0:
            self._highest += ahead
        self.got += 1
        transit = (int(now * CLOCK_RATE) - packet.timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            moved = ((transit - self._transit + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            # A jump is a pause of the sender, not of the network.
            if abs(moved) < CLOCK_RATE:
                self._jitter += (abs(moved) - self._jitter) / 16
        self._transit = transit

    def sender_reported(self, middle: int, now: float) -> None:
        """A sender report arrived."""
        self._last_sr, self._sr_at = middle, now

    def report(self, now: float) -> bytes:
        """A block for the next report, about what came since the last."""
        expected = self._highest - self._base + 1
        new, got = expected - self._expected_before, self.got - self._got_before
        self._expected_before, self._got_before = expected, self.got
        fraction = min(255, (new - got) * 256 // new) if new > got else 0
        total = min(max(expected - self.got, 0), 0x7FFFFF)
        delay = int((now - self._sr_at) * 65_536) & 0xFFFFFFFF if self._last_sr else 0
        return _REPORT.pack(
            self.source, fraction << 24 | total, self._highest & 0xFFFFFFFF, int(self._jitter), self._last_sr, delay
        )


class Keys:
    """Telephone keys among the packets (RFC 4733): each key is told once, however often its packets come."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def read(self, packet: Rtp) -> str:
        """The key whose first packet this is; else empty. A key is known by its timestamp, when it was pressed."""
        if len(packet.payload) < 4 or packet.timestamp == self._last:
            return ""
        event = _EVENT.unpack_from(packet.payload)[0]
        if event >= len(_KEYS):
            return ""
        self._last = packet.timestamp
        return _KEYS[event]

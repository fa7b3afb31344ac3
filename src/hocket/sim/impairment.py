"""A bad network in user space: a UDP relay that delays, jitters, loses and throttles datagrams, seeded.

The caller is given the relay's address in place of the server's (`through`), so no namespaces and no root are needed.
Each caller's address gets a socket of its own on the relay's other side, so that the server tells callers apart.

Every direction has its own delay, queue and losses. Delay is normal around its mean; order is kept unless a profile
says otherwise, because real networks queue. Losses are random, or come in bursts (Gilbert and Elliott: a good state and
a bad one in which everything is lost).
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any, Final, Self, TypeAlias

import msgspec

Address: TypeAlias = tuple[str, int]

MAX_CALLERS: Final = 1_000
"""Addresses that a relay has sockets for; what comes from others is lost."""


class Impairment(msgspec.Struct, frozen=True):
    """What happens to datagrams in one direction."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    """Standard deviation of the delay."""
    loss: float = 0.0
    """Part of the datagrams, each for itself."""
    burst_begins: float = 0.0
    """Chance that with a datagram a burst of losses begins."""
    burst_ends: float = 1.0
    """Chance that it ends with the next; so a burst is 1 / `burst_ends` long on average."""
    kbit_s: float = 0.0
    """Throughput; 0: no limit."""
    queue_ms: float = 200.0
    """What waits for the throughput at most; more is lost."""
    reorders: bool = False
    """Does the jitter change the order?"""


PROFILES: Final[Mapping[str, Impairment]] = {
    "wifi": Impairment(5, 4, 0.005, kbit_s=20_000),
    "4g": Impairment(30, 10, 0.01, kbit_s=5_000),
    "3g": Impairment(75, 25, 0.03, kbit_s=750),
}
"""In each direction."""


class Link:
    """One direction: when a datagram arrives, if it does. Times are seconds of any clock that goes forward."""

    def __init__(self, impairment: Impairment, random: Random) -> None:
        self._with = impairment
        self._random = random
        self._bad = False
        self._free_at = 0.0
        self._last = 0.0
        self.sent = self.lost = 0
        """Datagrams."""

    def arrival(self, size: int, now: float) -> float | None:
        """Of a datagram of `size` bytes that is sent now; None when it is lost."""
        self.sent += 1
        at = None if self._is_lost() else self._queued(size, now)
        if at is None:
            self.lost += 1
            return None
        at += max(0.0, self._random.gauss(self._with.delay_ms, self._with.jitter_ms)) / 1000
        if not self._with.reorders:
            at = self._last = max(at, self._last)
        return at

    def _is_lost(self) -> bool:
        with_, random = self._with, self._random
        if with_.burst_begins:
            self._bad = random.random() >= with_.burst_ends if self._bad else random.random() < with_.burst_begins
            if self._bad:
                return True
        return random.random() < with_.loss

    def _queued(self, size: int, now: float) -> float | None:
        """When it has left a sender of limited throughput."""
        if not self._with.kbit_s:
            return now
        begins = max(now, self._free_at)
        if (begins - now) * 1000 > self._with.queue_ms:
            return None
        self._free_at = begins + size * 8 / (self._with.kbit_s * 1000)
        return self._free_at


class UdpRelay:
    """Between callers and one server. `up` is towards the server."""

    def __init__(self, server: Address, up: Impairment, down: Impairment, seed: int) -> None:
        self.address: Address = ("", 0)
        """Where callers find it."""
        self._server = server
        random = Random(seed)
        self.up = Link(up, Random(random.random()))
        self.down = Link(down, Random(random.random()))
        self._outside: asyncio.DatagramTransport | None = None
        self._inside: dict[Address, _Inside] = {}

    async def open(self, host: str = "127.0.0.1") -> Self:
        """Relay from now on."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(partial(_Outside, self), local_addr=(host, 0))
        self._outside = transport
        self.address = transport.get_extra_info("sockname")[:2]
        return self

    def close(self) -> None:
        """Relay no more. Legal twice."""
        outside, self._outside = self._outside, None
        if outside is not None:
            outside.close()
        for inside in self._inside.values():
            inside.close()
        self._inside.clear()

    def through(self, sdp: str) -> str:
        """An answer whose candidates are this relay only."""
        host, port = self.address
        candidates = re.compile(r"(?:a=candidate:.*\r\n)+")
        return candidates.sub(f"a=candidate:relay 1 udp 2130706431 {host} {port} typ host\r\n", sdp)

    def from_caller(self, data: bytes, caller: Address) -> None:
        """A datagram of a caller."""
        loop = asyncio.get_running_loop()
        if (at := self.up.arrival(len(data), loop.time())) is None:
            return
        inside = self._inside.get(caller)
        if inside is None:
            if len(self._inside) >= MAX_CALLERS:
                return
            inside = self._inside[caller] = _Inside(self, caller, self._server)
        loop.call_at(at, inside.send, data)

    def from_server(self, data: bytes, caller: Address) -> None:
        """A datagram of the server for a caller."""
        loop = asyncio.get_running_loop()
        if (at := self.down.arrival(len(data), loop.time())) is not None:
            loop.call_at(at, self._deliver, data, caller)

    def _deliver(self, data: bytes, caller: Address) -> None:
        if self._outside is not None:
            self._outside.sendto(data, caller)


class _Outside(asyncio.DatagramProtocol):
    """Where callers send to."""

    def __init__(self, relay: UdpRelay) -> None:
        self._relay = relay

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        self._relay.from_caller(data, (address[0], address[1]))

    def error_received(self, _: Exception) -> None:
        """A caller has closed its port."""


class _Inside:
    """What the server takes for one caller."""

    def __init__(self, relay: UdpRelay, caller: Address, server: Address) -> None:
        self._relay = relay
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(server)
        self._loop.add_reader(self._socket, self._read)

    def send(self, data: bytes) -> None:
        """To the server."""
        with suppress(OSError):  # lost, as on any network
            self._socket.send(data)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        with suppress(OSError):
            self._relay.from_server(self._socket.recv(65_536), self._caller)

"""Who comes from where: how often an address may ask, how many connections it may hold, which pages may call."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from hocket.gateway.settings import is_loopback, origin_of

REMEMBERED: Final = 10_000
"""Addresses whose rate is remembered; of more than that, those that asked longest ago are forgotten."""


class Rate:
    """How often each address may ask: `burst` at once, and `per_s` in the long run (a token bucket)."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._asked: dict[str, tuple[float, float]] = {}
        """Address -> tokens left, and when; in the order they asked last."""

    def ask(self, address: str, now: float) -> float:
        """0 when it may; else in how many seconds. `now` in seconds of any steady clock."""
        address = group(address)
        left, then = self._asked.pop(address, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._per_s)
        allowed = left >= 1
        self._asked[address] = (left - 1 if allowed else left, now)
        if len(self._asked) > REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return 0.0 if allowed else (1 - left) / self._per_s


class Connections:
    """How many connections each address holds, and all together."""

    def __init__(self, per_address: int, in_all: int) -> None:
        self._per_address = per_address
        self._in_all = in_all
        self._open: Counter[str] = Counter()
        self._total = 0

    def open(self, address: str) -> bool:
        """Take a place; False when there is none. `close` gives it back."""
        address = group(address)
        if self._total >= self._in_all or self._open.get(address, 0) >= self._per_address:
            return False
        self._open[address] += 1
        self._total += 1
        return True

    def close(self, address: str) -> None:
        """Give back what `open` took."""
        address = group(address)
        assert self._open[address] > 0, "a place is given back once"
        self._open[address] -= 1
        self._total -= 1
        if not self._open[address]:
            del self._open[address]


class Networks:
    """Addresses, some by their networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def __contains__(self, address: str) -> bool:
        """Is this, as text, one of them?"""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


class Proxies:
    """The proxies that are believed about who they speak for."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = Networks(networks)

    def trusts(self, address: str) -> bool:
        """Is this one of them?"""
        return address in self._networks

    def caller(self, peer: str, forwarded_for: str) -> str:
        """The address of who asked: the last in X-Forwarded-For that was written by a trusted proxy. What stands
        before it could have been written by anybody."""
        address = peer
        for part in reversed(forwarded_for[-2_000:].split(",")):
            if not self.trusts(address):
                break
            found = _without_port(part.strip())
            try:
                ipaddress.ip_address(found)
            except ValueError:
                break
            address = found
        return address


class Origins:
    """Which pages may call."""

    def __init__(self, allowed: Iterable[str], *, dev: bool) -> None:
        self._allowed = frozenset(allowed)
        self._dev = dev

    def allow(self, origin: str) -> bool:
        """Is this Origin header one of theirs? In development every page of this machine is."""
        if origin in self._allowed:
            return True
        return self._dev and origin == origin_of(origin) and is_loopback(urlsplit(origin).hostname or "")


def _without_port(written: str) -> str:
    """Some proxies write 203.0.113.7:1234 and [2001:db8::1]:1234."""
    if written.startswith("["):
        return written[1:].partition("]")[0]
    return written.partition(":")[0] if written.count(":") == 1 else written


def group(address: str) -> str:
    """The address itself; of IPv6 the network of 64 bits, for that is what one subscriber is given."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))

"""Rates and counts per address, whom a proxy speaks for, and which pages may call."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.gateway import addresses
from hocket.gateway.addresses import Connections, Origins, Proxies, Rate, group


def test_a_rate_allows_a_burst_and_then_a_trickle() -> None:
    rate = Rate(0.5, 3)
    assert [rate.ask("192.0.2.1", 0) for _ in range(4)] == [0, 0, 0, 2]
    assert rate.ask("192.0.2.2", 0) == 0  # another's is its own
    assert rate.ask("192.0.2.1", 1) == 1
    assert [rate.ask("192.0.2.1", 2), rate.ask("192.0.2.1", 2)] == [0, 2]
    assert [rate.ask("192.0.2.1", 1_000) for _ in range(4)] == [0, 0, 0, 2]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_pattern_of_asking_gets_more_than_the_rate(pauses: list[float]) -> None:
    rate, now, allowed = Rate(2, 5), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += rate.ask("192.0.2.1", now) == 0
    assert allowed <= 5 + 2 * now + 1e-6


def test_rates_remember_a_bounded_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "REMEMBERED", 3)
    rate = Rate(0.1, 1)
    for number in range(50):
        assert rate.ask(f"192.0.2.{number}", 0) == 0
    assert len(rate._asked) == 3
    assert rate.ask("192.0.2.49", 0) > 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans())))
def test_connections_are_counted_per_address_and_in_all(steps: list[tuple[str, bool]]) -> None:
    connections, held = Connections(2, 5), Counter[str]()
    for address, opens in steps:
        if opens:
            may = held[address] < 2 and held.total() < 5
            assert connections.open(address) is may
            held[address] += may
        elif held[address]:
            connections.close(address)
            held[address] -= 1
    assert +held == connections._open


PROXIES = Proxies(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.9"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),  # a stranger says so
        ("10.1.2.3", "203.0.113.1", "203.0.113.1"),
        ("10.1.2.3", "1.1.1.1, 203.0.113.1", "203.0.113.1"),  # only the last was written by the proxy
        ("10.1.2.3", "1.1.1.1, 203.0.113.1, 192.0.2.9", "203.0.113.1"),  # two proxies
        ("::ffff:10.1.2.3", "203.0.113.1", "203.0.113.1"),
        ("2001:db8:1::5", "2001:db8:9::1", "2001:db8:9::1"),
        ("10.1.2.3", "203.0.113.1:50123", "203.0.113.1"),
        ("10.1.2.3", "203.0.113.1:50123, 192.0.2.9:443", "203.0.113.1"),
        ("10.1.2.3", "[2001:db8:9::1]:50123", "2001:db8:9::1"),
        ("10.1.2.3", "[2001:db8:9::1]", "2001:db8:9::1"),
        ("10.1.2.3", "nonsense:80", "10.1.2.3"),
        ("10.1.2.3", "[]:80", "10.1.2.3"),
        ("10.1.2.3", "nonsense", "10.1.2.3"),
        ("10.1.2.3", "203.0.113.1, nonsense", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "1.1.1.1," * 10_000 + "203.0.113.1", "203.0.113.1"),
    ],
)
def test_whom_a_proxy_speaks_for(peer: str, forwarded: str, caller: str) -> None:
    assert PROXIES.caller(peer, forwarded) == caller


def test_an_ipv6_subscriber_is_one_address() -> None:
    assert group("2001:db8::1") == group("2001:db8::ffff:1") != group("2001:db8:0:1::1")
    assert group("::ffff:192.0.2.1") == group("192.0.2.1") == "192.0.2.1"
    assert group("fe80::1%eth0") == group("fe80::2")
    assert group("no:address") == "no:address"


@pytest.mark.parametrize(
    ("origin", "allowed", "in_dev"),
    [
        ("https://talk.example", True, True),
        ("http://talk.example", False, False),
        ("https://talk.example.evil.example", False, False),
        ("https://evil.example", False, False),
        ("http://localhost:8080", False, True),
        ("http://127.0.0.1:5173", False, True),
        ("http://[::1]:8080", False, True),
        ("http://localhost.evil.example", False, False),
        ("http://localhost:8080/path", False, False),
        ("null", False, False),
        ("", False, False),
    ],
)
def test_which_pages_may_call(origin: str, allowed: bool, in_dev: bool) -> None:
    assert Origins(["https://talk.example"], dev=False).allow(origin) is allowed
    assert Origins(["https://talk.example"], dev=True).allow(origin) is in_dev

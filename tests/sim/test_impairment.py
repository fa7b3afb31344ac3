from __future__ import annotations

import asyncio
from random import Random
from typing import cast

import numpy as np
import pytest

from hocket.sim.impairment import PROFILES, Impairment, Link, UdpRelay


def arrivals(impairment: Impairment, count: int = 20_000, every_s: float = 0.02, size: int = 100) -> list[float | None]:
    link = Link(impairment, Random(1))
    return [link.arrival(size, number * every_s) for number in range(count)]


def test_nothing_is_done_unless_asked() -> None:
    assert arrivals(Impairment(), 10) == [pytest.approx(number * 0.02) for number in range(10)]


def test_delay_is_what_was_asked_for_on_average_and_spreads_by_the_jitter() -> None:
    found = [at - number * 0.02 for number, at in enumerate(arrivals(Impairment(75, 10, reorders=True))) if at]
    assert np.mean(found) == pytest.approx(0.075, rel=0.02)
    assert np.std(found) == pytest.approx(0.010, rel=0.05)


def test_order_is_kept_unless_it_may_be_changed() -> None:
    kept = [at for at in arrivals(Impairment(75, 25)) if at is not None]
    assert kept == sorted(kept)
    changed = [at for at in arrivals(Impairment(75, 25, reorders=True)) if at is not None]
    assert changed != sorted(changed)


def test_as_much_is_lost_as_was_asked_for() -> None:
    lost = [at is None for at in arrivals(Impairment(loss=0.02))]
    assert np.mean(lost) == pytest.approx(0.02, rel=0.15)


def test_bursts_have_their_length() -> None:
    lost = [at is None for at in arrivals(Impairment(burst_begins=0.01, burst_ends=0.25), 60_000)]
    text = "".join("x" if each else "." for each in lost)
    bursts = [len(part) for part in text.split(".") if part]
    assert np.mean(bursts) == pytest.approx(4, rel=0.1)
    assert np.mean(lost) == pytest.approx(0.01 * 4 / (1 + 0.01 * 4), rel=0.15)


def test_throughput_is_a_limit_and_its_queue_too() -> None:
    found = arrivals(Impairment(kbit_s=100, queue_ms=200), 5_000, every_s=0.001, size=125)
    came = [at for at in found if at is not None]
    assert len(came) == pytest.approx(100_000 * 5 / 1000, rel=0.1)
    waits = [at - number * 0.001 for number, at in enumerate(found) if at is not None]
    assert max(waits) <= 0.21 + 1e-9


def test_the_same_seed_is_the_same_network() -> None:
    assert arrivals(PROFILES["3g"], 500) == arrivals(PROFILES["3g"], 500)


class End(asyncio.DatagramProtocol):
    def __init__(self, echoes: bool) -> None:
        self.got: list[tuple[bytes, object]] = []
        self.transport: asyncio.DatagramTransport
        self.echoes = echoes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: object) -> None:
        self.got.append((data, address))
        if self.echoes:
            self.transport.sendto(data, address)  # type: ignore[arg-type]


def test_a_relay_carries_datagrams_of_several_callers_both_ways() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        where, server = await loop.create_datagram_endpoint(lambda: End(True), ("127.0.0.1", 0))
        relay = await UdpRelay(where.get_extra_info("sockname"), Impairment(1), Impairment(1), 1).open()
        callers = [await loop.create_datagram_endpoint(lambda: End(False), ("127.0.0.1", 0)) for _ in range(3)]
        for number in range(20):
            for index, (transport, _) in enumerate(callers):
                transport.sendto(b"%d %d" % (index, number), relay.address)
        for _ in range(1_000):
            if all(len(caller.got) == 20 for _, caller in callers):
                break
            await asyncio.sleep(0.01)
        for index, (transport, caller) in enumerate(callers):
            assert [data for data, _ in caller.got] == [b"%d %d" % (index, number) for number in range(20)]
            transport.close()
        assert len({address for _, address in server.got}) == 3, "the server tells the callers apart"
        assert (relay.up.sent, relay.down.sent, relay.up.lost) == (60, 60, 0)
        relay.close()
        relay.close()
        where.close()

    asyncio.run(scenario())


def test_an_answer_is_led_through_the_relay() -> None:
    relay = UdpRelay(("192.0.2.1", 1), Impairment(), Impairment(), 1)
    relay.address = ("127.0.0.1", 9)
    sdp = "m=audio\r\na=candidate:1 1 udp 5 192.0.2.1 1 typ host\r\na=candidate:2 1 udp 4 ::1 1 typ host\r\na=end\r\n"
    assert relay.through(sdp) == "m=audio\r\na=candidate:relay 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end\r\n"

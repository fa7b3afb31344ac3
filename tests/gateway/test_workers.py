"""Real worker processes: calls are placed where there is room, a crash and a replacement cost no readiness."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
import pytest

from hocket.clock import unix_time
from hocket.gateway import workers as pool
from hocket.gateway.admission import Refusal
from hocket.gateway.control import Report
from hocket.gateway.placing import Placement
from hocket.gateway.process import WorkerProcess
from hocket.gateway.settings import Settings
from hocket.gateway.tickets import Tickets, source_of
from hocket.gateway.workers import StartError, Workers
from tests.gateway.waiting import until

SECRET = "a secret of more than thirty-two bytes"
SMALL = Settings(agent="tests.gateway.small_agent:agent", dev=True, port=0)


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncIterator[Workers]:
    given = Settings(agent=SMALL.agent, dev=True, port=0, **settings)
    workers = Workers(given, SECRET, folder)
    try:
        await workers.start()
        yield workers
    finally:
        await workers.stop(0, "the test is over")
        assert not workers.running


def test_a_worker_that_crashes_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "BACKOFF_S", 0.05)

    async def scenario() -> None:
        async with running(tmp_path) as workers:
            (first,) = workers.running
            assert workers.ready == 1
            assert first._process is not None
            os.kill(first._process.pid, signal.SIGKILL)
            await until(lambda: first.state == "gone")
            lost = workers.place("ws")
            assert isinstance(lost, Refusal)
            assert lost.reason == "starting"
            await until(lambda: workers.ready == 1)
            (second,) = workers.running
            assert second.id != first.id
            assert "its calls are lost" in caplog.text

    asyncio.run(scenario())
    assert not list(tmp_path.iterdir())


def test_a_replacement_is_ready_before_the_old_worker_drains(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as workers:
            before = workers.running
            replacing = asyncio.ensure_future(workers.replace())
            while not replacing.done():
                assert workers.ready == 1
                await asyncio.sleep(0.01)
            assert await replacing
            await until(lambda: all(worker.state == "gone" for worker in before))
            assert sorted(worker.number for worker in workers.running) == [1]
            placed = workers.place("ws")
            assert isinstance(placed, Placement)
            claims = jwt.decode(placed.ticket, SECRET, algorithms=["HS256"], audience="hocket")
            assert claims["worker"] in {worker.id for worker in workers.running}

    asyncio.run(scenario())


def test_an_agent_that_cannot_be_loaded_ends_the_start(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        workers = Workers(Settings(agent="nowhere.py", dev=True, port=0), SECRET, tmp_path)
        with pytest.raises(StartError):
            await workers.start()
        assert not workers.running

    asyncio.run(scenario())
    printed = capfd.readouterr().err
    assert "There is no file nowhere.py" in printed
    assert "Traceback" not in printed


# -- placing, and what is done about workers that end, on workers that are not processes


class Fake(WorkerProcess):
    """A worker without a process."""

    starts: Callable[[], bool] = staticmethod(lambda: True)
    made: list[Fake]

    async def start(self) -> bool:
        Fake.made.append(self)
        await asyncio.sleep(0)
        if not type(self).starts():
            self.state = "gone"
            return False
        self.ended = asyncio.get_running_loop().create_future()
        self.state = "ready"
        self.report = report()
        return True

    async def watch(self) -> int:
        code = int(await self.ended)
        self.state, self.report = "gone", None
        return code

    async def drain(self, timeout_s: float, reason: str) -> None:
        if self.state == "ready":
            self.state = "draining"

    def kill(self) -> None:
        if self.state in ("ready", "draining") and not self.ended.done():
            self.ended.set_result(-9)


def report(live: int = 0, refusal: Refusal | None = None) -> Report:
    return Report(8081, live, 10, 0.0, refusal)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    monkeypatch.setattr(pool, "WorkerProcess", Fake)
    monkeypatch.setattr(Fake, "made", [], raising=False)
    monkeypatch.setattr(Fake, "starts", staticmethod(lambda: True))
    return Fake.made


def virtually(scenario: Callable[[Workers], Any], count: int = 1) -> None:
    from hocket.sim.loop import run

    async def whole() -> None:
        workers = Workers(Settings(agent="", workers=count), SECRET, Path())
        await workers.start()
        await scenario(workers)
        workers.kill()
        await workers.stop(0, "the test is over")

    run(whole())


def worker_of(placed: Placement | Refusal) -> int:
    assert isinstance(placed, Placement)
    return placed.worker


def test_calls_go_where_there_is_most_room(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        fakes[0].report, fakes[1].report = report(5), report(2)
        placed = [worker_of(workers.place("ws")) for _ in range(5)]
        assert placed == [1, 1, 1, 0, 1]  # tickets count until the next report
        fakes[1].report = report(refusal=Refusal("overloaded", 5))
        assert worker_of(workers.place("ws")) == 0
        fakes[0].report = None  # it does not answer
        refused = workers.place("ws")
        assert isinstance(refused, Refusal)
        assert refused.reason == "overloaded"
        assert workers.ready == 1

    virtually(scenario, 2)


def test_a_ticket_stands_for_an_address_without_showing_it(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        def source(address: str) -> str:
            placed = workers.place("ws", address=address)
            assert isinstance(placed, Placement)
            assert address not in jwt.decode(placed.ticket, options={"verify_signature": False}).values()
            return Tickets(SECRET, fakes[0].id).redeem(placed.ticket, "ws", unix_time()).source

        assert source("203.0.113.7") == source("203.0.113.7") != source("203.0.113.8")
        assert source("2001:db8::1") == source("2001:db8::2")
        assert "" != source_of("another secret", "203.0.113.7") != source("203.0.113.7")
        placed = workers.place("twilio")
        assert isinstance(placed, Placement)
        assert not Tickets(SECRET, fakes[0].id).redeem(placed.ticket, "twilio", unix_time()).source

    virtually(scenario)


@pytest.mark.parametrize("webrtc", [False, True])
def test_a_place_tells_whether_there_is_webrtc(fakes: list[Fake], webrtc: bool) -> None:
    async def scenario(workers: Workers) -> None:
        fakes[0].report = Report(8081, 0, 10, 0.0, None, webrtc)
        placed = workers.place("webrtc")
        assert isinstance(placed, Placement)
        assert placed.webrtc is webrtc

    virtually(scenario)


def test_no_more_tickets_than_there_is_room(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        found = [workers.place("ws") for _ in range(12)]
        assert [isinstance(one, Placement) for one in found] == [True] * 10 + [False] * 2
        last = found[-1]
        assert isinstance(last, Refusal)
        assert last.reason == "busy"

    virtually(scenario)


def test_a_worker_that_keeps_ending_is_started_more_and_more_slowly(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        loop = asyncio.get_running_loop()
        starts = [loop.time()]
        for count in range(1, 11):
            fakes[-1].kill()
            await until(lambda: len(fakes) > count)  # noqa: B023 - it is called before the next count
            await until(lambda: fakes[-1].state == "ready")
            starts.append(loop.time())
        pauses = [later - earlier for earlier, later in pairwise(starts)]
        assert pauses[:4] == pytest.approx([0.5, 1, 2, 4], abs=0.2)
        assert pauses[-1] == pytest.approx(pool.MAX_BACKOFF_S, abs=0.2)
        await asyncio.sleep(pool.SETTLED_S + 1)
        fakes[-1].kill()
        began = loop.time()
        await until(lambda: len(fakes) == 12)
        assert loop.time() - began == pytest.approx(0.5, abs=0.2)

    virtually(scenario)


def test_a_replacement_that_cannot_start_leaves_the_running_ones(
    fakes: list[Fake], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(workers: Workers) -> None:
        monkeypatch.setattr(Fake, "starts", staticmethod(lambda: False))
        assert not await workers.replace()
        assert [fake.state for fake in fakes] == ["ready", "ready", "gone"]
        assert workers.ready == 2

    virtually(scenario, 2)
    assert "the running ones go on" in caplog.text


def test_a_worker_that_cannot_start_any_more_is_tried_again(fakes: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(workers: Workers) -> None:
        monkeypatch.setattr(Fake, "starts", staticmethod(lambda: len(fakes) > 3))
        fakes[-1].kill()
        await asyncio.sleep(0.1)
        assert workers.ready == 0
        await asyncio.sleep(60)
        assert (workers.ready, len(fakes)) == (1, 4)

    virtually(scenario)


def test_a_second_replacement_waits_until_a_number_is_free(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        assert await workers.replace()
        assert [fake.state for fake in fakes] == ["draining", "ready"]
        again = asyncio.ensure_future(workers.replace())
        await asyncio.sleep(100)
        assert not again.done()
        assert workers.ready == 1
        fakes[0].ended.set_result(0)
        assert await again
        assert [(fake.number, fake.state) for fake in fakes] == [(0, "gone"), (1, "draining"), (0, "ready")]

    virtually(scenario)


def test_a_worker_that_ends_while_it_is_replaced_is_not_started_twice(
    fakes: list[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Fake.start

    async def start(self: Fake) -> bool:
        await asyncio.sleep(5)
        return await slow(self)

    async def scenario(workers: Workers) -> None:
        monkeypatch.setattr(Fake, "start", start)
        replacing = asyncio.ensure_future(workers.replace())
        await asyncio.sleep(1)
        fakes[0].kill()
        assert await replacing
        await asyncio.sleep(100)
        ready = [fake for fake in fakes if fake.state == "ready"]
        assert [ready, workers._posts] == [ready[:1], ready]

    virtually(scenario)


def test_after_stop_there_are_no_places(fakes: list[Fake]) -> None:
    async def scenario(workers: Workers) -> None:
        stopping = asyncio.ensure_future(workers.stop(10, "the test is over"))
        await asyncio.sleep(1)
        assert workers.ready == 0
        refused = workers.place("ws")
        assert isinstance(refused, Refusal)
        assert refused.reason == "draining"
        assert not stopping.done()
        fakes[0].ended.set_result(0)
        await stopping
        assert len(fakes) == 1

    virtually(scenario)

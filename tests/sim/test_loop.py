from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.agent.threads import DaemonThreads
from hocket.clock import MS, LoopClock, stopwatch, thread_cpu_time
from hocket.sim.loop import MAX_PASSES, VirtualLoop, run


class Done(msgspec.Struct):
    value: int
    cpu_ns: int


def test_sleeping_takes_virtual_time_only() -> None:
    async def scenario() -> float:
        await asyncio.sleep(3000)
        return asyncio.get_running_loop().time()

    began = stopwatch()
    assert run(scenario()) == 3000
    assert stopwatch() - began < 1000 * MS


def test_time_is_whole_nanoseconds_and_does_not_drift() -> None:
    async def scenario() -> int:
        for _ in range(30_000):
            await asyncio.sleep(0.02)
        return LoopClock().now()

    assert run(scenario()) == 30_000 * 20 * MS


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60))
def test_timers_fire_by_time_then_in_the_order_they_were_set(delays_ms: list[int]) -> None:
    async def scenario() -> list[int]:
        loop = asyncio.get_running_loop()
        fired: list[int] = []
        for index, delay_ms in enumerate(delays_ms):
            if index % 2:
                loop.call_later(delay_ms / 1000, fired.append, index)
            else:
                loop.call_at(loop.time() + delay_ms / 1000, fired.append, index)
        await asyncio.sleep(1)
        return fired

    assert run(scenario()) == sorted(range(len(delays_ms)), key=lambda index: (delays_ms[index], index))


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=400))
def test_cancelled_timers_never_fire_and_are_thrown_out(timers: list[tuple[int, bool]]) -> None:
    async def scenario() -> tuple[list[int], int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        fired: list[int] = []
        handles = [loop.call_later(delay / 1000, fired.append, i) for i, (delay, _) in enumerate(timers)]
        for handle, (_, cancel) in zip(handles, timers, strict=True):
            if cancel:
                handle.cancel()
        await asyncio.sleep(1)
        return fired, loop._cancelled_timers

    fired, count = run(scenario())
    assert sorted(fired) == [i for i, (_, cancel) in enumerate(timers) if not cancel]
    assert count == 0


def test_many_cancelled_timeouts_do_not_pile_up() -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(5000):
            async with asyncio.timeout(3600):
                await asyncio.sleep(0.02)
        return len(loop._timers)

    assert run(scenario()) < 300


def test_a_deadlock_names_the_tasks_and_where_they_wait() -> None:
    async def waits_for_godot() -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_godot(), name="vladimir")

    with pytest.raises(RuntimeError, match=r"deadlock(.|\n)*vladimir.*waits_for_godot.*test_loop\.py:\d+.*Event\.wait"):
        run(scenario())


def test_the_limit_of_virtual_time_ends_a_run() -> None:
    async def scenario() -> None:
        for _ in range(1000):
            await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match=r"limit of 60 s(.|\n)*scenario"):
        run(scenario(), limit_s=60)


def test_running_in_a_circle_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_at(loop.time(), again)

        again()
        await asyncio.sleep(1)

    assert MAX_PASSES > 10_000
    monkeypatch.setattr("hocket.sim.loop.MAX_PASSES", 10_000)
    with pytest.raises(RuntimeError, match="stands still"):
        run(scenario())


def test_an_executor_job_runs_in_place_and_takes_the_time_it_says() -> None:
    async def scenario() -> tuple[int, int, int, list[int]]:
        loop = asyncio.get_running_loop()
        ticks: list[int] = []
        for ms in (5, 29, 31):
            loop.call_later(ms / 1000, ticks.append, ms)
        future = loop.run_in_executor(None, Done, 7, 30 * MS)
        assert not future.done()
        before = LoopClock().now()
        done = await future
        return done.value, before, LoopClock().now(), ticks

    assert run(scenario()) == (7, 0, 30 * MS, [5, 29])


def test_an_executor_job_without_a_figure_takes_the_processor_time_measured() -> None:
    def work() -> int:
        until = thread_cpu_time() + 3 * MS
        while thread_cpu_time() < until:
            pass
        return 1

    async def scenario() -> int:
        assert await asyncio.to_thread(work) == 1
        return LoopClock().now()

    assert 3 * MS <= run(scenario()) < 50 * MS


def test_an_executor_job_that_raises_fails_its_future_only() -> None:
    def work() -> None:
        raise ValueError("no")

    async def scenario() -> None:
        with pytest.raises(ValueError, match="no"):
            await asyncio.get_running_loop().run_in_executor(None, work)

    run(scenario())


def test_cancelling_while_an_executor_job_takes_time() -> None:
    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().run_in_executor(None, Done, 7, 30 * MS)
        await asyncio.sleep(1)

    run(scenario())


def test_the_loop_says_that_its_time_is_a_model() -> None:
    async def scenario() -> bool:
        return bool(getattr(asyncio.get_running_loop(), "modelled", False))

    assert run(scenario())
    assert not asyncio.run(scenario())


def test_an_exception_in_a_callback_fails_the_run() -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(int, "seven")
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="seven"):
        run(scenario())


def test_an_exception_in_a_task_that_nobody_awaited_fails_the_run() -> None:
    async def fails() -> None:
        raise ValueError("unseen")

    async def scenario() -> asyncio.Task[None]:
        task = asyncio.create_task(fails())
        await asyncio.sleep(1)
        return task  # kept, so that no garbage collector reports it

    with pytest.raises(ValueError, match="unseen"):
        run(scenario())


def test_an_exception_that_somebody_awaited_does_not() -> None:
    async def fails() -> None:
        raise ValueError("seen")

    async def scenario() -> str:
        task = asyncio.create_task(fails())
        await asyncio.sleep(1)
        return str((await asyncio.gather(task, return_exceptions=True))[0])

    assert run(scenario()) == "seen"


def test_the_exception_of_the_scenario_itself_comes_out() -> None:
    async def scenario() -> None:
        await asyncio.sleep(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(scenario())


def test_a_task_left_at_the_end_fails_the_run_and_is_cancelled() -> None:
    cleaned: list[bool] = []

    async def stays() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append(True)

    async def scenario() -> None:
        asyncio.create_task(stays(), name="the guest")  # noqa: RUF006
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match=r"tasks left(.|\n)*the guest: .*stays"):
        run(scenario())
    assert cleaned == [True]


def test_a_task_cancelled_at_the_last_moment_is_let_run_out() -> None:
    async def stays() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)

    async def scenario() -> None:
        task = asyncio.create_task(stays())
        await asyncio.sleep(1)
        task.cancel()

    run(scenario())


def test_a_callback_from_a_thread_is_not_lost() -> None:
    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        thread = threading.Timer(0.05, loop.call_soon_threadsafe, (future.set_result, "from a thread"))
        thread.start()
        result = await future
        thread.join()
        return result

    assert run(scenario()) == "from a thread"


def test_many_threads_lose_no_callback() -> None:
    threads, each = 8, 500

    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        came = 0
        everything = asyncio.Event()

        def count() -> None:
            nonlocal came
            came += 1
            if came == threads * each:
                everything.set()

        def work(call: Callable[..., Any]) -> None:
            for _ in range(each):
                call(count)

        with ThreadPoolExecutor(threads) as pool:
            for _ in range(threads):
                pool.submit(work, loop.call_soon_threadsafe)
            await everything.wait()
        return came

    assert run(scenario()) == threads * each


def test_sockets_are_polled_when_nothing_is_ready() -> None:
    async def scenario() -> bytes:
        served = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readline()).upper())
            writer.close()
            await writer.wait_closed()
            served.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"echo\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        await served.wait()
        server.close()
        await server.wait_closed()
        return line

    assert run(scenario()) == b"ECHO\n"


def test_not_from_within_a_running_loop() -> None:
    async def inner() -> None:
        pass

    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="running event loop"):
            run(inner())

    run(scenario())


def test_the_same_program_runs_the_same_way_twice() -> None:
    async def scenario() -> list[tuple[str, int]]:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        log: list[tuple[str, int]] = []

        async def produce(period: float) -> None:
            for number in range(100):
                await asyncio.sleep(period)
                await queue.put(number)

        async def consume() -> None:
            while len(log) < 200:
                number = await queue.get()
                log.append((f"got {number}", LoopClock().now()))

        async with asyncio.TaskGroup() as group:
            group.create_task(produce(0.02))
            group.create_task(produce(0.03))
            group.create_task(consume())
        return log

    assert run(scenario()) == run(scenario())


def test_a_function_that_never_returns_holds_up_neither_time_nor_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hocket.sim.loop.HANG_S", 0.05)
    threads = DaemonThreads("hangs", 2)
    release = threading.Event()

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await loop.run_in_executor(threads, release.wait)
        return loop.time()

    assert run(scenario()) == 3
    release.set()

from __future__ import annotations

import asyncio

import pytest

from hocket.session.tasks import Tasks
from hocket.sim.loop import run


def test_what_a_task_raises_is_told() -> None:
    async def scenario() -> None:
        told: list[Exception] = []
        tasks = Tasks(told.append)

        async def broken() -> None:
            raise ValueError("broken")

        tasks.start(broken())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [type(error) for error in told] == [ValueError]
        await tasks.close()

    run(scenario())


def test_closing_ends_all_and_what_they_start_meanwhile() -> None:
    async def scenario() -> None:
        tasks = Tasks(lambda error: None)
        ended: list[str] = []

        async def last_words() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append("last")

        async def waits() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                tasks.start(last_words())
                await asyncio.sleep(0)
                ended.append("first")

        tasks.start(waits())
        await asyncio.sleep(1)
        await tasks.close()
        assert ended == ["first", "last"]

    run(scenario())


def test_a_task_that_cannot_be_cancelled_holds_up_nobody_for_long(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> float:
        tasks = Tasks(lambda error: None)
        released = asyncio.Event()

        async def stubborn() -> None:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    continue

        tasks.start(stubborn())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await tasks.close()
        took = asyncio.get_running_loop().time() - began
        released.set()
        await asyncio.sleep(0.1)
        return took

    assert run(scenario()) == pytest.approx(2.0)
    assert "goes on although it was cancelled" in caplog.text


def test_a_cleanup_that_takes_its_time_is_not_cancelled_again_at_once() -> None:
    async def scenario() -> bool:
        tasks = Tasks(lambda error: None)
        clean: list[bool] = []

        async def tidy() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(0.5)
                clean.append(True)

        tasks.start(tidy())
        await asyncio.sleep(0)
        await tasks.close()
        return bool(clean)

    assert run(scenario())


def test_finishing_waits_for_all_but_not_for_ever() -> None:
    async def scenario() -> None:
        tasks = Tasks(lambda error: None)
        done: list[int] = []

        async def work(seconds: int) -> None:
            await asyncio.sleep(seconds)
            done.append(seconds)

        for seconds in (1, 2, 30):
            tasks.start(work(seconds))
        await tasks.finish(5)
        assert done == [1, 2]
        assert asyncio.get_running_loop().time() == pytest.approx(5)
        await tasks.close()

    run(scenario())

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hocket.gateway.held import held
from hocket.sim.loop import run
from tests.session.making import FakeLine


@pytest.mark.parametrize("end", ["over", "failed", "cancelled"])
def test_whatever_ends_a_call_its_line_is_closed(end: str) -> None:
    reports: list[dict[str, Any]] = []
    error = ValueError("a bug")

    async def hold() -> None:
        await asyncio.sleep(1)
        if end == "failed":
            raise error
        await asyncio.sleep(1)

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        line = FakeLine()
        task = held(hold, line, "CA5")
        assert task.get_name() == "call CA5"
        if end == "cancelled":
            asyncio.get_running_loop().call_later(1.5, task.cancel)
        await asyncio.wait({task})
        assert (line.closed, task.cancelled()) == (1, end == "cancelled")

    run(scenario())
    assert reports == ([{"message": "call CA5 failed", "exception": error}] if end == "failed" else [])


def test_a_call_that_is_cancelled_before_its_first_step_leaves_nothing() -> None:
    async def hold() -> None:
        raise AssertionError("it began")

    async def scenario() -> None:
        task = held(hold, FakeLine(), "CA5")
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    run(scenario())

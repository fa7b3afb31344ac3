from __future__ import annotations

import asyncio

import pytest

from hocket.client.inbox import Inbox
from hocket.sim.loop import run


def test_items_come_in_order_and_then_the_end() -> None:
    async def scenario() -> None:
        inbox: Inbox[int] = Inbox(10)
        asyncio.get_running_loop().call_later(1, inbox.put, 1)
        asyncio.get_running_loop().call_later(2, inbox.put, 2)
        asyncio.get_running_loop().call_later(3, inbox.close)
        assert [await inbox.get() for _ in range(4)] == [1, 2, None, None]
        inbox.put(3)
        assert await inbox.get() is None

    run(scenario())


def test_of_too_many_the_oldest_are_dropped() -> None:
    async def scenario() -> None:
        inbox: Inbox[int] = Inbox(3)
        for item in range(10):
            inbox.put(item)
        assert inbox.dropped == 7
        assert await inbox.get() == 7
        inbox.clear()
        inbox.put(11)
        assert await inbox.get() == 11

    run(scenario())


def test_an_error_is_told_after_the_rest() -> None:
    async def scenario() -> None:
        inbox: Inbox[int] = Inbox(3)
        inbox.put(1)
        inbox.close(ValueError("lost"))
        inbox.close()
        assert await inbox.get() == 1
        for _ in range(2):
            with pytest.raises(ValueError, match="lost"):
                await inbox.get()

    run(scenario())

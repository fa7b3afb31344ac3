"""Closing beside what goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from hocket.resilience.closing import CLOSE_S, Closing
from hocket.sim.loop import run


class Stream:
    """A stream that takes its time to close."""

    def __init__(self, close_s: float = 0.0, error: Exception | None = None, *, stubborn_s: float = 0.0) -> None:
        self.closed = False
        self._close_s = close_s
        self._error = error
        self._stubborn_s = stubborn_s

    async def read(self) -> AsyncGenerator[int, None]:
        try:
            yield 1
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                await asyncio.sleep(self._stubborn_s)
                raise
        finally:
            await asyncio.sleep(self._close_s)
            self.closed = True
            if self._error is not None:
                raise self._error


async def begun(stream: Stream) -> AsyncGenerator[int, None]:
    numbers = stream.read()
    await anext(numbers)
    return numbers


def test_nobody_waits_until_close() -> None:
    async def scenario() -> None:
        stream, closing = Stream(2.0), Closing()
        closing.later(await begun(stream))
        assert asyncio.get_running_loop().time() == 0
        await closing.close()
        assert stream.closed
        assert asyncio.get_running_loop().time() == 2
        await closing.close()
        await Closing().close()

    run(scenario())


def test_a_task_that_reads_is_cancelled_first() -> None:
    async def scenario() -> None:
        stream, closing = Stream(), Closing()
        numbers = await begun(stream)
        reading = asyncio.ensure_future(anext(numbers))
        await asyncio.sleep(1)
        closing.later(numbers, reading)
        await closing.close()
        assert stream.closed
        assert reading.cancelled()
        assert asyncio.get_running_loop().time() == 1

    run(scenario())


def test_what_the_reading_failed_with_is_nobodys_business() -> None:
    async def scenario() -> None:
        stream, closing = Stream(), Closing()
        numbers = await begun(stream)

        async def fail() -> None:
            raise ValueError("too late")

        reading = asyncio.create_task(fail())
        await asyncio.sleep(0)
        closing.later(numbers, reading)
        await closing.close()
        assert stream.closed

    run(scenario())  # would raise what no one has looked at


def test_an_error_while_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        closing = Closing()
        closing.later(await begun(Stream(error=ValueError("stuck"))))
        await closing.close()

    run(scenario())
    assert "could not be closed" in caplog.text


@pytest.mark.parametrize("stubborn", [False, True])
def test_what_does_not_close_is_left_after_a_while(stubborn: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        stream, closing = Stream(20.0, stubborn_s=20.0), Closing()
        numbers = await begun(stream)
        reading = asyncio.ensure_future(anext(numbers)) if stubborn else None
        await asyncio.sleep(0)
        closing.later(numbers, reading)
        await closing.close()
        assert asyncio.get_running_loop().time() == CLOSE_S
        if reading is not None:
            await asyncio.wait({reading})

    caplog.set_level(logging.WARNING)
    run(scenario())
    assert ("still being read" if stubborn else "could not be closed") in caplog.text

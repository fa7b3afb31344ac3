"""What a stream may not leave behind: tasks, threads, child processes, sockets."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

T = TypeVar("T")


class Count(NamedTuple):
    """How many of each this process has."""

    tasks: int
    threads: int
    children: int
    sockets_and_pipes: int


def count() -> Count:
    tasks = [task for task in asyncio.all_tasks() if not task.done()]
    return Count(len(tasks), threading.active_count(), _children(), _open_ends())


async def leaves_nothing(use: Callable[[], Awaitable[object]], what: str) -> None:
    """Assert that using a stage again adds nothing.

    The first use may start what all streams share, and a pool of workers may grow for some uses; what grows with
    every use is left behind. Processes and threads are given up to 2 s to end.
    """
    await use()
    for _ in range(8):
        before = count()
        await use()
        for _ in range(100):
            after = count()
            if all(now <= then for now, then in zip(after, before, strict=True)):
                return
            await asyncio.sleep(0.02)
    raise AssertionError(f"{what} leaves something behind each time: before {before}, after {after}")


async def collect(stream: AsyncGenerator[T, None]) -> list[T]:
    async with aclosing(stream):
        return [item async for item in stream]


async def stops_cleanly(start: Callable[[], AsyncGenerator[T, None]], items: int) -> None:
    """Assert that a stream of about `items` items can be closed after each of them and cancelled at any moment."""
    for after in sorted({0, 1, 2, 3, items // 2, items}):
        await leaves_nothing(partial(_close_after, start, after), f"closing after {after} items")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await collect(start())
    whole_s = loop.time() - began
    for steps in (0, 1, 2, 3, 5, 8):
        await leaves_nothing(partial(_cancel, start, steps, 0.0), f"cancelling after {steps} steps")
    for part in (0.02, 0.3, 0.6, 0.95):
        wait_s = part * whole_s
        await leaves_nothing(partial(_cancel, start, 0, wait_s), f"cancelling after {wait_s:.3f} s")


async def cancelled_anywhere(use: Callable[[], Awaitable[object]], what: str) -> None:
    """Assert that a coroutine can be cancelled at its first steps, leaving nothing, and does not swallow it."""
    for steps in (0, 1, 2, 3, 5, 8):
        await leaves_nothing(partial(cancel_after, use, steps, 0.0), f"cancelling {what} after {steps} steps")


async def cancel_after(use: Callable[[], Awaitable[object]], steps: int, wait_s: float) -> None:
    """Run it as a task, cancel the task after some steps of the loop and some time, assert that it stopped for that."""

    async def body() -> None:
        await use()

    task = asyncio.create_task(body())
    for _ in range(steps):
        await asyncio.sleep(0)
    if wait_s:
        await asyncio.sleep(wait_s)
    stopped = task.cancel()
    done, _ = await asyncio.wait({task}, timeout=10)
    assert done, "10 s after it was cancelled the task still runs"
    assert task.cancelled() == stopped, "a cancellation was swallowed"
    if not stopped:
        task.result()


async def _cancel(start: Callable[[], AsyncGenerator[T, None]], steps: int, wait_s: float) -> None:
    await cancel_after(lambda: collect(start()), steps, wait_s)


async def _close_after(start: Callable[[], AsyncGenerator[T, None]], items: int) -> None:
    stream = start()
    for _ in range(items):
        try:
            await anext(stream)
        except StopAsyncIteration:
            break
    await stream.aclose()
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


def _children() -> int:
    total = 0
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            total += len(file.read_text().split())
        except OSError:  # the thread has just ended
            continue
    return total


def _open_ends() -> int:
    total = 0
    for file in Path("/proc/self/fd").glob("*"):
        try:
            total += os.readlink(file).startswith(("socket:", "pipe:"))
        except OSError:  # the listing's own descriptor
            continue
    return total

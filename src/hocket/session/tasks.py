"""The tasks of one call: started freely, gone when the call is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

log = logging.getLogger(__name__)

CANCEL_S: Final = 1.0
"""What cancelled tasks have to end, before they are cancelled once more."""

CANCEL_TIMES: Final = 2


class Tasks:
    """Like a TaskGroup whose members may be cancelled one by one; `failed` is told what a task raised."""

    __slots__ = ("_failed", "_loop", "_tasks")

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, within_s: float) -> None:
        """Let all end by themselves, for so long."""
        deadline = self._loop.time() + within_s
        while self._tasks and (left_s := deadline - self._loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    async def close(self) -> None:
        """Cancel all and see them end; what they start meanwhile too. What does not end when it is cancelled is
        left behind after 2 s, and logged: a tool that cannot be stopped must not hold the line."""
        for _ in range(CANCEL_TIMES):
            deadline = self._loop.time() + CANCEL_S
            cancelled: set[asyncio.Task[None]] = set()
            while self._tasks and (left_s := deadline - self._loop.time()) > 0:
                for task in self._tasks - cancelled:
                    task.cancel()
                cancelled |= self._tasks
                await asyncio.wait(set(self._tasks), timeout=left_s)
        for task in self._tasks:
            log.error("%s goes on although it was cancelled", task.get_coro())

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, Exception):
            raise error
        self._failed(error)

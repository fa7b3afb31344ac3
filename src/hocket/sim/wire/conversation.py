"""Both directions of a WebSocket at once: one coroutine listens, others speak beside it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any

from hocket.clock import SECOND
from hocket.sim.wire.exchange import Exchange
from hocket.stages.bell import Bell


class Conversation:
    """The tasks that answer one connection. What one of them raises ends all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, speaking: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the listening; it may be cancelled."""
        task = asyncio.get_running_loop().create_task(speaking)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def run(self, listening: Coroutine[Any, Any, None]) -> None:
        """Until the listening is over. Raises what any of the tasks raises."""
        listener = self.start(listening)
        try:
            try:
                await asyncio.wait({listener, self._over}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                # A fault that cuts the connection makes the HTTP server cancel us for it: the fault is the reason.
                if not self._over.done():
                    raise
            if self._over.done():
                self._over.result()
            listener.result()
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._over.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over.done():
            self._over.set_exception(error)


class Outbox:
    """Messages that are sent in order, none before its time: a late one holds up those behind it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: deque[tuple[float, str]] = deque()
        self._news = Bell()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, message: str, delay_ns: int = 0) -> None:
        """Send it so long from now, or as soon as what was put before it has been sent."""
        self._waiting.append((asyncio.get_running_loop().time() + delay_ns / SECOND, message))
        self._empty.clear()
        self._news.ring()

    async def drained(self) -> None:
        """Wait until all has been sent."""
        await self._empty.wait()

    async def run(self) -> None:
        """Send, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._empty.set()
                await self._news.rung()
            due, message = self._waiting[0]
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await self._exchange.send(message)
            self._waiting.popleft()

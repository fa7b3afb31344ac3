"""What wakes a task that waits for somebody else's work."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung when something has changed. Who waits looks first, and again after each ring, and awaits nothing between
    that and the wait: a ring is not remembered.

    Streams wait so dozens of times a second. An `asyncio.Event` would do, but that asks for the running loop each time,
    which is a call of the system in CPython 3.11.
    """

    __slots__ = ("_loop", "_waiting")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake all who wait now. A ring that nobody waits for is gone."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def rung(self) -> None:
        """Wait for the next ring."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

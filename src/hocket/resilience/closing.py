"""Closing streams that nobody reads any more, beside what goes on: the next token must not wait for an old socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any, Final

log = logging.getLogger(__name__)

CLOSE_S: Final = 5.0
"""What a stream has to stop reading, and again to close, before it is left to itself and logged."""


class Closing:
    """The streams of one wrapper that are being closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, stream: AsyncGenerator[Any, None], reading: asyncio.Task[Any] | None = None) -> None:
        """Close a stream; `reading` is the task that reads it, which is cancelled first."""
        task = asyncio.create_task(_close(stream, reading), name="closing a stream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until all are closed; each has its deadline. Legal twice."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))


async def _close(stream: AsyncGenerator[Any, None], reading: asyncio.Task[Any] | None) -> None:
    if reading is not None:
        reading.cancel()
        await asyncio.wait({reading}, timeout=CLOSE_S)
        if not reading.done():
            log.error("a stream that was cancelled %g s ago is still being read", CLOSE_S)
            return
        if not reading.cancelled():
            reading.exception()  # whatever it is, nobody waits for it
    try:
        async with asyncio.timeout(CLOSE_S):
            await stream.aclose()
    except Exception as error:  # a stream that nobody reads harms nobody
        log.warning("a stream could not be closed", exc_info=error)

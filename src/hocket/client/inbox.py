"""What one task has for another, without waiting for it."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from hocket.stages.bell import Bell

T = TypeVar("T")


class Inbox(Generic[T]):
    """Filled by anybody, emptied by one reader. Of more than `kept` items the oldest is dropped, and counted."""

    def __init__(self, kept: int) -> None:
        self.dropped = 0
        self._kept = kept
        self._waiting: deque[T] = deque()
        self._news = Bell()
        self._closed = False
        self._error: Exception | None = None

    def put(self, item: T) -> None:
        """The next item; none is taken after `close`."""
        if self._closed:
            return
        if len(self._waiting) == self._kept:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(item)
        self._news.ring()

    def clear(self) -> None:
        """Forget what nobody has looked at."""
        self._waiting.clear()

    def close(self, error: Exception | None = None) -> None:
        """Nothing more will come; the reader is told why, when it has read the rest."""
        if not self._closed:
            self._closed = True
            self._error = error
            self._news.ring()

    async def get(self) -> T | None:
        """The next item; None at the end. Raises the error that `close` was given."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._closed:
                return None
            # Bounded by the call: whatever becomes of it closes the inbox.
            await self._news.rung()
        return self._waiting.popleft()

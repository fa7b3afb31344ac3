"""A bound on each of many waits: on a reply's next word, its next sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final

_EXACT_S: Final = 0.001
"""Loops round the times of timers; uvloop to this."""


class Patience:
    """Each wait inside `with patience:` may last so many seconds; then `TimeoutError` is raised there.

    What `asyncio.timeout` does, for waits that follow each other dozens of times a second: that sets and cancels a
    timer for each, which costs 4 us; this looks at the time once in `seconds`, and costs a tenth.
    To be closed when there are no more waits, or its timer outlives them by up to `seconds`.
    """

    __slots__ = ("_cancelling", "_due", "_ends", "_expired", "_loop", "_seconds", "_task", "_timer", "_waits")

    def __init__(self, seconds: float, ends: Callable[[], bool] = lambda: True) -> None:
        """`ends` is asked when they are over; where it says no, the wait goes on for ever."""
        self._seconds = seconds
        self._ends = ends
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._due: float | None = None
        """When the wait has lasted too long; None while there is none, or it may last."""
        self._expired = False
        self._waits = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        # In CPython 3.11 it is a call of the system to be told the loop; to be told the task of a loop is none.
        task = self._task = asyncio.current_task(self._loop)
        assert task is not None, "it is a task that waits"
        self._cancelling = task.cancelling()
        self._expired = False
        self._waits = True
        self.count()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._waits = False
        self._due = None
        if not self._expired or self._task is None:
            return
        # Whoever else has cancelled the task meanwhile has their way.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def count(self) -> None:
        """The seconds of this wait begin now; nothing happens where there is none."""
        self.until(self._loop.time() + self._seconds)

    def until(self, due: float | None) -> None:
        """This wait may last until then, a time of the loop, or for ever."""
        if not self._waits or self._expired:
            return
        self._due = due
        if due is None:
            return
        if self._timer is not None and self._timer.when() > due:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._look)

    def close(self) -> None:
        """There are no more waits. Legal twice."""
        self._due = self._task = None
        self._ends = _never
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if not self._is_over:
            self._timer = self._loop.call_at(self._due, self._look)
        elif self._ends():
            self._loop.call_soon(self._break_off)  # what has come in this very pass of the loop is taken

    def _break_off(self) -> None:
        if self._is_over and self._task is not None:
            self._expired = True
            self._task.cancel()

    @property
    def _is_over(self) -> bool:
        return self._due is not None and self._due - self._loop.time() <= _EXACT_S


def _never() -> bool:
    """Who was asked before holds the patience, and need not be held by it."""
    return False

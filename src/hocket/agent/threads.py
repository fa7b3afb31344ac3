"""Threads for plain functions of the agent's author."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from hocket.errors import ToolError

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """Runs each function in a daemon thread of its own, at most `limit` at once.

    The standard pool joins its threads at exit, so one function that never returns would keep the process from ending.
    """

    may_never_return = True
    """Event loops with a time of their own do not wait for these functions for ever."""

    __slots__ = ("_free", "_name")

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._free = threading.BoundedSemaphore(limit)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start it now. Raises `ToolError` when `limit` functions are running: one more would only queue."""
        if not self._free.acquire(blocking=False):
            raise ToolError("Too many plain tool functions are running at once; make slow ones async.")
        future: Future[T] = Future()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    _settle(future, lambda: context.run(fn, *args, **kwargs))
            finally:
                self._free.release()

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)

"""An asyncio event loop whose time is virtual: whenever nothing is ready it jumps to the next timer.

The session, the stages and the transports run on it unchanged, hundreds of times faster than life,
and the same seed gives the same run. Its limits:

- Only one thread should work. `run_in_executor` runs its function in place. A callback that a real
  thread hands over with `call_soon_threadsafe` is never lost, but the thread works in real time:
  while a timer is set, virtual time does not wait for it.
- Sockets and pipes are polled whenever nothing is ready; they too cannot hold virtual time back.
- Every job of an executor has a processor of its own: jobs do not queue for workers.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

from hocket.clock import SECOND, thread_cpu_time

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREADS_GRACE_S = 1.0
"""Real seconds that a loop with nothing to do waits for other threads, if there are any: then it is a deadlock."""

MAX_PASSES = 1_000_000
"""Passes through the ready queue at one instant after which the program is taken to run in a circle."""

HANG_S = 5.0
"""Real seconds for a function that may never return."""

NO_LIMIT = 1 << 62
COMPACT_FROM = 128
"""Cancelled timers are thrown out early when there are this many, and they are the majority."""


def run(coroutine: Coroutine[Any, Any, T], *, limit_s: float = 3600) -> T:
    """Run a coroutine on a fresh `VirtualLoop` and return what it returns.

    Nothing fails unseen: an exception in a callback, or in a task that nobody awaited, fails the run, and so does
    a task that is still there at the end. Raises RuntimeError on a deadlock and after `limit_s` of virtual time.
    """
    if asyncio._get_running_loop() is not None:
        coroutine.close()
        raise RuntimeError("hocket.sim.loop.run was called from a running event loop; await the coroutine instead")
    loop = VirtualLoop(limit_s=limit_s)
    unretrieved: list[asyncio.Task[Any]] = []
    loop.set_task_factory(_watching_factory(unretrieved))
    loop.set_exception_handler(_raise_context)
    try:
        result = loop.run_until_complete(coroutine)
        loop.run_until_complete(_settle(loop))
        left = asyncio.all_tasks(loop)
        assert not left, "tasks left at the end of the run:\n" + describe(left)
        for task in unretrieved:
            if task._log_traceback and (error := task.exception()):
                error.add_note(f"raised in {task.get_name()}, which nobody awaited")
                raise error
        return result
    finally:
        _shut(loop)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Virtual time in whole nanoseconds from 0. Timers of equal time fire in the order they were set."""

    modelled = True
    """Time here is a model: what takes no processor time takes no time."""

    _ready: deque[asyncio.Handle]
    _selector: selectors.BaseSelector
    _stopping: bool

    def __init__(self, *, limit_s: float | None = None) -> None:
        super().__init__()
        self.set_debug(False)
        self._now = 0
        self._limit = NO_LIMIT if limit_s is None else round(limit_s * SECOND)
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._sequence = 0
        self._cancelled_timers = 0
        self._passes = 0

    def time(self) -> float:
        return self._now / SECOND

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self._set_timer(self._now + round(delay * SECOND), callback, args, context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self._set_timer(round(when * SECOND), callback, args, context)

    def run_in_executor(  # type: ignore[override]  # the base is typed as a coroutine in some versions
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run `func(*args)` now, in place. The future resolves after the processor time that it used: the result's
        `cpu_ns` where it has one (an int), else the measured time of this thread, which no two runs share.

        An executor with `may_never_return` runs it in its own thread, and is waited for no longer than `HANG_S`."""
        future: asyncio.Future[T] = self.create_future()
        if getattr(executor, "may_never_return", False):
            try:
                outcome, used = executor.submit(_timed, func, args).result(timeout=HANG_S)
            except TimeoutError:
                return future  # never resolved: the deadline of whoever waits comes in virtual time
        else:
            outcome, used = _timed(func, args)
        settle = _fail if isinstance(outcome, _Raised) else _resolve
        self._set_timer(self._now + used, settle, (future, outcome), None)
        return future

    def _set_timer(
        self, when: int, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]
        handle = asyncio.TimerHandle(when / SECOND, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]
        self._sequence += 1
        heapq.heappush(self._timers, (when, self._sequence, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if handle._scheduled:  # type: ignore[attr-defined]
            self._cancelled_timers += 1
            if self._cancelled_timers > COMPACT_FROM and self._cancelled_timers * 2 > len(self._timers):
                self._timers = [timer for timer in self._timers if not timer[2]._cancelled]
                heapq.heapify(self._timers)
                self._cancelled_timers = 0

    def _run_once(self) -> None:
        ready = self._ready
        if self._timers and self._timers[0][0] <= self._now:
            self._fire_due()
        elif not ready and not self._stopping:
            self._jump()
        self._passes += 1
        if self._passes > MAX_PASSES:
            raise RuntimeError(
                f"virtual time stands still at {self.time():.6f} s: the same callbacks run again and again\n"
                + describe(asyncio.all_tasks(self))
            )
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                # Not handle._run(), which would swallow what the callback raises.
                handle._context.run(handle._callback, *handle._args)  # type: ignore[attr-defined]

    def _jump(self) -> None:
        """Nothing is ready: look at real file descriptors, if there are any, then go to the next timer."""
        if len(self._selector.get_map()) > 1:  # more than the loop's own wake-up pipe
            self._poll(0)
            if self._ready:
                return
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
            self._cancelled_timers -= 1
        if timers:
            if timers[0][0] > self._limit:
                raise RuntimeError(self._stuck(f"the run passed its limit of {self._limit / SECOND:g} s"))
            self._now = timers[0][0]
            self._passes = 0
            self._fire_due()
            return
        if threading.active_count() > 1 or len(self._selector.get_map()) > 1:
            self._poll(THREADS_GRACE_S)
        if not self._ready:
            raise RuntimeError(self._stuck("deadlock: nothing is ready and no timer is set"))

    def _fire_due(self) -> None:
        timers, now = self._timers, self._now
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            handle._scheduled = False  # type: ignore[attr-defined]
            if handle._cancelled:
                self._cancelled_timers -= 1
            else:
                self._ready.append(handle)

    def _poll(self, timeout_s: float) -> None:
        self._process_events(self._selector.select(timeout_s))  # type: ignore[attr-defined]

    def _stuck(self, why: str) -> str:
        return f"{why} (virtual time {self.time():.6f} s)\n{describe(asyncio.all_tasks(self))}"


def describe(tasks: set[asyncio.Task[Any]]) -> str:
    """One line a task: its name, and where each of its nested coroutines waits."""
    return "\n".join(sorted(f"  {task.get_name()}: {_where(task)}" for task in tasks)) or "  (no task)"


def _where(task: asyncio.Task[Any]) -> str:
    places = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            places.append(type(awaited).__name__)
            break
        places.append(f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return " > ".join(places)


class _Raised(NamedTuple):
    error: Exception


def _timed(func: Callable[..., T], args: tuple[Any, ...]) -> tuple[T | _Raised, int]:
    """What a function returned or raised, and the processor time it used."""
    before = thread_cpu_time()
    try:
        result = func(*args)
    except Exception as error:
        return _Raised(error), thread_cpu_time() - before
    used = getattr(result, "cpu_ns", None)
    return result, used if isinstance(used, int) else thread_cpu_time() - before


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], raised: _Raised) -> None:
    if not future.done():
        future.set_exception(raised.error)


def _watching_factory(unretrieved: list[asyncio.Task[Any]]) -> Any:
    """A task factory that keeps the tasks that fail: asyncio itself would notice only when they are collected."""

    def keep_failed(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task._exception is not None:
            unretrieved.append(task)

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        task.add_done_callback(keep_failed)
        return task

    return factory


def _raise_context(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception") or RuntimeError(context["message"])
    error.add_note(context["message"])
    raise error


async def _settle(loop: VirtualLoop) -> None:
    """Let what was cancelled, or has just ended, run out; virtual time stands still."""
    for _ in range(1000):
        if not loop._ready:
            return
        await asyncio.sleep(0)


def _shut(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.set_exception_handler(lambda _loop, _context: None)  # the run's own outcome is what counts by now
    loop._passes = 0
    loop._limit = NO_LIMIT
    try:
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=60))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()

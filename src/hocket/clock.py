"""The only module of hocket that reads a clock.

Three times are kept apart. *now* is monotonic nanoseconds of the event loop, so it is virtual
where the loop is. *Media time* counts samples and lives in `hocket.audio`. The *wall clock* is
written once, into the head of a trace.
"""

from __future__ import annotations

import asyncio
import datetime
import time

MS = 1_000_000
"""Nanoseconds in a millisecond. Times inside hocket are integer nanoseconds."""

SECOND = 1_000 * MS


class LoopClock:
    """The running event loop's own time: real in production, virtual in a simulation."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        loop = loop or asyncio.get_running_loop()
        # A real loop's time is the system's, which uvloop reads only once a pass and in whole milliseconds.
        self._loop = loop if getattr(loop, "modelled", False) else None

    def now(self) -> int:
        return time.monotonic_ns() if self._loop is None else round(self._loop.time() * SECOND)


def wall_clock() -> str:
    """The date and time in UTC, ISO 8601 to the millisecond: for people, never for arithmetic."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def stopwatch() -> int:
    """Real monotonic nanoseconds, for benchmarks and for progress shown to people."""
    return time.perf_counter_ns()


def cpu_time() -> int:
    """Nanoseconds of processor time this process has used."""
    return time.process_time_ns()


def thread_cpu_time() -> int:
    """Nanoseconds of processor time the calling thread has used."""
    return time.thread_time_ns()


def unix_time() -> float:
    """Seconds since 1970, UTC: for what expires on other machines' clocks, such as signatures."""
    return time.time()

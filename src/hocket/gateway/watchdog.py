"""Who stands in the event loop's way: one thread in a process that looks when the loop has stopped ticking."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

from hocket.clock import MS, SECOND, stopwatch

log = logging.getLogger(__name__)

BLOCKED_MS: Final = 50
"""Without a tick for so long, frames of every call are late."""

REST_S: Final = 1.0
"""Between two reports: a loop that is blocked over and over does not fill the log."""

FRAMES: Final = 20
"""Of the stack, the innermost ones."""


class Watchdog:
    """Reports a blocked event loop with the stack of what blocks it, once for each time it is blocked.

    `ticked` is called by the loop, often. The thread sleeps for as long as a tick may take from the last one on, so
    that it wakes at most some 20 times a second. What is logged is places in code, nothing of a call.
    """

    def __init__(self, blocked_ms: float = BLOCKED_MS, report: Callable[[float, str], None] | None = None) -> None:
        self.reports = 0
        self._blocked_ns = round(blocked_ms * MS)
        self._report = report or _log
        self._last = 0
        self._watched = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the calling thread."""
        self._watched = threading.get_ident()
        self._stopping.clear()
        self.ticked()
        self._thread = threading.Thread(target=self._watch, name="hocket-watchdog", daemon=True)
        self._thread.start()

    def ticked(self) -> None:
        """The loop is alive."""
        self._last = stopwatch()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        reported = 0
        while True:
            last = self._last
            silent = stopwatch() - last
            if silent >= self._blocked_ns and last != reported:
                reported = last
                self.reports += 1
                self._report(silent / MS, self._stack())
                wait = REST_S
            else:
                # Until the same tick would be too old; at least a little, for a tick that is reported already.
                wait = max(self._blocked_ns - silent, self._blocked_ns // 2) / SECOND
            if self._stopping.wait(wait):
                return

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._watched)
        return "".join(traceback.format_stack(frame)[-FRAMES:]) if frame is not None else "(the thread is gone)\n"


def _log(silent_ms: float, stack: str) -> None:
    log.warning(
        "The event loop has not come round for %.0f ms, so the audio of every call of this process is late. Do what "
        "blocks it in a thread (asyncio.to_thread) or without blocking. It is here:\n%s",
        silent_ms,
        stack,
    )

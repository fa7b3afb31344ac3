from __future__ import annotations

import threading

import pytest

from hocket.agent.threads import DaemonThreads
from hocket.errors import ToolError


def test_results_and_exceptions_come_back() -> None:
    threads = DaemonThreads("test", limit=2)
    assert threads.submit(int, "7").result(5) == 7
    with pytest.raises(ValueError, match="invalid literal"):
        threads.submit(int, "seven").result(5)


def test_threads_are_daemons_and_bounded() -> None:
    threads = DaemonThreads("test", limit=1)
    release, daemon = threading.Event(), threading.Event()

    def wait() -> None:
        if threading.current_thread().daemon:
            daemon.set()
        assert release.wait(5)

    running = threads.submit(wait)
    assert daemon.wait(5)
    with pytest.raises(ToolError, match="Too many"):
        threads.submit(int, "1")
    release.set()
    running.result(5)
    assert _eventually_free(threads) == 1


def _eventually_free(threads: DaemonThreads) -> int:
    while True:  # the slot is given back just after the result; pytest-timeout bounds this loop
        try:
            return threads.submit(int, "1").result(5)
        except ToolError:
            threading.Event().wait(0.001)

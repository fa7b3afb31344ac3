from __future__ import annotations

import threading
import time

import pytest

from hocket.gateway.watchdog import Watchdog


class Reports:
    def __init__(self) -> None:
        self.stacks: list[tuple[float, str]] = []
        self.come = threading.Event()

    def __call__(self, silent_ms: float, stack: str) -> None:
        self.stacks.append((silent_ms, stack))
        self.come.set()


def block_until(event: threading.Event) -> bool:
    """Stands in for a blocking call; its name is what the report has to show."""
    return event.wait(20)


def test_what_blocks_is_reported_with_its_stack_once_while_it_still_blocks() -> None:
    reports = Reports()
    watchdog = Watchdog(report=reports)
    watchdog.start()
    try:
        assert block_until(reports.come), "no report came while the thread was blocked"
        time.sleep(0.3)  # several times as long as the next report would take, if there were one
    finally:
        watchdog.stop()
    [(silent_ms, stack)] = reports.stacks
    assert silent_ms >= 50
    assert "block_until" in stack
    assert "return event.wait(20)" in stack


def test_who_ticks_is_left_alone() -> None:
    reports = Reports()
    watchdog = Watchdog(blocked_ms=2_000, report=reports)
    watchdog.start()
    for _ in range(30):
        time.sleep(0.01)
        watchdog.ticked()
    watchdog.stop()
    assert not reports.stacks


def test_the_log_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog()
    watchdog.start()
    deadline = threading.Event()
    while not watchdog.reports:
        deadline.wait(0.02)
    watchdog.stop()
    assert "in a thread" in caplog.text
    assert "test_the_log_says_what_to_do" in caplog.text


def test_it_can_be_stopped_twice_and_before_it_was_started() -> None:
    watchdog = Watchdog()
    watchdog.stop()
    watchdog.start()
    watchdog.stop()
    watchdog.stop()
    assert not any(thread.name == "hocket-watchdog" for thread in threading.enumerate())

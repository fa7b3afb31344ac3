"""A gateway with an agent of small stages, one Chromium for all tests, and a page that may have no errors.

Both last for this package and no longer: while Playwright runs, its event loop is the main thread's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import speech
from tests.browser.chromium import PATH, launch
from tests.browser.visit import Visit
from tests.browser.wire import Wire
from tests.gateway.serve import free_ports

ROOT: Final = Path(__file__).parent.parent.parent
RATE: Final = 16_000
MAX_CALLS: Final = 3
START_S: Final = 60.0

TEST_S: Final = 400
"""Calls are in real time, and a machine that is busy makes them wait for a line."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_S))
            if PATH is None:
                item.add_marker(pytest.mark.skip(reason="there is no chromium: apt-get install chromium"))


class Served(NamedTuple):
    """A gateway and the way there."""

    wire: Wire
    process: subprocess.Popen[str]
    """The front; the worker is its child."""


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    """`hocket serve` with the talker, behind a wire that can be cut."""
    port = free_ports(3)
    with Wire(port) as wire:
        options = ["--dev", "--port", str(port), "--public-url", wire.url, "--max-calls", str(MAX_CALLS)]
        command = [sys.executable, "-m", "hocket", "serve", "tests.browser.talker:agent", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            _wait_until_ready(process)
            yield Served(wire, process)
        finally:
            process.terminate()
            process.communicate(timeout=START_S)


@pytest.fixture
def wire(served: Served) -> Wire:
    """What can be cut."""
    return served.wire


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Its microphone hears a person say something, again and again."""
    microphone = tmp_path_factory.mktemp("microphone") / "caller.wav"
    soundfile.write(microphone, _caller(), RATE, subtype="PCM_16")
    with sync_playwright() as playwright:
        browser = launch(playwright, microphone)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile that may use the microphone."""
    context = chromium.new_context(permissions=["microphone"], viewport={"width": 1280, "height": 860})
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, wire: Wire) -> Iterator[Visit]:
    """The talk page. In the end it has reported no error and asked no other address for anything."""
    visit = Visit(context.new_page(), wire.url)
    yield visit
    errors = list(visit.errors)  # of the visit, and not of leaving
    visit.leave()
    assert errors == []
    assert {urlsplit(url).netloc for url in visit.asked} <= {urlsplit(wire.url).netloc}


@pytest.fixture
def blank(context: BrowserContext, wire: Wire) -> Page:
    """The page's origin, for trying out its modules."""
    page = context.new_page()
    page.goto(f"{wire.url}/icon.svg")
    return page


def _caller() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Two seconds of speech in 5.5 s; Chromium repeats it."""
    clip = soundfile.read(speech.COMMITTED / "read_sentence" / "librispeech_testing_routine.wav", dtype="int16")[0]
    said = clip[int(0.22 * RATE) : int(2.62 * RATE)]
    return np.concatenate([np.zeros(RATE * 3 // 2, np.int16), said, np.zeros(RATE * 8 // 5, np.int16)])


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "takes calls at" in line:
            return
    raise AssertionError(f"hocket serve ended: {said}")

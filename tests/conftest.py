from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import speech

# Where a change is judged, the same change gets the same verdict; elsewhere new examples are tried.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"human speech: {len(speech.manifest())} clips from {speech.folder().name}/")

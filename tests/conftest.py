from __future__ import annotations

import pytest

from tests import speech


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"human speech: {len(speech.manifest())} clips from {speech.folder().name}/")

from __future__ import annotations

from tests import speech


def pytest_report_header() -> str:
    return f"human speech: {len(speech.manifest())} clips from {speech.folder()}"

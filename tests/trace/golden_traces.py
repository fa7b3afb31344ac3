"""Reading the golden traces."""

from __future__ import annotations

from pathlib import Path

from hocket.trace.log import Trace, read_trace

FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> Trace:
    """A trace that was made by hand; README.md in its folder has the sums."""
    return read_trace(FOLDER / f"{name}.jsonl")

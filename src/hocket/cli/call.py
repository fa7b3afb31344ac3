"""`hocket call`: a call between your agent and recorded callers."""

from __future__ import annotations

from pathlib import Path

import typer

from hocket.agent.loader import load_agent
from hocket.cli.calling import hold
from hocket.transports.script import Line, after_agent


def call(
    agent: str = typer.Argument(help="An agent: package.module:name, or path/to/file.py."),
    audio: list[Path] = typer.Argument(help="What the caller says: audio files, one after the other."),
    out: Path = typer.Option(Path("build/call"), help="Folder for the recording, the trace and the report."),
    fast: bool = typer.Option(False, help="In virtual time: the stages' processor time counts, waiting does not."),
) -> None:
    """Hold a call from audio files, show every turn's waterfall, and write a report."""
    loaded = load_agent(agent)
    hold(loaded, [Line(path, after_agent(400)) for path in audio], out, fast=fast)

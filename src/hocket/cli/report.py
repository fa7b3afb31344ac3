"""`hocket report`: what a call's trace says, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hocket.observe.report import write_report
from hocket.observe.timeline import summary_table, turn_waterfall
from hocket.trace.latency import turns
from hocket.trace.log import Trace, read_trace
from hocket.trace.records import Opened


def report(
    file: Annotated[Path, typer.Argument(help="The trace.jsonl that a call wrote.")],
    html: Annotated[Path | None, typer.Option(help="Where the page goes; beside the trace if left out.")] = None,
) -> None:
    """Print where each turn's milliseconds went, and write a page that shows it beside the sound."""
    trace = read_trace(file)
    page = html or page_beside(file)
    console = Console()
    if trace.note:
        console.print(Text(trace.note, "yellow"))
    measured = turns(trace)
    for turn in measured:
        console.print(turn_waterfall(turn))
        console.print()
    console.print(summary_table(measured))
    write_report(trace, page, recording_beside(file, trace), trace.note)
    console.print(Text(f"The page is {page}", "dim"), soft_wrap=True)


def page_beside(trace_file: Path) -> Path:
    """`report.html` for a `trace.jsonl`, and `NAME.report.html` for other names, which may share a folder."""
    own = trace_file.stem == "trace"
    return trace_file.with_name("report.html" if own else f"{trace_file.stem}.report.html")


def recording_beside(trace_file: Path, trace: Trace) -> Path | None:
    """The recording that the trace names, if it is there."""
    for entry in trace[:1]:
        if isinstance(entry.record, Opened) and entry.record.recording:
            # Only ever beside the trace: a trace that was sent by somebody cannot point elsewhere.
            found = trace_file.with_name(Path(entry.record.recording).name)
            return found if found.is_file() else None
    return None

"""Holding one call from files, and showing it: what `hocket call` and `hocket demo` have in common."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hocket.agent.agent import Agent
from hocket.agent.call import CallRecord
from hocket.assembly import assemble
from hocket.errors import InputError
from hocket.observe.live import LiveView
from hocket.observe.report import write_report
from hocket.observe.timeline import summary_table, turn_waterfall
from hocket.sim.loop import run as run_virtually
from hocket.trace.latency import turns
from hocket.trace.log import TraceLog
from hocket.trace.records import Record
from hocket.transports.files import FilesTransport
from hocket.transports.script import Line
from hocket.transports.wav import open_audio

T = TypeVar("T")


class WatchedTrace(TraceLog):
    """A trace that somebody looks at while it is written."""

    view: LiveView | None = None

    def write(self, now: int, record: Record) -> None:
        super().write(now, record)
        if self.view is not None:
            self.view.record(now, record)


def hold(agent: Agent, lines: Sequence[Line], out: Path, *, fast: bool) -> CallRecord:
    """Hold a call between an agent and recorded lines; show it, and leave call.wav, trace.jsonl, report.html and
    call.json in `out`."""
    console = Console()
    _check(lines)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {out} cannot be made ({error.strerror}): give another with --out.") from None
    with (out / "trace.jsonl").open("wb") as sink:
        trace = WatchedTrace(sink)
        record = _run(_call(agent, lines, out / "call.wav", trace, console, fast), fast)
    (out / "call.json").write_bytes(record.to_json())
    _show(console, trace, record, out)
    return record


def _check(lines: Sequence[Line]) -> None:
    """Before anything is loaded: is all of it audio? What is odd about a file is said once."""
    for line in lines:
        if isinstance(line.audio, Path):
            audio = open_audio(line.audio)
            if audio.note:
                print(f"hocket: {audio.note}", file=sys.stderr)


async def _call(
    agent: Agent, lines: Sequence[Line], recording: Path, trace: WatchedTrace, console: Console, fast: bool
) -> CallRecord:
    transport = FilesTransport(lines, recording=recording)
    with _progress(console, "loading the recogniser and the voice"):
        assembly = assemble(agent)
        ready = await assembly.__aenter__()
    try:
        session = await ready.session(transport, call_id="call", trace=trace, recording=recording)
        console.print(f"[dim]stt {ready.stt.name} · llm {ready.llm.name} · voice {ready.tts.name}[/dim]")
        if fast or not console.is_terminal:
            return await session.run()
        trace.view = LiveView()
        with Live(trace.view, console=console, refresh_per_second=12, transient=True):
            return await session.run()
    finally:
        await assembly.__aexit__(None, None, None)


def _run(call: Coroutine[Any, Any, T], fast: bool) -> T:
    if fast:
        return run_virtually(call, limit_s=24 * 3600)
    with asyncio.Runner() as runner:
        return runner.run(call)


@contextlib.contextmanager
def _progress(console: Console, what: str) -> Iterator[None]:
    columns = (SpinnerColumn(), TextColumn(what), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def _show(console: Console, trace: TraceLog, record: CallRecord, out: Path) -> None:
    found = turns(trace.entries)
    for entry in record.transcript:
        who = "[cyan]caller[/cyan]" if entry.who == "caller" else "[green]agent [/green]"
        cut = " [dim](interrupted)[/dim]" if entry.interrupted else ""
        console.print(f"{entry.at_ms / 1000:7.1f} s  {who}  {entry.text}{cut}")
    for turn in found:
        console.print(turn_waterfall(turn))
    console.print(summary_table(found))
    write_report(trace.entries, out / "report.html", out / "call.wav")
    console.print(f"ended: {record.reason}")
    console.print(f"[bold]{out}/[/bold] call.wav (caller left, agent right) · trace.jsonl · call.json · report.html")

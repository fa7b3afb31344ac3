"""Holding one call from files, and showing it: what `hocket call` and `hocket demo` have in common."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.live import Live
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from hocket.agent.agent import Agent
from hocket.agent.call import CallRecord
from hocket.assembly import assemble
from hocket.errors import InputError
from hocket.observe.bars import plain
from hocket.observe.live import LiveView
from hocket.observe.report import write_report
from hocket.observe.timeline import summary_table, turn_waterfall
from hocket.sim.loop import run as run_virtually
from hocket.trace.latency import turns
from hocket.trace.log import TraceLog
from hocket.transports.files import FilesTransport
from hocket.transports.script import Line
from hocket.transports.wav import open_audio

T = TypeVar("T")

CALL_RATE: Final = 16_000
TAIL_MS: Final = 2_500
"""How long the caller stays silent on the line after the last answer: a slow tool's comes after its filler."""


def hold(agent: Agent, lines: Sequence[Line], out: Path, *, fast: bool) -> CallRecord:
    """Hold a call between an agent and recorded lines; show it, and leave call.wav, trace.jsonl, report.html and
    call.json in `out`."""
    console = Console()
    _check(lines)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {out} cannot be made ({error.strerror}): give another with --out.") from None
    trace, record = _run(_call(agent, lines, out, console, fast), fast)
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
    agent: Agent, lines: Sequence[Line], out: Path, console: Console, fast: bool
) -> tuple[TraceLog, CallRecord]:
    recording = out / "call.wav"
    async with contextlib.AsyncExitStack() as opened:
        with _progress(console, "loading the recogniser and the voice"):
            ready = await opened.enter_async_context(assemble(agent))
            await ready.prepare(CALL_RATE, CALL_RATE)
        # Opened last: a call that cannot begin leaves an earlier one's trace alone.
        view = LiveView()
        watched = console.is_terminal and not fast
        sink = opened.enter_context((out / "trace.jsonl").open("wb"))
        trace = TraceLog(sink, watch=view.record if watched else None)
        transport = FilesTransport(lines, rate=CALL_RATE, recording=recording, tail_ms=TAIL_MS)
        session = await ready.session(transport, call_id="call", trace=trace, recording=recording)
        stages = ready.providers
        names = plain(f"stt {stages.stt.name} · llm {stages.llm.name} · voice {stages.tts.name}")
        console.print(Text(names, style="dim"))
        if fast:
            with _progress(console, "holding the call in virtual time"):
                return trace, await session.run()
        if not watched:
            return trace, await session.run()
        with Live(view, console=console, refresh_per_second=12, transient=True):
            return trace, await session.run()


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
        style = "cyan" if entry.who == "caller" else "green"
        line = Text(f"{entry.at_ms / 1000:7.1f} s  ").append(f"{entry.who:<6}  ", style=style)
        line.append(plain(entry.text)).append(" (interrupted)" if entry.interrupted else "", style="dim")
        console.print(line)
    for turn in found:
        console.print(turn_waterfall(turn))
    console.print(summary_table(found))
    write_report(trace.entries, out / "report.html", out / "call.wav")
    console.print(Text(plain(f"ended: {record.reason}")))
    left = " call.wav (caller left, agent right) · trace.jsonl · call.json · report.html"
    console.print(Text(plain(f"{out}/"), style="bold").append(left, style="not bold"))

"""How many calls does one core hold, and what does a second of a call cost?

Twilio Media Streams calls against one server process on core 0, with voice detection and speculation on; the callers
(open loop, see `hocket.sim.load`) and the simulated Deepgram, OpenAI and Cartesia share core 1. A level is held when
fewer than 0.5 % of its calls fail and the response latency's p95 is within 25 % of a single call's. Where the callers'
side is the busy one, the level is marked as not clean, and the calls that the core would hold are an extrapolation
from the highest clean level.

    python -m benchmarks.density [--levels 1,10,50,100,150,200,240] [--turns 7] [--quick]
    python -m benchmarks.density --overload 3 [--live 40]

With --overload a real `hocket serve` that takes 40 calls is offered three times as many: how soon are the others
refused, and what does that do to the response latency of those who talk?
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.capacity import holding, processes, saying
from benchmarks.capacity.holding import Level
from benchmarks.capacity.overload import Overload, overload
from benchmarks.latency import systems
from benchmarks.latency.systems import System, running

QUESTION: Final = (__doc__ or "").splitlines()[0]
RESULTS: Final = Path(__file__).parent / "results" / "density.json"
LEVELS: Final = (1, 10, 50, 100, 150, 200, 240)
QUICK: Final = (1, 20)
SCRIPTS: Final = 6
"""Different calls; a single one says what all of them say, so that its p95 is one of the same turns."""

FAILED_PART: Final = 0.005
SLOWER: Final = 1.25
FULL: Final = 0.95
"""Of the server's core: how much of it an extrapolation fills."""


class Result(msgspec.Struct):
    """What is stored."""

    question: str
    levels: list[Level]
    held: int
    """Calls of the highest level that was held."""
    overload: Overload | None
    extrapolated: int | None
    """Calls that would fill the server's core at the cost of the highest clean level; None if a level filled it."""


async def measure(counts: list[int], turns: int, seed: int) -> list[Level]:
    levels = []
    spoken = await saying.turns(SCRIPTS * turns, seed)
    with tempfile.TemporaryDirectory(prefix="hocket-density-") as folder:
        for count in counts:
            calls = saying.calls(spoken, len(spoken) if count == 1 else turns, seed)
            path = processes.stored(Path(folder), calls)
            async with processes.wires(path, seed) as wires, running(System("hocket"), wires.arguments) as server:
                scripts = [call.script() for call in calls]
                levels.append(await holding.hold(server.url, server.pid, wires.pid, scripts, count))
            print(msgspec.json.encode(levels[-1]).decode(), flush=True)
    return levels


def held(levels: list[Level]) -> int:
    """Calls of the highest level that was held; 0 if none."""
    alone = levels[0].p95_ms or 0.0
    good = (
        level.calls
        for level in levels
        if level.failed < max(FAILED_PART * level.calls, 1e-9) or not level.failed
        if level.unanswered < max(FAILED_PART * level.turns, 1)
        if level.p95_ms is not None and level.p95_ms <= SLOWER * alone
    )
    return max(good, default=0)


def extrapolated(levels: list[Level]) -> int | None:
    """Calls in a full core, when the highest clean level leaves room."""
    clean = [level for level in levels if level.clean]
    if not clean or clean[-1] is levels[-1]:
        return None
    return int(FULL / clean[-1].cpu_s_per_call_s)


def show(result: Result) -> None:
    table = Table(title="Calls on one core")
    columns = (
        "calls|failed|unanswered|p50|p95|p99 ms|CPU s / call s|core|MiB / call|load's core|wires' core|late p99 ms"
    )
    for column in columns.split("|"):
        table.add_column(column, justify="right")
    for level in result.levels:
        figures = (level.p50_ms, level.p95_ms, level.p99_ms, level.cpu_s_per_call_s, level.server_core)
        rest = (level.memory_mib_per_call, level.load_core, level.wires_core, level.late_p99_ms)
        cells = (level.calls, level.failed, f"{level.unanswered} of {level.turns}", *figures, *rest)
        table.add_row(*map(str, cells), style="" if level.clean else "dim")
    console = Console(width=140)
    if result.levels:
        console.print(table)
    console.print(f"held: {result.held} calls")
    if any(not level.clean for level in result.levels):
        console.print("dim: the callers' side was busy or late, so that its figures are not the server's")
    if result.extrapolated is not None:
        console.print(f"extrapolated from the highest clean level: {result.extrapolated} calls fill the core")
    if (one := result.overload) is not None:
        console.print(
            f"{one.offered} callers for {one.live} lines: {one.refused} refusals, p50 {one.refusal_p50_ms:g}, "
            f"p99 {one.refusal_p99_ms:g}, at most {one.refusal_max_ms:g} ms; response latency of the live calls, p95: "
            f"{one.p95_before_ms:g} ms before, {one.p95_during_ms:g} ms meanwhile; {one.failed} failed"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--levels", type=lambda text: [int(one) for one in text.split(",")], default=list(LEVELS))
    parser.add_argument("--turns", type=int, default=7, help="of every call; a turn takes 8 s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--overload", type=float, default=0.0, help="so many times the calls that are taken")
    parser.add_argument("--live", type=int, default=40, help="calls that are taken, with --overload")
    parser.add_argument("--quick", action="store_true", help="two small levels, three minutes, and store nothing")
    options = parser.parse_args()
    if options.quick:
        options.levels, options.turns = list(QUICK), 2
    if not systems.keep_off_the_systems_core():
        print("There is only one core: everything shares it, and the figures say little.")
    result = stored() if RESULTS.exists() and not options.quick else Result(QUESTION, [], 0, None, None)
    if options.overload:
        result.overload = uvloop.run(overload(options.live, options.overload, options.seed))
    else:
        result.levels = uvloop.run(measure(options.levels, options.turns, options.seed))
        result.held, result.extrapolated = held(result.levels), extrapolated(result.levels)
    if not options.quick:
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    show(result)


def stored() -> Result:
    return msgspec.json.decode(RESULTS.read_bytes(), type=Result)


if __name__ == "__main__":
    main()

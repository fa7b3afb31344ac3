"""How long does a caller on the telephone wait, from the last speech sample to the first audible sample of the reply?

Measured on the audio at the caller's end of Twilio media streams, with cloud providers behind that take what ordinary
ones take: their delays are drawn uniformly from the reference ranges and seeded. The system under test is a process on
a core of its own; the callers and the simulated Deepgram, OpenAI and Cartesia share the other one.

    python -m benchmarks.response_latency [--rows cold,warm,...] [--turns 200] [--at-once 4] [--quick] [--peers]
    python -m benchmarks.response_latency --table     the table of the figures that are stored

Results are merged into benchmarks/results/response_latency.json, so that rows can be measured one by one. `--dump FILE`
writes every turn as a JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.latency import results, rows, systems, table
from benchmarks.latency.measuring import Measured

RESULTS: Final = Path(__file__).parent / "results" / "response_latency.json"


class Dumped(msgspec.Struct):
    """One line of the dump."""

    row: str
    latency_ms: float | None
    over_ms: float | None
    turn: Measured


async def measure(names: Sequence[str], scale: rows.Scale, with_peers: bool, dump: Path | None, store: bool) -> None:
    console = table.console()
    measured: list[results.Row] = []
    if not systems.keep_off_the_systems_core():
        console.print("[yellow]There is only one core: everything shares it, and the figures say little.[/]")
    counted: Counter[str] = Counter()

    def told(name: str, turns: int) -> None:
        counted[name] += turns
        print(f"  {name}: {counted[name]} turns   ", end="\r", flush=True)

    with ExitStack() as stack:
        file = stack.enter_context(dump.open("wb")) if dump else None

        def dumped(name: str, turn: Measured) -> None:
            if file is not None:
                file.write(msgspec.json.encode(Dumped(name, turn.latency_ms, turn.over_ms, turn)) + b"\n")

        bench = rows.Bench(scale, told, dumped)
        stack.callback(bench.close)
        for _, run in rows.chosen(names, with_peers):
            found = await run(bench)
            done = found if isinstance(found, Sequence) else [found]
            measured += done
            for one in done:
                table.explain(one, console)
            if store:
                merged = results.stored(RESULTS) | {one.name: one for one in done}
                results.store(RESULTS, (__doc__ or "").splitlines()[0], merged)
    table.show(measured, console)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default=",".join(rows.ROWS), help="of " + ",".join(rows.ROWS))
    parser.add_argument("--turns", type=int)
    parser.add_argument("--at-once", type=int)
    parser.add_argument(
        "--quick", action="store_true", help="a few turns of each row, about three minutes, and store nothing"
    )
    parser.add_argument("--peers", action="store_true", help="LiveKit Agents and Pipecat too")
    parser.add_argument("--dump", type=Path, help="where to write every turn")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what is stored")
    options = parser.parse_args()
    if options.table:
        table.show(results.stored(RESULTS).values(), table.console())
        return
    names = [name for name in options.rows.split(",") if name]
    if unknown := set(names) - set(rows.ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(rows.ROWS)}")
    scale = rows.QUICK if options.quick else rows.Scale()
    given = {"turns": options.turns, "at_once": options.at_once}
    scale = msgspec.structs.replace(scale, **{name: value for name, value in given.items() if value})
    asyncio.run(measure(names, scale, options.peers, options.dump, not options.quick))


if __name__ == "__main__":
    main()

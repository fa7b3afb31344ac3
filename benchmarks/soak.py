"""Do memory, tasks and sockets stay flat while calls come and go for an hour?

A real `hocket serve` with one worker on core 0; callers and simulated providers on core 1. So many calls are held at
once; each says one to seven turns and hangs up, and another takes its place. Every 10 s the worker's own figures are
read. After the first part of the run, in which caches fill, each is laid a straight line through: it may not rise by
more than the bound by the end.

    python -m benchmarks.soak [--calls 100] [--minutes 60]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.capacity import processes, saying
from benchmarks.capacity.gateway import AGAIN_S, Gateway, serving
from benchmarks.capacity.saying import FIRST_MS, PERIOD_MS
from benchmarks.latency import systems
from hocket.sim.load import Pacer, Script
from hocket.sim.load_twilio import LoadCall

RESULTS: Final = Path(__file__).parent / "results" / "soak.json"
SAMPLE_S: Final = 10.0
WARM_PART: Final = 0.25
"""Of the run: caches of openers and pools of memory fill."""

TURNS: Final = 7
SCRIPTS: Final = 6
GROWTH: Final = {"memory_mib": 0.05, "tasks": 0.05, "files": 0.05}
"""Of the mean, that the straight line may rise from its beginning to its end: what 100 calls of random lengths wander
by in an hour. A leak of one task or socket for each of an hour's 9,000 calls would rise by several times the mean."""

FAILED_PART: Final = 0.005
HELD_PART: Final = 0.9
"""Of the calls, that have to be there on average for the rest to say something."""


class Sample(msgspec.Struct):
    """One look at the worker."""

    at_s: float
    calls: int
    memory_mib: float
    tasks: int
    files: int
    late_p99_ms: float
    """Of the callers' own frames, since the beginning."""


class Trend(msgspec.Struct):
    """Of one figure after the warm-up."""

    mean: float
    rise: float
    """Of the straight line from its beginning to its end, as a part of the mean."""


class Result(msgspec.Struct):
    """What is stored."""

    question: str
    calls: int
    minutes: float
    ended: dict[str, int]
    """How calls ended: caller is as it should be; refused: the worker was late for a moment, and took none."""
    trends: dict[str, Trend]
    samples: list[Sample]

    @property
    def problems(self) -> list[str]:
        grown = [name for name, trend in self.trends.items() if trend.rise > GROWTH[name]]
        failed = self.ended.get("server", 0)
        total = failed + self.ended.get("caller", 0)
        found = [f"{name} grows: {self.trends[name].rise:+.1%} of its mean" for name in grown]
        if failed > FAILED_PART * total:
            found.append(f"{failed} of {total} calls failed")
        held = float(np.mean([sample.calls for sample in self.samples]))
        if held < HELD_PART * self.calls:
            found.append(
                f"{held:.0f} of {self.calls} calls were held on average, for the worker took no more: it is slow, or"
                " this machine is busy with something else"
            )
        return found


class Soak:
    """Calls that come and go."""

    def __init__(self, gateway: Gateway, scripts: list[Script], seed: int) -> None:
        self.pacer = Pacer()
        self.ended: Counter[str] = Counter()
        self._gateway = gateway
        self._scripts = scripts
        self._rng = Random(seed)
        self._numbers = itertools.count()

    async def line(self, wait_s: float) -> None:
        """One after the other, for ever."""
        await asyncio.sleep(wait_s)
        while True:
            await self._call()

    async def _call(self) -> None:
        sid = f"CAsoak{next(self._numbers):07}"
        place = await self._gateway.place_soon(sid)
        script = self._rng.choice(self._scripts)
        frames = (FIRST_MS + self._rng.randint(1, TURNS) * PERIOD_MS) // 20 + self._rng.randrange(200)
        script = msgspec.structs.replace(script, frames=script.frames[:frames])
        call = LoadCall(place.url, sid, script, self.pacer, {"ticket": place.ticket})
        await call.run()
        self.ended[call.ended] += 1
        if call.ended == "refused":
            await asyncio.sleep(AGAIN_S)

    async def sample(self, at_s: float) -> Sample:
        figures = await self._gateway.figures()
        return Sample(
            round(at_s, 1),
            int(figures["hocket_calls_live"]),
            round(figures["hocket_memory_bytes"] / processes.MIB, 1),
            int(figures["hocket_tasks"]),
            int(figures["hocket_open_files"]),
            self.pacer.lateness.ms(0.99),
        )


async def soak(calls: int, minutes: float, seed: int) -> Result:
    loop = asyncio.get_running_loop()
    said = saying.calls(await saying.turns(SCRIPTS * TURNS, seed), TURNS, seed)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="hocket-soak-") as folder:
        path = processes.stored(Path(folder), said)
        async with processes.wires(path, seed) as wires, serving(wires.arguments, calls + calls // 10) as gateway:
            held = Soak(gateway, [one.script() for one in said], seed)
            began_s = loop.time()
            lines = [asyncio.create_task(held.line(PERIOD_MS / 1000 * n / calls)) for n in range(calls)]
            try:
                while loop.time() - began_s < minutes * 60:
                    await asyncio.sleep(SAMPLE_S)
                    samples.append(await held.sample(loop.time() - began_s))
                    print(msgspec.json.encode(samples[-1]).decode(), flush=True)
            finally:
                for line in lines:
                    line.cancel()
                await asyncio.gather(*lines, return_exceptions=True)
    return Result((__doc__ or "").splitlines()[0], calls, minutes, dict(held.ended), trends(samples), samples)


def trends(samples: list[Sample]) -> dict[str, Trend]:
    """Straight lines through what came after the warm-up."""
    late = samples[int(len(samples) * WARM_PART) :]
    at_s = np.array([sample.at_s for sample in late])
    found = {}
    for name in GROWTH:
        values = np.array([getattr(sample, name) for sample in late], np.float64)
        slope = float(np.polyfit(at_s, values, 1)[0]) if len(late) > 1 else 0.0
        mean = float(values.mean())
        found[name] = Trend(round(mean, 1), round(slope * float(np.ptp(at_s)) / mean, 4))
    return found


def show(result: Result) -> None:
    table = Table(title=f"{result.calls} calls at once for {result.minutes:g} minutes")
    for column in ("minute", "calls", "memory MiB", "tasks", "files", "callers late p99 ms"):
        table.add_column(column, justify="right")
    step = max(1, len(result.samples) // 20)
    for one in result.samples[::step]:
        cells = (round(one.at_s / 60, 1), one.calls, one.memory_mib, one.tasks, one.files, one.late_p99_ms)
        table.add_row(*map(str, cells))
    console = Console(width=120)
    console.print(table)
    for name, trend in result.trends.items():
        console.print(f"{name}: mean {trend.mean:g}, the line through it rises by {trend.rise:+.1%}")
    console.print(f"calls ended: {result.ended}")
    for problem in result.problems:
        console.print(f"[red]{problem}[/]")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not systems.keep_off_the_systems_core():
        print("There is only one core: everything shares it.")
    result = uvloop.run(soak(options.calls, options.minutes, options.seed))
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    show(result)
    if result.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()

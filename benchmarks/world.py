"""How fast is the engine-only world, and how do its callers fare?

10,000 turns with the reference delays and the default policy; processor time, so that a busy machine changes nothing.

    python -m benchmarks.world
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hocket.clock import MS, cpu_time
from hocket.sim.world import simulate

RESULT: Final = Path(__file__).parent / "results" / "world.json"
CALLS: Final = 500
TURNS: Final = 20


class Result(msgspec.Struct):
    """Of one run."""

    turns: int
    response_ms: dict[str, float]
    model_calls_mean: float
    times_real_time: float


def measure() -> Result:
    latencies: list[float] = []
    calls: list[int] = []
    simulated = cpu = 0
    for seed in track(range(CALLS), description="calls"):
        began = cpu_time()
        run = simulate(seed, turns=TURNS)
        cpu += cpu_time() - began
        simulated += run.ended_at
        calls += run.model_calls
        answered = (turn for turn in run.turns if turn.utterance.kind != "digits")
        latencies += [turn.response_ns / MS for turn in answered if turn.response_ns is not None]
    percentiles = {f"p{percent:g}": float(np.percentile(latencies, percent)) for percent in (50, 90, 95, 99, 99.9)}
    return Result(len(latencies), percentiles, float(np.mean(calls)), simulated / cpu)


def main() -> None:
    result = measure()
    table = Table("engine-only world", *result.response_ms, "model calls a turn", "times real time")
    cells = [f"{value:.0f} ms" for value in result.response_ms.values()]
    table.add_row(f"{result.turns} turns", *cells, f"{result.model_calls_mean:.2f}", f"{result.times_real_time:,.0f}")
    Console().print(table)
    Console().print("target: 20,000 times real time; dictated digits are left out")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)))


if __name__ == "__main__":
    main()

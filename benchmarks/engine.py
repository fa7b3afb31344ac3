"""What does one event cost the turn engine?

Processor time of `TurnEngine.handle` and of asking for the next deadline after it, as a session does, assertions on:
the events of simulated calls (questions, pauses, barge-ins, coughs, backchannels, a greeting), recorded and then fed to
fresh engines. What carrying the commands out costs is not in it.

    python -m benchmarks.engine
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import median, quantiles
from unittest import mock

import msgspec
from rich.console import Console
from rich.table import Table

from hocket.clock import cpu_time, stopwatch
from hocket.sim.caller import Manners
from hocket.sim.world import simulate
from hocket.turn import commands as c
from hocket.turn import events as e
from hocket.turn import invariants
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.state import State

RESULT = Path(__file__).parent / "results" / "engine.json"
CALLS = 40
ROUNDS = 25
TARGET_US = 5.0
CONFIG = TurnConfig(greeting="Harbour Kayaks, how can I help you?", retrieve=True)
MANNERS = Manners(barge_in=0.15, backchannel=0.15, cough=0.1)

Call = list[tuple[int, e.Event]]


def main() -> None:
    calls = [recorded(seed) for seed in range(CALLS)]
    events = sum(map(len, calls))
    with_assertions, without = [], []
    for _ in range(ROUNDS):
        with_assertions.append(replayed(calls) / events / 1e3)
        without.append(unchecked(calls) / events / 1e3)
    middle, kinds = by_kind(calls)
    result = {
        "question": (__doc__ or "").splitlines()[0],
        "events": events,
        "calls": CALLS,
        "median µs": middle,
        "mean µs": round(median(with_assertions), 2),
        "mean µs without invariants": round(median(without), 2),
        "target µs": TARGET_US,
        "kinds": kinds,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    table = Table("event", "share %", "median µs", "p99 µs", title=f"Median {middle} µs an event over the mix")
    for row in kinds:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
    Console().print(
        f"Mean {result['mean µs']} µs, without invariants {result['mean µs without invariants']} µs; "
        f"target {TARGET_US} µs at the median."
    )


def recorded(seed: int) -> Call:
    """The events of one simulated call."""
    run = simulate(seed, CONFIG, manners=MANNERS)
    return [(entry.now, entry.record) for entry in run.entries if not isinstance(entry.record, c.Command)]  # type: ignore[misc]


def replayed(calls: list[Call]) -> int:
    """Nanoseconds of processor time for all of them, less the bare loop over the same events."""
    begun = cpu_time()
    for call in calls:
        engine = TurnEngine(CONFIG)
        for now, event in call:
            engine.handle(now, event)
            _ = engine.deadline
    used = cpu_time() - begun
    begun = cpu_time()
    for call in calls:
        for _now, _event in call:
            pass
    return used - (cpu_time() - begun)


def unchecked(calls: list[Call]) -> int:
    """The same without `turn.invariants`."""
    with mock.patch.object(invariants, "check", new=_passes):
        return replayed(calls)


def _passes(state: State) -> None:
    """A check that finds nothing."""


def by_kind(calls: list[Call]) -> tuple[float, list[dict[str, float | str]]]:
    """The median of all events; and for each kind its share and times. Real time, less that of the stopwatch itself."""
    times: dict[str, list[int]] = defaultdict(list)
    look = median(-(stopwatch() - stopwatch()) for _ in range(1_000))
    for call in calls:
        engine = TurnEngine(CONFIG)
        for now, event in call:
            begun = stopwatch()
            engine.handle(now, event)
            _ = engine.deadline
            times[type(event).__name__].append(stopwatch() - begun)
    total = sum(map(len, times.values()))
    everything = [one for took in times.values() for one in took]
    return round((median(everything) - look) / 1e3, 2), [
        {
            "event": kind,
            "share %": round(100 * len(took) / total, 1),
            "median µs": round((median(took) - look) / 1e3, 2),
            "p99 µs": round((quantiles(took, n=100)[98] - look) / 1e3, 2),
        }
        for kind, took in sorted(times.items(), key=lambda item: -len(item[1]))
        if len(took) > 1
    ]


if __name__ == "__main__":
    main()

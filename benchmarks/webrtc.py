"""How long does sound take from Chromium to an agent and back, and how many WebRTC calls does a core carry?

    python -m benchmarks.webrtc [--only trips|load] [--runs 3] [--seconds 8] [--calls 1,10,20,40,60]

Round trips: Chromium plays chirps as its microphone to an agent that says back what it hears; both are recorded in one
AudioWorklet and correlated, so that everything between microphone and ear is in the figure: Chromium's encoder, the
way there, decoding and encoding here, the way back, Chromium's jitter buffer. With loss and on bad networks the packets
go through `hocket.sim.impairment` in the server's process. The figure is the median of the windows of a run; of several
runs the best and the median are shown, because Chromium's jitter buffer grows on a machine that others use as well.

Load: callers who send recorded speech and are talked to all the time, so every call decodes and encodes 50 frames a
second, with copies (FEC) in both directions. The server has one core, the callers the other. Processor time is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.rtc import browser, load
from hocket.sim.impairment import PROFILES, Impairment

RESULT: Final = Path(__file__).parent / "results" / "webrtc.json"
LOSS: Final = Impairment(loss=0.02)
NETWORKS: Final[dict[str, tuple[Impairment, Impairment]]] = {
    "loopback": (Impairment(), Impairment()),
    "2 % lost on the way there": (LOSS, Impairment()),
    "2 % lost each way": (LOSS, LOSS),
    **{name: (profile, profile) for name, profile in PROFILES.items()},
}
COMPLEXITIES: Final = (5, 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=("trips", "load"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--calls", default="1,10,20,40,60")
    options = parser.parse_args()
    result: dict[str, Any] = msgspec.json.decode(RESULT.read_bytes()) if RESULT.exists() else {}
    result["question"] = (__doc__ or "").splitlines()[0]
    console = Console()
    if options.only != "load":
        result["trips"] = trips(options.runs, options.seconds)
        console.print(trips_table(result["trips"]))
    if options.only != "trips":
        calls = [int(count) for count in options.calls.split(",")]
        result["load"] = [row for complexity in COMPLEXITIES for row in loads(calls, options.seconds, complexity)]
        console.print(load_table(result["load"]))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def trips(runs: int, seconds: float) -> dict[str, Any]:
    """Network -> all runs, best and median."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "chirps.wav"
        browser.chirps(microphone)
        for name, (up, down) in NETWORKS.items():
            each = []
            for run in range(runs):
                network = ["--up", text(up), "--down", text(down), "--seed", str(run + 1)]
                with server(*network) as url:
                    each.append(browser.call(url, microphone, seconds))
            times = [trip.round_trip_ms for trip in each]
            found[name] = {
                "best_ms": min(times),
                "median_ms": round(median(times), 1),
                "runs": [msgspec.to_builtins(trip) for trip in each],
            }
    return found


def loads(calls: Sequence[int], seconds: float, complexity: int) -> Iterator[dict[str, Any]]:
    """One row for each number of calls."""
    for count in calls:
        with server("--talks", "--core", "0", "--complexity", str(complexity)) as url:
            row = asyncio.run(load.measure(url, count, seconds))
        yield {"complexity": complexity, **msgspec.to_builtins(row)}


@contextmanager
def server(*options: str) -> Iterator[str]:
    """The server under test in a process of its own; its URL."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.rtc.server", *options], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://localhost:{msgspec.json.decode(process.stdout.readline())['port']}/"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def text(impairment: Impairment) -> str:
    return msgspec.json.encode(impairment).decode()


def trips_table(trips: dict[str, Any]) -> Table:
    table = Table("network", "best", "median", "Chromium's buffer", "correlation", "concealed", title="Round trip, ms")
    for name, row in trips.items():
        buffers, alike, concealed = (
            [run[key] for run in row["runs"]] for key in ("buffer_ms", "correlation", "concealed_ms")
        )
        table.add_row(
            name,
            f"{row['best_ms']:g}",
            f"{row['median_ms']:g}",
            f"{median(buffers):g}",
            f"{median(alike):.2f}",
            f"{median(concealed):g}",
        )
    return table


COLUMNS: Final = {
    "complexity": "complexity",
    "calls": "calls",
    "server_cpu_per_call_s": "CPU s a call s",
    "calls_per_core": "calls a core",
    "server_core_share": "server's core",
    "generator_core_share": "callers' core",
    "sender_late_p99_ms": "callers late p99",
    "frame_late_p99_ms": "frames late p99",
    "heard_per_call_s": "heard/s",
    "received_per_call_s": "received/s",
    "server_mb": "MB",
}


def load_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(*COLUMNS.values(), title="Load")
    for row in rows:
        table.add_row(*(f"{row[key]:g}" for key in COLUMNS))
    return table


if __name__ == "__main__":
    main()

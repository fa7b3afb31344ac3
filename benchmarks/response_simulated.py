"""How fast do simulated calls answer?

Whole sessions in virtual time: reference delays, adaptive preset, ten turns a call, measured by the line's own
stopwatch. Numbers that are read out in groups are counted apart: nothing shows that a group was the last one.

    python -m benchmarks.response_simulated [TURNS]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hocket.clock import MS, SECOND, cpu_time
from hocket.sim.calls import SimulatedCall, Takes, hold_call
from hocket.trace.latency import turns

RESULT = Path(__file__).parent / "results" / "response_simulated.json"
TURNS = 10_000
TURNS_PER_CALL = 10
PERCENTS: Final = (50, 90, 95, 99, 99.9)
RESPONSE_BUDGET_MS: Final[dict[float, int]] = {50: 380, 95: 460, 99: 520}
FIRST_BYTE_BUDGET_MS: Final[dict[float, int]] = {50: 198, 95: 280, 99: 340, 99.9: 500}
VOICES: Final[tuple[Takes, ...]] = ("tokens", "segments")


class Voice(msgspec.Struct):
    """Figures of calls with one kind of voice; milliseconds by percentile."""

    takes: Takes
    turns: int
    response_ms: dict[str, float]
    response_digits_ms: dict[str, float]
    endpoint_to_first_byte_ms: dict[str, float]
    model_calls_p50: float
    model_calls_p95: float
    model_calls_mean: float
    pauses_shown: int
    cuts_shown: int
    """Of pauses of 200 to 600 ms after words that show more is to come."""
    pauses_unshown: int
    cuts_unshown: int
    times_real_time: float


class _Sums:
    """What is kept of each call."""

    def __init__(self) -> None:
        self.responses: list[float] = []
        self.digits: list[float] = []
        self.first_bytes: list[float] = []
        self.model_calls: list[int] = []
        self.cuts: dict[bool, list[bool]] = {True: [], False: []}
        self.virtual_s = 0.0

    def add(self, call: SimulatedCall) -> None:
        self.virtual_s += call.duration_s
        for turn in call.heard:
            utterance = turn.utterance
            if turn.response_ns is not None:
                (self.digits if utterance.kind == "digits" else self.responses).append(turn.response_ns / MS)
            for pause, cut in zip((p for p in utterance.pauses if p.unfinished), turn.cut, strict=True):
                self.cuts[pause.evident].append(cut)
        for traced in turns(call.trace.entries):
            self.model_calls.append(traced.speculation.model_calls)
            if traced.endpoint_to_first_byte is not None:
                self.first_bytes.append(traced.endpoint_to_first_byte / MS)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    voices = [measure(takes, count // TURNS_PER_CALL) for takes in VOICES]
    RESULT.parent.mkdir(exist_ok=True)
    result = {"question": (__doc__ or "").splitlines()[0], "voices": voices}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    show(voices)


def measure(takes: Takes, calls: int) -> Voice:
    sums, used = _Sums(), 0
    for seed in track(range(calls), f"voices that take {takes}", transient=True):
        began = cpu_time()
        call = hold_call(seed, turns=TURNS_PER_CALL, takes=takes)
        used += cpu_time() - began  # of the call alone: what is counted here is not part of it
        sums.add(call)
    shown, unshown = sums.cuts[True], sums.cuts[False]
    return Voice(
        takes,
        calls * TURNS_PER_CALL,
        percentiles(sums.responses),
        percentiles(sums.digits),
        percentiles(sums.first_bytes),
        float(np.percentile(sums.model_calls, 50)),
        float(np.percentile(sums.model_calls, 95)),
        float(np.mean(sums.model_calls)),
        len(shown),
        sum(shown),
        len(unshown),
        sum(unshown),
        sums.virtual_s / (used / SECOND),
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{percent:g}": round(float(np.percentile(values, percent)), 1) for percent in PERCENTS}


def show(voices: list[Voice]) -> None:
    table = Table("", *(f"p{percent:g}" for percent in PERCENTS), title="Simulated calls, milliseconds")
    for voice in voices:
        for name, figures in (
            ("response latency", voice.response_ms),
            ("response latency, numbers read out", voice.response_digits_ms),
            ("endpoint to first byte", voice.endpoint_to_first_byte_ms),
        ):
            table.add_row(f"{voice.takes}: {name}", *(f"{value:.0f}" for value in figures.values()))
    for name, budget in (("response latency", RESPONSE_BUDGET_MS), ("endpoint to first byte", FIRST_BYTE_BUDGET_MS)):
        table.add_row(f"budget: {name}", *(str(budget.get(percent, "")) for percent in PERCENTS), style="dim")
    console = Console()
    console.print(table)
    for voice in voices:
        console.print(
            f"{voice.takes}: {voice.turns} turns; model calls a turn p50 {voice.model_calls_p50:g}, "
            f"p95 {voice.model_calls_p95:g}, mean {voice.model_calls_mean:.2f}; cuts into pauses after words that show "
            f"more is to come: {voice.cuts_shown} of {voice.pauses_shown}, that do not show it: "
            f"{voice.cuts_unshown} of {voice.pauses_unshown}; {voice.times_real_time:.0f} times real time"
        )


if __name__ == "__main__":
    main()

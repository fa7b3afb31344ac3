"""The system's own account of a call beside the caller's: where the time of each turn went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.latency.measuring import Measured
from hocket.clock import MS
from hocket.errors import TraceError
from hocket.trace.critical_path import PART_NAMES
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.log import read_trace
from hocket.trace.records import Opened

NEAR_MS: Final = 200
"""Between the first sound in the trace and at the caller; further apart they are not of one turn."""

LINE: Final = "line"
"""What the caller waited for beyond the trace's own figure: the way there and back, and the estimate of the last
speech sample."""


def add_trace(measured: Sequence[Measured], trace: Path) -> None:
    """Give every measured turn what its trace says of it; a system without traces leaves none."""
    try:
        entries = read_trace(trace)
    except TraceError:
        return
    epoch = next((entry.record.media_epoch for entry in entries if isinstance(entry.record, Opened)), 0)
    traced = [turn for turn in turns(entries) if turn.times.first_audible is not None]
    for turn in measured:
        found = _nearest(turn, traced, epoch)
        if found is None or turn.latency_ms is None:
            continue
        turn.opener = found.providing.opener
        if found.response_latency is None:
            continue
        for part in found.parts:
            turn.parts_ms[part.name] = turn.parts_ms.get(part.name, 0.0) + part.duration / MS
        turn.parts_ms[LINE] = turn.latency_ms - found.response_latency / MS


def middle_parts(measured: Sequence[Measured]) -> dict[str, float]:
    """Where the time went at the median: the mean path of the fifth of the turns around it, in milliseconds."""
    known = [turn for turn in measured if turn.latency_ms is not None and turn.parts_ms]
    if not known:
        return {}
    low, high = np.percentile([turn.latency_ms or 0.0 for turn in known], (40, 60))
    middle = [turn for turn in known if low <= (turn.latency_ms or 0.0) <= high]
    means = {name: float(np.mean([turn.parts_ms.get(name, 0.0) for turn in middle])) for name in (*PART_NAMES, LINE)}
    return {name: round(value, 1) for name, value in means.items() if abs(value) >= 0.05}


def hit_rate(measured: Sequence[Measured]) -> float | None:
    """Of the turns whose opener was looked up."""
    looked_up = [turn.opener == "hit" for turn in measured if turn.opener in ("hit", "missed")]
    return round(float(np.mean(looked_up)), 3) if looked_up else None


def _nearest(turn: Measured, traced: Sequence[TurnTrace], epoch: int) -> TurnTrace | None:
    first = turn.first_audible_ms
    if first is None:
        return None

    def apart(one: TurnTrace) -> float:
        assert one.times.first_audible is not None
        return abs((one.times.first_audible - epoch) / MS - first)

    nearest = min(traced, key=apart, default=None)
    return nearest if nearest is not None and apart(nearest) <= NEAR_MS else None

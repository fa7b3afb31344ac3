"""What a row of the table holds, worked out from its turns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.latency.calls import Load
from benchmarks.latency.measuring import Measured
from benchmarks.latency.tracing import hit_rate, middle_parts


class Spread(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds."""

    n: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None of nothing."""
        if not values:
            return None
        return cls(len(values), *(round(float(at), 1) for at in np.percentile(values, (50, 95, 99))))


class Cuts(msgspec.Struct, frozen=True):
    """Unfinished pauses, and into how many of them the agent spoke."""

    cut: int
    of: int


class Row(msgspec.Struct):
    """One condition."""

    name: str
    system: str
    """The program and its options."""
    at_once: int
    """Calls held at a time."""
    turns: int
    silent: int
    """Turns without a reply in 6 s."""
    latency: Spread | None
    """Last speech sample to first audible sample."""
    over_providers: Spread | None
    """Each turn's latency less what its providers drew: the final, the first token, the first byte."""
    providers: Spread | None
    """What they drew."""
    cuts: dict[str, Cuts]
    """By what the words before the pause show."""
    cut_elsewhere: int
    """Turns into which the agent spoke before any pause."""
    cut_yield: Spread | None
    """After a cut: the caller's voice to the agent's silence."""
    barge_in: Spread | None
    """The same where the caller talks over a reply on purpose."""
    not_yielded: int
    """Barge-ins through which the agent spoke on."""
    hit_rate: float | None
    """Of openers, in the cache; None where there is none."""
    parts: dict[str, float]
    """Where the time went at the median, by the system's own trace."""
    load: Load
    note: str = ""


def row(
    name: str, system: str, at_once: int, turns: Sequence[Measured], load: Load, note: str = "", barging: bool = False
) -> Row:
    """Work out a row. Replies to barge-ins are counted with the barge-ins, not with the latencies."""
    asked = [turn for turn in turns if not turn.barged]
    counted = turns if barging else asked
    cuts: dict[str, Cuts] = {}
    for pause in chain.from_iterable(turn.pauses for turn in asked):
        before = cuts.get(pause.kind, Cuts(0, 0))
        cuts[pause.kind] = Cuts(before.cut + pause.cut, before.of + 1)
    barged = [turn for turn in turns if turn.barged]
    return Row(
        name,
        system,
        at_once,
        len(turns),
        sum(turn.silent for turn in turns),
        Spread.of([turn.latency_ms for turn in counted if turn.latency_ms is not None]),
        Spread.of([turn.over_ms for turn in counted if turn.over_ms is not None]),
        Spread.of([turn.providers_ms for turn in counted if turn.providers_ms is not None]),
        cuts,
        sum(turn.cut_elsewhere for turn in asked),
        Spread.of([turn.yield_ms for turn in asked if turn.yield_ms is not None]),
        Spread.of([turn.yield_ms for turn in barged if turn.yield_ms is not None]),
        sum(turn.yield_ms is None for turn in barged),
        hit_rate(counted),
        middle_parts(counted),
        load,
        note,
    )


def stored(path: Path) -> dict[str, Row]:
    """The rows of earlier runs; none where there is no file or it is of another shape."""
    try:
        return {one.name: one for one in msgspec.json.decode(path.read_bytes(), type=_File).rows}
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def store(path: Path, question: str, rows: dict[str, Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(_File(question, list(rows.values())))) + b"\n")


class _File(msgspec.Struct):
    question: str
    rows: list[Row]

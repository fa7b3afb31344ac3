"""Why a long turn was long."""

from __future__ import annotations

from collections.abc import Mapping

from hocket.trace.critical_path import PART_NAMES, PartName
from hocket.trace.latency import TurnTrace
from hocket.trace.percentiles import LONG_NS, Percentiles


def cause(turn: TurnTrace, usual: Mapping[PartName, Percentiles]) -> PartName | None:
    """The part of the critical path that was longer than its median, in nanoseconds, by most; None for a turn that
    was not long. Without any turns before it that is its longest part."""
    latency = turn.response_latency
    if latency is None or latency <= LONG_NS:
        return None
    took = dict.fromkeys(PART_NAMES, 0)
    for part in turn.parts:
        took[part.name] += part.duration
    return max(took, key=lambda name: took[name] - (usual[name].p50 or 0.0))

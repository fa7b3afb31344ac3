"""Percentiles within 1 %, and the summary of a call's turns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from ddsketch import DDSketch

from hocket.clock import MS
from hocket.trace.critical_path import PART_NAMES
from hocket.trace.latency import TurnTrace
from hocket.trace.providing import Provided

RELATIVE_ACCURACY = 0.01

LONG_NS = 500 * MS
"""Longer than this sounds stilted."""


class Percentiles:
    """A DDSketch: any quantile within 1 % of a value that was added, in little memory, mergeable without loss.

    Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch", PVLDB 12 (2019). The unit is the
    caller's. Quantiles of nothing are None.
    """

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._sketch = DDSketch(RELATIVE_ACCURACY)
        for value in values:
            self.add(value)

    def add(self, value: float) -> None:
        self._sketch.add(value)

    def merge(self, other: Percentiles) -> None:
        """Take in everything the other has; the other stays as it is."""
        if other.count:
            self._sketch.merge(other._sketch)

    def quantile(self, fraction: float) -> float | None:
        """The smallest value that at least `fraction`, 0 to 1, of all values do not exceed (nearest rank)."""
        # The sketch itself rounds the rank down, which would hide the slowest of a few turns.
        rank = max(math.ceil(fraction * self.count - 1e-9), 1) - 1
        found: float | None = self._sketch.get_quantile_value(min((rank + 0.5) / max(self.count - 1, 1), 1))
        return found

    @property
    def count(self) -> int:
        return int(self._sketch.count)

    @property
    def p50(self) -> float | None:
        return self.quantile(0.5)

    @property
    def p90(self) -> float | None:
        return self.quantile(0.9)

    @property
    def p95(self) -> float | None:
        return self.quantile(0.95)

    @property
    def p99(self) -> float | None:
        return self.quantile(0.99)

    @property
    def p999(self) -> float | None:
        return self.quantile(0.999)


class Summary:
    """The turns of one or many calls, added up. All percentiles are of nanoseconds."""

    def __init__(self) -> None:
        self.response_latency = Percentiles()
        self.endpoint_to_first_byte = Percentiles()
        self.numbers = {name: Percentiles() for name in ("endpoint", "stt_finalize", "first_token", "first_byte")}
        self.parts = {name: Percentiles() for name in PART_NAMES}
        """Of every measured turn's critical path; 0 where a part is not on it."""
        self.model_calls = Percentiles()
        self.outcomes: Counter[str] = Counter()
        self.speculation: Counter[str] = Counter()
        self.unmeasured: Counter[str] = Counter()
        """Reason -> turns without a response latency."""
        self.long = 0
        """Turns answered after more than 500 ms."""
        self.wasted_tokens = 0
        self.wasted_characters = 0
        self.provided = Provided()

    def add(self, turn: TurnTrace) -> None:
        self.outcomes[turn.outcome] += 1
        self.speculation[turn.speculation.result] += 1
        self.model_calls.add(turn.speculation.model_calls)
        self.provided.add(turn.providing)
        self.wasted_tokens += turn.speculation.wasted_tokens
        self.wasted_characters += turn.speculation.wasted_characters
        for name, percentiles in self.numbers.items():
            value: int | None = getattr(turn.numbers, name)
            if value is not None:
                percentiles.add(value)
        if turn.endpoint_to_first_byte is not None:
            self.endpoint_to_first_byte.add(turn.endpoint_to_first_byte)
        if turn.response_latency is None:
            self.unmeasured[turn.unmeasured] += 1
            return
        self.response_latency.add(turn.response_latency)
        self.long += turn.response_latency > LONG_NS
        for part_name, percentiles in self.parts.items():
            percentiles.add(sum(part.duration for part in turn.parts if part.name == part_name))

    @property
    def turns(self) -> int:
        return self.outcomes.total()


def summary(turns: Iterable[TurnTrace]) -> Summary:
    """What the turns took together."""
    total = Summary()
    for turn in turns:
        total.add(turn)
    return total

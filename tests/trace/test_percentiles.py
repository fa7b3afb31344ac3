from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from hocket.clock import MS
from hocket.trace.latency import turns
from hocket.trace.percentiles import Percentiles, summary
from tests.trace.golden_traces import golden
from tests.trace.make import TurnSpec, call

latencies = st.lists(st.integers(1, 10_000 * MS), min_size=1, max_size=200)


@given(latencies)
def test_every_percentile_is_within_one_percent(values: list[int]) -> None:
    found = Percentiles(values)
    assert found.count == len(values)
    for fraction in (0, 0.5, 0.9, 0.95, 0.99, 0.999, 1):
        true = float(np.quantile(values, fraction, method="inverted_cdf"))
        assert found.quantile(fraction) == pytest.approx(true, rel=0.0101)


@given(latencies, latencies)
def test_merging_is_adding(one: list[int], other: list[int]) -> None:
    merged, second, together = Percentiles(one), Percentiles(other), Percentiles([*one, *other])
    merged.merge(second)
    assert merged.count == together.count
    assert second.count == len(other)
    for fraction in (0, 0.5, 0.99, 1):
        assert merged.quantile(fraction) == together.quantile(fraction)


def test_named_percentiles_are_in_order() -> None:
    found = Percentiles(range(1, 10_001))
    named = [found.p50, found.p90, found.p95, found.p99, found.p999]
    for value, fraction in zip(named, (0.5, 0.9, 0.95, 0.99, 0.999), strict=True):
        assert value == pytest.approx(fraction * 10_000, rel=0.0102)


def test_nothing_has_no_percentile_and_can_be_merged() -> None:
    found = Percentiles()
    found.merge(Percentiles())
    assert (found.count, found.p50, found.p999) == (0, None, None)


def test_the_slowest_of_a_few_is_their_p99() -> None:
    assert Percentiles([*range(100, 111), 900]).p99 == pytest.approx(900, rel=0.01)
    assert Percentiles([7]).p50 == pytest.approx(7, rel=0.01)


def test_zero_is_a_value() -> None:
    assert Percentiles([0, 0, 0, 5]).p50 == 0


def test_the_summary_counts_what_was_measured_and_what_was_not() -> None:
    total = summary([*turns(golden("cold")), *turns(golden("barge_in"))])
    assert (total.turns, total.response_latency.count, total.endpoint_to_first_byte.count) == (3, 2, 2)
    assert total.outcomes == {"answered": 1, "withdrawn": 1, "interrupted": 1}
    assert total.unmeasured == {"no sound: the caller went on speaking, the reply was withdrawn": 1}
    assert total.long == 1
    assert total.parts["vad"].p50 == pytest.approx(100 * MS, rel=0.01)
    assert total.parts["tool"].p50 == 0
    assert total.numbers["first_token"].p50 == pytest.approx(100 * MS, rel=0.01)


def test_the_summary_counts_speculation_and_its_waste() -> None:
    total = summary([*turns(golden("speculated")), *turns(call(TurnSpec(amended=True), TurnSpec(at=9000)))])
    assert total.speculation == {"hit": 2, "miss": 1}
    assert total.wasted_tokens == 5 + 9
    assert total.model_calls.p50 == pytest.approx(2, rel=0.01)

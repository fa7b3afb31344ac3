from __future__ import annotations

from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.trace.histogram import LATENCY_MS, LATENESS_MS, Histogram

VALUES = st.lists(st.floats(0, 10_000))


def of(values: list[float]) -> Histogram:
    histogram = Histogram(LATENCY_MS)
    for value in values:
        histogram.add(value)
    return histogram


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_is_the_end_of_the_bucket_the_true_one_is_in(values: list[float], fraction: float) -> None:
    found = of(values).quantile(fraction)
    if not values:
        assert found is None
        return
    rank = max(1, -int(-fraction * len(values) // 1))
    true = sorted(values)[min(rank, len(values)) - 1]
    assert found == next((bound for bound in LATENCY_MS if true <= bound), inf)


@given(VALUES, VALUES)
def test_merging_is_adding_all_the_values(one: list[float], other: list[float]) -> None:
    merged = of(one)
    merged.merge(of(other))
    assert merged.counts == of(one + other).counts
    assert merged.total == pytest.approx(sum(one + other))
    assert merged.count == len(one) + len(other)


def test_bounds_belong_to_their_bucket_and_many_are_added_at_once() -> None:
    histogram = Histogram((1, 2))
    histogram.add(1)
    histogram.add(1.5, times=3)
    histogram.add(9)
    assert histogram.counts == [1, 3, 1]
    assert histogram.total == pytest.approx(14.5)


def test_two_histograms_share_nothing() -> None:
    one, other = Histogram(LATENESS_MS), Histogram(LATENESS_MS)
    one.add(1)
    assert other.count == 0


def test_it_travels_between_processes() -> None:
    histogram = of([320, 480])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(histogram), type=Histogram) == histogram

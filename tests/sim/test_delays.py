from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from hocket.clock import MS
from hocket.sim.delays import Delays

DRAWS = 20_000


def draws_ms(draw: Callable[[], int]) -> np.ndarray:
    return np.array([draw() for _ in range(DRAWS)]) / MS


@pytest.mark.parametrize(
    ("kind", "low", "high", "percentiles"),
    [
        ("stt_finalize", 30, 110, {50: 42, 95: 60}),
        ("llm_first_token", 90, 160, {50: 105, 95: 130}),
        ("tts_first_byte", 80, 160, {50: 102, 95: 130}),
        ("vad_offset", 20, 320, {50: 103, 90: 198}),
        ("vad_onset", 16, 192, {50: 55, 90: 106}),
    ],
)
def test_reference_delays_meet_their_percentiles(kind: str, low: int, high: int, percentiles: dict[int, int]) -> None:
    drawn = draws_ms(getattr(Delays.reference(Random(7)), kind))
    assert low <= drawn.min()
    assert drawn.max() <= high
    for percentile, expected in percentiles.items():
        assert np.percentile(drawn, percentile) == pytest.approx(expected, rel=0.03)
    assert drawn.mean() > np.percentile(drawn, 50), "skewed to the right"


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("stt_finalize", 30, 110), ("llm_first_token", 90, 160), ("tts_first_byte", 80, 160)]
)
def test_uniform_delays_fill_the_same_ranges_evenly(kind: str, low: int, high: int) -> None:
    drawn = draws_ms(getattr(Delays.uniform(Random(7)), kind))
    assert low <= drawn.min()
    assert drawn.max() <= high
    for percentile in (5, 25, 50, 75, 95):
        assert np.percentile(drawn, percentile) == pytest.approx(low + (high - low) * percentile / 100, rel=0.03)


def test_the_same_seed_draws_the_same_and_kinds_are_independent() -> None:
    one, two = Delays.reference(Random(3)), Delays.reference(Random(3))
    first = [one.stt_finalize() for _ in range(5)]
    two.llm_first_token()
    assert first == [two.stt_finalize() for _ in range(5)]
    assert first != [Delays.reference(Random(4)).stt_finalize() for _ in range(5)]

"""How long a silence lasts before the turn is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.endpointing import COMPLETE, PRESETS, Endpointing

MS = 1_000_000


@pytest.mark.parametrize(
    ("score", "wait_ms"),
    [(1.0, 170), (COMPLETE, 170), (0.45, 502), (0.3, 835), (0.15, 1168), (0.0, 1500)],
)
def test_the_less_complete_the_words_the_longer_the_wait(score: float, wait_ms: int) -> None:
    assert Endpointing().wait(score) / MS == pytest.approx(wait_ms, abs=1)


@given(st.sampled_from(sorted(PRESETS)), st.floats(0, 1), st.floats(0, 1))
def test_the_wait_is_bounded_and_never_grows_with_the_score(preset: str, low: float, high: float) -> None:
    waits = PRESETS[preset]
    low, high = sorted((low, high))
    soonest = waits.silence_ms + waits.confirm_ms
    assert soonest * MS <= waits.wait(high) <= waits.wait(low) <= waits.limit_ms * MS


@pytest.mark.parametrize(("preset", "wait_ms"), [("safe", 700), ("tuned", 300), ("aggressive", 150)])
def test_the_fixed_presets_are_what_they_are_called(preset: str, wait_ms: int) -> None:
    assert {PRESETS[preset].wait(score) for score in (0.0, 0.5, 1.0)} == {wait_ms * MS}

"""How long a silence lasts before the turn is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.endpointing import COMPLETE, PRESETS, SOUNDS_COMPLETE, Endpointing, as_heard

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


@pytest.mark.parametrize(
    ("sound", "wait_ms"), [(0.0, 835), (0.05, 669), (0.1, 502), (0.15, 336), (0.2, 170), (1.0, 170)]
)
def test_the_less_a_voice_sounds_complete_the_longer_complete_words_are_waited_for(sound: float, wait_ms: int) -> None:
    assert Endpointing().wait(as_heard(0.9, sound)) / MS == pytest.approx(wait_ms, abs=1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_voice_adds_no_completeness_and_less_of_it_never_more(words: float, low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 <= as_heard(words, low) <= as_heard(words, high) <= words


def test_a_voice_has_its_say_without_steps() -> None:
    assert as_heard(1.0, SOUNDS_COMPLETE - 1e-9) == pytest.approx(COMPLETE)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_only_the_preset_whose_waits_stretch_says_so(preset: str) -> None:
    assert PRESETS[preset].stretches is (PRESETS[preset].wait(0) != PRESETS[preset].wait(1))

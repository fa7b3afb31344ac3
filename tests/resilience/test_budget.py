"""Extra calls as a share of all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.resilience.budget import Budget


def test_a_fresh_budget_has_its_burst_and_ordinary_calls_fill_it() -> None:
    budget = Budget(0.1, burst=2)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(9):
        budget.called()
    assert not budget.take()
    budget.called()
    assert budget.take()
    assert not budget.take()


def test_quiet_times_save_up_no_more_than_the_burst() -> None:
    budget = Budget(0.1, burst=2)
    for _ in range(1000):
        budget.called()
    assert [budget.take() for _ in range(3)] == [True, True, False]


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.booleans(), max_size=400), st.sampled_from((0.02, 0.08, 0.1, 0.5)))
def test_extra_calls_never_exceed_their_share_and_the_burst(wishes: list[bool], share: float) -> None:
    budget = Budget(share, burst=3)
    extra = 0
    for calls, wish in enumerate(wishes, 1):
        budget.called()
        extra += wish and budget.take()
        assert extra <= share * calls + 3 + 1e-6

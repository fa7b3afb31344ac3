from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.timers import NEVER, Reason, Timers


def test_the_earliest_deadline_is_next_and_ties_go_by_reason() -> None:
    timers = Timers()
    timers.set(Reason.NO_INPUT, 50)
    timers.set(Reason.COMMIT, 30)
    timers.set(Reason.CANDIDATE, 30)
    assert timers.next == (30, Reason.CANDIDATE)
    timers.stop(Reason.CANDIDATE, Reason.COMMIT, Reason.OWED)
    assert timers.next == (50, Reason.NO_INPUT)
    timers.clear()
    assert timers.next is None


def test_without_deadlines_nothing_is_next() -> None:
    assert Timers().next is None
    assert Timers().pop_first(NEVER) is None


def test_setting_again_replaces() -> None:
    timers = Timers()
    timers.set(Reason.COMMIT, 30)
    timers.set(Reason.COMMIT, 90)
    assert timers.next == (90, Reason.COMMIT)
    assert (timers.has(Reason.COMMIT), timers.due(Reason.COMMIT)) == (True, 90)
    assert (timers.has(Reason.OWED), timers.due(Reason.OWED)) == (False, NEVER)


def test_every_tool_has_its_own_deadline() -> None:
    timers = Timers()
    timers.set(Reason.TOOL, 40, "a")
    timers.set(Reason.TOOL, 20, "b")
    timers.set(Reason.TOOL, 30, "c")
    assert timers.next == (20, Reason.TOOL)
    timers.stop_one(Reason.TOOL, "b")
    timers.stop_one(Reason.TOOL, "never set")
    assert timers.pop_first(29) is None
    assert timers.pop_first(30) == (Reason.TOOL, "c")
    assert timers.next == (40, Reason.TOOL)
    assert timers.pop_first(100) == (Reason.TOOL, "a")
    assert not timers.has(Reason.TOOL)


@pytest.mark.parametrize(("reason", "key"), [(Reason.TOOL, ""), (Reason.COMMIT, "a")])
def test_only_tools_have_keys(reason: Reason, key: str) -> None:
    with pytest.raises(AssertionError, match="keys"):
        Timers().set(reason, 1, key)


def test_a_reason_for_every_deadline_is_written_down() -> None:
    assert [reason.value for reason in Reason] == list(range(len(Reason)))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "stop", "pop", "clear"]),
        st.sampled_from(list(Reason)),
        st.integers(0, 9),
        st.sampled_from("ab"),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_table_agrees_with_a_plain_list_of_deadlines(steps: list[tuple[str, Reason, int, str]]) -> None:
    timers = Timers()
    model: dict[tuple[Reason, str], int] = {}
    for step, reason, number, name in steps:
        key = name if reason is Reason.TOOL else ""
        if step == "set":
            model[reason, key] = number
            timers.set(reason, number, key)
        elif step == "stop":
            model.pop((reason, key), None)
            if key:
                timers.stop_one(reason, key)
            else:
                timers.stop(reason)
        elif step == "clear" and number == 0:
            model.clear()
            timers.clear()
        elif step == "pop":
            due = sorted((at, other, index) for index, ((other, _), at) in enumerate(model.items()) if at <= number)
            expected = list(model)[due[0][2]] if due else None
            assert timers.pop_first(number) == expected
            if expected:
                del model[expected]
        first = min(((at, other) for (other, _), at in model.items()), default=None)
        assert timers.next == first
        assert {other for other, _ in model} == {other for other in Reason if timers.has(other)}

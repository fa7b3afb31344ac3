from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.ids import ToolCallId
from hocket.turn.history import Entry, History, ToolUse

CALL = ToolCallId("call-1")


def said(history: History) -> list[tuple[str, str]]:
    return [(entry.role, entry.text) for entry in history.messages()]


def test_both_parties_in_order() -> None:
    history = History()
    history.heard("Hello.")
    history.user("a table for two")
    history.heard("At what", interrupted=True)
    history.user("at six")
    assert list(history.messages()) == [
        Entry("assistant", "Hello."),
        Entry("user", "a table for two"),
        Entry("assistant", "At what", interrupted=True),
        Entry("user", "at six"),
    ]


def test_what_was_not_heard_leaves_no_entry_and_the_turns_around_it_are_one() -> None:
    history = History()
    history.user("a table")
    history.heard("", interrupted=True)
    history.user("")
    history.user("for two")
    assert said(history) == [("user", "a table for two")]
    history.heard("Fine.")
    history.user("thanks")
    assert said(history) == [("user", "a table for two"), ("assistant", "Fine."), ("user", "thanks")]


def test_a_withdrawn_turn_gives_its_own_words_back() -> None:
    history = History()
    history.user("a table")
    history.user("for two")
    assert history.withdraw_user() == "for two"
    assert said(history) == [("user", "a table")]
    assert history.withdraw_user() == "a table"
    assert said(history) == []
    with pytest.raises(AssertionError, match="no turn"):
        history.withdraw_user()


def test_a_turn_is_amended_even_if_something_followed() -> None:
    history = History()
    history.user("four fifteen")
    history.user("a table for you")
    history.heard("For how many?")
    assert history.amend_user("a table for two")
    assert not history.amend_user("A table for 2.")
    assert said(history) == [("user", "four fifteen A table for 2."), ("assistant", "For how many?")]
    assert history.amend_user("")
    assert said(history) == [("user", "four fifteen"), ("assistant", "For how many?")]


def test_a_tool_is_there_when_it_has_a_result() -> None:
    history = History()
    history.user("any slots")
    history.tool_call(CALL, "free_slots", '{"day":"Tuesday"}')
    assert said(history) == [("user", "any slots")]
    history.heard("Let me look.")
    history.tool_result(CALL, "none")
    assert list(history.messages())[-1] == Entry("tool", tool=ToolUse(CALL, "free_slots", '{"day":"Tuesday"}', "none"))
    with pytest.raises(AssertionError, match="call-1"):
        history.tool_result(CALL, "again")


def test_the_oldest_are_dropped_and_that_is_marked() -> None:
    history = History(limit=3)
    for turn in range(3):
        history.heard(f"heard {turn}")
    assert said(history)[0] == ("assistant", "heard 0")
    history.user("four")
    entries = said(history)
    assert entries[0][0] == "marker"
    assert entries[1:] == [("assistant", "heard 1"), ("assistant", "heard 2"), ("user", "four")]


STEPS = st.lists(
    st.tuples(st.sampled_from(["user", "heard", "withdraw", "amend", "call", "result"]), st.sampled_from("ab"))
)


@given(STEPS)
def test_any_order_of_steps_keeps_the_shape(steps: list[tuple[str, str]]) -> None:
    history = History(limit=5)
    open_calls: list[ToolCallId] = []
    for number, (step, text) in enumerate(steps):
        has_user = any(entry.role == "user" for entry in history.messages())
        if step == "user":
            history.user(text)
        elif step == "heard":
            history.heard(text)
        elif step == "withdraw" and has_user:
            assert history.withdraw_user() in "ab"
        elif step == "amend" and has_user:
            history.amend_user(text)
        elif step == "call":
            open_calls.append(ToolCallId(str(number)))
            history.tool_call(open_calls[-1], "tool", "{}")
        elif step == "result" and open_calls:
            history.tool_result(open_calls.pop(), text)
    entries = list(history.messages())
    assert len(entries) <= 6
    assert all(entry.role != "marker" for entry in entries[1:])
    for first, second in itertools.pairwise(entries):
        assert not first.role == second.role == "user"
    assert all((entry.tool is not None) is (entry.role == "tool") for entry in entries)

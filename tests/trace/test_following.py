from __future__ import annotations

from collections.abc import Sequence

import pytest

from hocket.clock import MS
from hocket.ids import ReplyId, TurnId
from hocket.sim.calls import hold_call
from hocket.trace import following
from hocket.trace.following import WINDOW, Following
from hocket.trace.latency import TurnTrace, latest_turn, turns
from hocket.trace.records import Closed, Entry, Record
from hocket.turn.commands import CancelReply, CloseTurn, CommitTurn, StartSay
from hocket.turn.events import PlayoutFinished, PlayoutStarted, ReplyFailed, SpeechStarted, Transcribed
from tests.trace.golden_traces import golden
from tests.trace.make import HEAD, TurnSpec, call, calm_call


def followed(entries: Sequence[Entry]) -> tuple[list[TurnTrace], list[TurnTrace]]:
    """The turns as they ended, and as they were when their answer was first heard."""
    ended: list[TurnTrace] = []
    heard: list[TurnTrace] = []
    follower = Following(ended.append, heard.append)
    for entry in entries:
        follower.take(entry.now, entry.record)
    return ended, heard


def essence(turn: TurnTrace) -> tuple[object, ...]:
    """All but spans whose end is marked when the turn is over."""
    return (
        turn.turn,
        turn.reply,
        turn.text,
        turn.heard,
        turn.outcome,
        turn.times,
        turn.speculation,
        turn.parts,
        turn.numbers,
        turn.unmeasured,
        len(turn.spans),
    )


@pytest.mark.parametrize("name", ["cold", "barge_in", "speculated", "tool"])
def test_a_golden_trace_that_is_followed_gives_the_turns_of_the_whole_trace(name: str) -> None:
    ended, _ = followed(golden(name))
    assert [essence(turn) for turn in ended] == [essence(turn) for turn in turns(golden(name))]


@pytest.mark.parametrize("seed", [0, 5])
def test_a_simulated_call_that_is_followed_gives_the_turns_of_its_whole_trace(seed: int) -> None:
    entries = hold_call(seed, turns=25).trace.entries
    ended, heard = followed(entries)
    whole = turns(entries)
    assert [essence(turn) for turn in ended] == [essence(turn) for turn in whole]
    assert {turn.outcome for turn in whole} >= {"answered", "interrupted"}, "choose another seed"
    sounded = [turn for turn in whole if turn.times.first_audible is not None]
    assert [(turn.turn, turn.parts) for turn in heard] == [(turn.turn, turn.parts) for turn in sounded]


def test_a_turn_of_a_long_call_costs_no_more_entries_than_one_of_a_short_call(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def counting(entries: Sequence[Entry]) -> TurnTrace:
        looked_at.append(len(entries))
        return latest_turn(entries)

    monkeypatch.setattr(following, "latest_turn", counting)
    followed(calm_call(100))
    assert len(looked_at) == 200
    assert max(looked_at) < 100 < len(calm_call(100)) / 20


def test_an_apology_said_in_place_of_the_answer_is_waited_for() -> None:
    base = call(TurnSpec(), closed=False)
    commit = next(place for place, entry in enumerate(base) if isinstance(entry.record, CommitTurn))
    at = base[commit].now + 900 * MS
    apology = ReplyId(9)
    failed: list[Record] = [
        ReplyFailed(ReplyId(1), "no voice"),
        CancelReply(ReplyId(1), "no voice"),
        CloseTurn(TurnId(1), "failed"),
        StartSay(apology, "Sorry.", "apology"),
    ]
    entries = [*base[: commit + 1], *(Entry(at, record) for record in failed)]
    assert followed(entries)[0] == []
    entries.append(Entry(at + 80 * MS, PlayoutStarted(apology)))
    assert followed(entries)[0] == []
    entries.append(Entry(at + 900 * MS, PlayoutFinished(apology, "Sorry.")))
    [turn] = followed(entries)[0]
    assert (turn.outcome, turn.heard) == ("failed", "Sorry.")
    assert essence(turn) == essence(turns(entries)[0])


def test_what_is_said_later_is_no_part_of_a_failed_turn() -> None:
    base = call(TurnSpec(), closed=False)
    commit = next(place for place, entry in enumerate(base) if isinstance(entry.record, CommitTurn))
    at = base[commit].now
    entries = [*base[: commit + 1], Entry(at, CloseTurn(TurnId(1), "failed"))]
    entries.append(Entry(at + 8000 * MS, StartSay(ReplyId(9), "Are you still there?", "reprompt")))
    [turn] = followed(entries)[0]
    assert (turn.outcome, turn.heard) == ("failed", "")


def test_a_turn_that_the_call_leaves_open_is_told_at_its_end_or_at_the_next_commit() -> None:
    base = call(TurnSpec(), closed=False)
    commit = next(place for place, entry in enumerate(base) if isinstance(entry.record, CommitTurn))
    begun = base[: commit + 1]
    assert [turn.outcome for turn in followed([*begun, Entry(begun[-1].now, Closed("gone"))])[0]] == ["open"]
    following_commit = Entry(begun[-1].now, CommitTurn(TurnId(2), "and", ReplyId(3)))
    assert [turn.turn for turn in followed([*begun, following_commit])[0]] == [1]


def test_an_endless_turn_is_bounded_and_the_next_one_is_told_of() -> None:
    follower_told: list[TurnTrace] = []
    follower = Following(follower_told.append)
    for entry in [Entry(0, HEAD), *call(TurnSpec(), closed=False)[:12]]:
        follower.take(entry.now, entry.record)
    for number in range(3 * WINDOW):
        follower.take(10**10 + number, Transcribed(f"word {number}", final=False))
    assert len(follower._entries) <= WINDOW
    for entry in call(TurnSpec(at=60_000)):
        follower.take(entry.now, entry.record)
    assert [turn.outcome for turn in follower_told][-1] == "answered"


def test_what_happens_before_the_first_commit_is_no_turn() -> None:
    assert followed([Entry(0, HEAD), Entry(1, SpeechStarted(0)), Entry(2, Closed("gone"))]) == ([], [])

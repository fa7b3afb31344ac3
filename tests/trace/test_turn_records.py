from __future__ import annotations

from hocket.clock import MS
from hocket.ids import ReplyId, TurnId
from hocket.trace.records import Entry, Mark, Record
from hocket.trace.turn_records import TurnRecords, split
from hocket.turn.commands import (
    AmendTurn,
    CancelReply,
    CloseTurn,
    CommitTurn,
    Finalize,
    StartPlayout,
    StartReply,
    StartSay,
)
from hocket.turn.events import PlayoutStarted, ReplyFailed, TimerFired, Transcribed
from tests.trace.make import HEAD, TurnSpec, call

T1, T2 = TurnId(1), TurnId(2)
R1, R2, R3, R4 = (ReplyId(number) for number in (1, 2, 3, 4))


def turns_of(*moments: tuple[int, Record]) -> list[TurnRecords]:
    """The turns of a trace given in milliseconds."""
    return split([Entry(0, HEAD), *(Entry(ms * MS, record) for ms, record in moments)])


def test_a_trace_is_split_at_its_commits() -> None:
    first, second = split(call(TurnSpec(at=1000), TurnSpec(at=9000)))
    assert (first.commit.record.turn, second.commit.record.turn) == (T1, T2)
    assert first.earliest == 0
    assert second.earliest == first.commit.now
    assert [moment.record.turn for moment in first.all(CloseTurn)] == [T1]
    # A turn's records begin with the commit before, so the answer to that one is among them.
    assert [moment.record.turn for moment in second.all(CommitTurn)] == [T1, T2]
    assert first.replies.isdisjoint(second.replies)
    # What the caller says next belongs to the next turn only once that is committed: it may be a barge-in.
    assert len(first.all(Transcribed)) == 2
    assert len(first.until_commit(Transcribed)) == 1


def test_a_trace_without_commits_has_no_turns() -> None:
    assert split([]) == []
    assert turns_of((10, Transcribed("hello", final=True))) == []


def test_news_of_a_turns_own_replies_counts_however_late_it_comes() -> None:
    first, second = turns_of(
        (100, CommitTurn(T1, "hello", R1)),
        (100, StartReply(R1, "hello", speculative=False)),
        (200, CommitTurn(T2, "again", R2)),
        (200, StartReply(R2, "again", speculative=False)),
        (300, Mark("llm", "cancelled", R1, count=7)),
        (310, Mark("llm", "first", R2)),
        (320, CloseTurn(T1, "withdrawn")),
    )
    assert [(moment.now, moment.record.step) for moment in first.all(Mark)] == [(300 * MS, "cancelled")]
    assert [moment.record.outcome for moment in first.all(CloseTurn)] == ["withdrawn"]
    assert [moment.record.step for moment in second.of_reply(Mark, R2)] == ["first"]
    assert second.of_reply(Mark, R3) == []


def test_speculations_belong_to_the_turn_that_they_guessed_at() -> None:
    first, second = turns_of(
        (50, StartReply(R1, "hel", speculative=True)),
        (60, CancelReply(R1, "the words changed")),
        (70, StartReply(R2, "hello", speculative=True)),
        (100, CommitTurn(T1, "hello", R2)),
        (150, AmendTurn(T1, "hello there")),
        (150, StartReply(R3, "hello there", speculative=False)),
        (400, StartReply(R4, "again", speculative=True)),
        (500, CommitTurn(T2, "again", R4)),
    )
    assert first.replies == {R1, R2, R3}
    assert second.replies == {R4}


def test_a_speculation_that_no_commit_followed_belongs_to_nobody() -> None:
    (turn,) = turns_of(
        (100, CommitTurn(T1, "hello", R1)),
        (100, StartReply(R1, "hello", speculative=False)),
        (900, StartReply(R2, "and", speculative=True)),
    )
    assert turn.replies == {R1}


def test_what_is_said_between_commit_and_close_stands_in_for_the_answer() -> None:
    failed: list[tuple[int, Record]] = [
        (100, CommitTurn(T1, "hello", R1)),
        (100, StartReply(R1, "hello", speculative=False)),
        (300, ReplyFailed(R1, "down")),
        (300, CloseTurn(T1, "failed")),
        (300, StartSay(R2, "Sorry.", "apology")),
        (900, TimerFired()),
        (900, StartSay(R3, "Are you still there?", "reprompt")),
    ]
    (turn,) = turns_of(*failed)
    assert turn.replies == {R1, R2}
    answered = [(ms, CloseTurn(T1, "answered") if isinstance(r, CloseTurn) else r) for ms, r in failed]
    (turn,) = turns_of(*answered)
    assert turn.replies == {R1}


def test_what_is_said_before_any_turn_belongs_to_none() -> None:
    (turn,) = turns_of(
        (10, StartSay(R1, "Good morning.", "greeting")),
        (20, PlayoutStarted(R1)),
        (900, CommitTurn(T1, "hello", R2)),
    )
    assert turn.replies == {R2}


def test_a_command_is_traced_to_the_event_it_answered() -> None:
    (turn,) = turns_of(
        (80, Transcribed("hello", final=False)),
        (100, TimerFired()),
        (100, CommitTurn(T1, "hello", R1)),
        (100, StartReply(R1, "hello", speculative=False)),
        (130, Finalize()),
        (200, StartPlayout(R1)),
    )
    (start,) = turn.all(StartReply)
    found = turn.trigger(start)
    assert found is not None
    assert (found.now, found.place, found.record) == (100 * MS, 2, TimerFired())
    # The event before was at another time: something is missing from the trace, and nothing is made up for it.
    (orphan,) = turn.all(Finalize)
    assert turn.trigger(orphan) is None


def test_a_command_before_every_event_has_no_trigger() -> None:
    (turn,) = split([Entry(5, CommitTurn(T1, "hello", R1))])
    assert turn.trigger(turn.commit) is None

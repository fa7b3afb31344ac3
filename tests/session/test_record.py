from __future__ import annotations

from hocket.agent.call import Call, TranscriptEntry
from hocket.clock import MS
from hocket.ids import CallId, ReplyId, TurnId
from hocket.session.record import call_record
from hocket.trace.records import TRACE_VERSION, Closed, Entry, Opened, Record
from hocket.turn.commands import AmendTurn, CloseTurn, CommitTurn, StartPlayout, StartReply, StartSay
from hocket.turn.events import (
    CallStarted,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    SpeechStarted,
    SpeechStopped,
)

EPOCH = 5_000 * MS
CALL = Call("test", caller="+4412345", parameters={"lang": "en"})


def at(*records: tuple[int, Record]) -> list[Entry]:
    """Milliseconds of the call, and what happened."""
    head = Opened(TRACE_VERSION, CallId("test"), "agent", "", "virtual", EPOCH, 16_000, 16_000, {})
    return [
        Entry(EPOCH, head),
        Entry(EPOCH, CallStarted()),
        *(Entry(EPOCH + ms * MS, record) for ms, record in records),
    ]


def spoken(start: int, end: int) -> list[tuple[int, Record]]:
    return [
        (start + 50, SpeechStarted(EPOCH + start * MS)),
        (end + 100, SpeechStopped(EPOCH + end * MS)),
    ]


def test_a_call_as_it_was_heard() -> None:
    one, two, three = ReplyId(1), ReplyId(2), ReplyId(3)
    record = call_record(
        at(
            (0, StartSay(one, "Hello.", "greeting")),
            (0, StartPlayout(one)),
            (10, PlayoutStarted(one)),
            (500, PlayoutFinished(one, "Hello.")),
            *spoken(1000, 1500),
            (1700, CommitTurn(TurnId(1), "are you open", two)),
            (1700, StartReply(two, "are you open", False)),
            (1800, StartPlayout(two)),
            (1850, PlayoutStarted(two)),
            (2500, PlayoutStopped(two, "Yes, from", "nine to five.")),
            (2500, CloseTurn(TurnId(1), "interrupted")),
            (2600, StartReply(three, "thanks", False)),
            (9000, Closed("The caller hung up.")),
        ),
        CALL,
        "clinic",
        "2026-01-01",
        "The caller hung up.",
    )
    assert record.transcript == (
        TranscriptEntry("agent", "Hello.", 10, kind="greeting"),
        TranscriptEntry("caller", "are you open", 1000),
        TranscriptEntry("agent", "Yes, from", 1850, interrupted=True, kind="reply"),
    )
    assert record.latencies_ms == (350.0,)
    assert (record.p50_ms, record.p95_ms) == (350.0, 350.0)
    assert record.duration_ms == 9000
    assert (record.call, record.agent, record.caller) == ("test", "clinic", "+4412345")
    assert record.reason == "The caller hung up."


def test_an_amended_turn_has_its_final_words_and_its_latency() -> None:
    """The reply that is heard is another one than the one the turn was committed with."""
    one, two = ReplyId(1), ReplyId(2)
    record = call_record(
        at(
            *spoken(1000, 1500),
            (1700, CommitTurn(TurnId(1), "a table for two", one)),
            (1700, StartReply(one, "a table for two", False)),
            (1750, AmendTurn(TurnId(1), "a table for ten")),
            (1750, StartReply(two, "a table for ten", False)),
            (1900, StartPlayout(two)),
            (1950, PlayoutStarted(two)),
            (2500, PlayoutFinished(two, "Ten it is.")),
            (2500, CloseTurn(TurnId(1), "answered")),
        ),
        CALL,
        "clinic",
        "",
        "over",
    )
    assert [entry.text for entry in record.transcript] == ["a table for ten", "Ten it is."]
    assert record.latencies_ms == (450.0,)


def test_a_withdrawn_turn_is_part_of_the_one_that_followed() -> None:
    record = call_record(
        at(
            *spoken(1000, 1500),
            (1700, CommitTurn(TurnId(1), "a table", ReplyId(1))),
            (1800, CloseTurn(TurnId(1), "withdrawn")),
            (2500, CommitTurn(TurnId(2), "a table for ten", ReplyId(2))),
        ),
        CALL,
        "clinic",
        "",
        "over",
    )
    assert [entry.text for entry in record.transcript] == ["a table for ten"]
    assert record.latencies_ms == ()


def test_a_call_that_never_began() -> None:
    record = call_record([], CALL, "clinic", "", "The line could not be opened.")
    assert record.duration_ms == 0
    assert record.transcript == ()
    assert record.p50_ms is None

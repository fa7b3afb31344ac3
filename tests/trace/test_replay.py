from __future__ import annotations

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.trace.records import Entry, Mark
from hocket.trace.replay import check, replay
from hocket.turn.commands import Command, EndCall, Finalize, ScoreTurn, StartSay
from hocket.turn.engine import TurnEngine
from hocket.turn.events import CallerLeft, CallStarted, Event, SpeechStarted, SpeechStopped, TimerFired, Transcribed


def recorded(*events: tuple[int, Event]) -> list[Entry]:
    """The trace of a real engine that is told these events, and its own deadlines."""
    engine = TurnEngine()
    entries: list[Entry] = []

    def tell(now: int, event: Event) -> None:
        entries.append(Entry(now, event))
        entries.extend(Entry(now, command) for command in engine.handle(now, event))

    for ms, event in events:
        while engine.deadline is not None and engine.deadline < ms * MS:
            tell(engine.deadline, TimerFired())
        tell(ms * MS, event)
        entries.append(Entry(ms * MS, Mark("vad", "ended")))
    return entries


CALL = recorded(
    (0, CallStarted()),
    (1000, SpeechStarted(950 * MS)),
    (2000, Transcribed("When do you open?", False)),
    (2100, SpeechStopped(2000 * MS)),
    (2260, Transcribed("When do you open?", True, True)),
    (9000, CallerLeft("hung up")),
)


def commands(entries: list[Entry]) -> list[Command]:
    return [entry.record for entry in entries if isinstance(entry.record, Command)]


def test_a_call_replays_to_the_same_commands() -> None:
    assert any(isinstance(command, Finalize) for command in commands(CALL))
    assert isinstance(commands(CALL)[-1], EndCall)
    assert replay(CALL, TurnEngine()) == commands(CALL)
    assert check(CALL, TurnEngine()) is None


def test_a_missing_command_is_named_with_its_place() -> None:
    place = next(n for n, entry in enumerate(CALL) if isinstance(entry.record, ScoreTurn))
    found = check(CALL[:place] + CALL[place + 1 :], TurnEngine())
    assert found is not None
    assert found.startswith("On TimerFired(), ")
    assert f"{CALL[place].now / MS:.3f} ms into the trace" in found
    assert found.endswith("and the engine gives ScoreTurn().")


def test_an_added_and_a_changed_command_are_named() -> None:
    more = [*CALL, Entry(CALL[-1].now, StartSay(ReplyId(9), "Bye.", "goodbye"))]
    found = check(more, TurnEngine())
    assert found is not None
    assert found.startswith("On CallerLeft(reason='hung up')")
    assert found.endswith("and the engine gives no (more) command.")
    changed = [Entry(e.now, EndCall("other")) if isinstance(e.record, EndCall) else e for e in CALL]
    assert "EndCall(reason='other') and the engine gives EndCall(reason='hung up')" in (
        check(changed, TurnEngine()) or ""
    )


def test_a_command_before_any_event_is_a_difference() -> None:
    found = check([Entry(5, EndCall("early")), *CALL], TurnEngine())
    assert found is not None
    assert found.startswith("Before the first event, 0.000 ms into the trace")


def test_an_empty_trace_replays_to_nothing() -> None:
    assert replay([], TurnEngine()) == []
    assert check([], TurnEngine()) is None

from __future__ import annotations

import pytest

from hocket.clock import MS
from hocket.observe.live import LiveView
from hocket.trace.records import Entry, Mark
from tests.observe.drawing import drawn
from tests.trace.golden_traces import golden
from tests.trace.make import TurnSpec, call, calm_call


def at(entries: list[Entry], ms: float, width: int = 100) -> str:
    view = LiveView()
    for entry in entries:
        if entry.now <= ms * MS:
            view.record(entry.now, entry.record)
    view.advance(round(ms * MS))
    return "\n".join(drawn(view, width))


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_it_is_always_equally_high_and_never_too_wide(width: int) -> None:
    entries = [*calm_call(3), *golden("barge_in"), *call(TurnSpec(text="word " * 99, heard="word " * 99))]
    view = LiveView()
    heights = set()
    for entry in entries:
        view.record(entry.now, entry.record)
        lines = drawn(view, width)
        heights.add(len(lines))
        assert max(len(line) for line in lines) <= width
    assert len(heights) == 1


def test_it_shows_who_speaks_and_the_words_as_they_come() -> None:
    trace = golden("cold")
    assert "caller ●" in at(trace, 1500)
    assert "when are you" in at(trace, 1900)
    assert "caller ○" in at(trace, 2150)
    assert "agent ○ listening" in at(trace, 2150)
    assert "agent ◌ thinking" in at(trace, 2400)
    assert "agent ● We open at nine." in at(trace, 2600)
    assert "agent We open at nine." in at(trace, 4000)


def test_the_words_of_a_reply_that_was_speculated_are_shown() -> None:
    assert "agent ● We open at nine." in at(golden("speculated"), 2300)


def test_an_agent_that_yields_is_seen_to_be_silent() -> None:
    trace = golden("barge_in")
    assert "agent ● Harbour Clinic, how can I help?" in at(trace, 100)
    assert "agent ◍ Harbour Clinic, how can I help?" in at(trace, 600)
    assert "agent ● Harbour Clinic, how can I help?" in at(trace, 900)
    assert "agent Harbour Clinic, how" in at(trace, 2600)
    assert "(withdrawn: the caller went on)" in at(trace, 2600)


def test_bars_grow_while_a_stage_works() -> None:
    trace = golden("cold")
    early, later, ended = at(trace, 2150), at(trace, 2340), at(trace, 2450)
    assert "150 ms" in line(early, "endpoint")
    assert "█" not in line(early, "llm")
    assert "69 ms" in line(later, "llm")
    assert "100 ms" in line(ended, "llm")
    assert "270 ms" in line(ended, "endpoint")


def line(text: str, name: str) -> str:
    return next(found for found in text.splitlines() if f" {name} " in found)


def test_the_last_turn_is_explained_as_soon_as_it_is_heard() -> None:
    shown = at(golden("cold"), 2520, 120)
    assert "last turn “when are you open”" in shown
    assert "vad 100 + silence 110 + confirm 60 + llm 101 + segment 36 + tts 100 + playout 8 = 515 ms" in shown
    assert "515 ms" in line(shown, "caller when")
    assert "last turn “are you open on sunday”" in at(golden("barge_in"), 4500)


def test_a_clock_that_goes_on_between_two_records_changes_nothing() -> None:
    """On a wall clock the mark of the first audible sample is microseconds older than the fact that follows it."""
    entries = [
        Entry(entry.now - 7_000, entry.record)
        if isinstance(entry.record, Mark) and entry.record.stage == "playout" and entry.record.step == "first"
        else entry
        for entry in golden("cold")
    ]
    assert "last turn “when are you open”" in at(entries, 2520, 120)


def test_a_view_that_was_told_nothing_can_be_drawn() -> None:
    assert "listening" in "\n".join(drawn(LiveView()))

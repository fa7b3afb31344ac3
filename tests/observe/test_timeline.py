from __future__ import annotations

import pytest

from hocket.observe.timeline import summary_table, turn_waterfall
from hocket.trace.latency import TurnTrace, turns
from tests.observe.drawing import drawn
from tests.trace.golden_traces import golden
from tests.trace.make import TurnSpec, call, calm_call


def lines_of(turn: TurnTrace, width: int = 100) -> dict[str, str]:
    # The sum at the end begins with a part's name too: the first line of a name is its bar.
    lines = [line for line in drawn(turn_waterfall(turn), width) if line.split()]
    return {line.split()[0]: line for line in reversed(lines)}


def test_every_stage_has_a_bar_where_it_was_and_its_milliseconds() -> None:
    (turn,) = turns(golden("cold"))
    lines = lines_of(turn)
    bars = {"vad", "silence", "confirm", "stt", "llm", "tts", "playout", "path"}
    assert {row for row in lines if "█" in lines[row]} == bars
    values = [lines[row].split("█")[-1].split("▌")[-1].strip() for row in ("vad", "silence", "confirm", "stt", "llm")]
    assert values == ["100 ms", "110 ms", "60 ms", "40 ms", "100 ms"]
    assert lines["llm"].index("█") > lines["vad"].rindex("█")


def test_the_path_is_written_out_as_a_sum() -> None:
    (turn,) = turns(golden("cold"))
    text = "\n".join(drawn(turn_waterfall(turn), 120))
    assert "vad 100 + silence 110 + confirm 60 + llm 101 + segment 36 + tts 100 + playout 8 = 515 ms" in text


def test_the_head_says_what_became_of_the_turn() -> None:
    (turn,) = turns(golden("speculated"))
    head, facts = drawn(turn_waterfall(turn))[:2]
    assert head.rstrip() == "turn 1  280 ms  “When are you open?”"
    assert facts.rstrip() == "answered · 10 ms after the commit · speculation hit, begun 230 ms before the commit"


def test_a_turn_that_was_not_measured_says_why() -> None:
    turn = turns(golden("barge_in"))[0]
    assert "withdrawn · not measured: no sound: the caller went on speaking" in "\n".join(drawn(turn_waterfall(turn)))


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    shown = [*turns(calm_call(12)), *turns(golden("barge_in")), *turns(call(TurnSpec(text="word " * 99)))]
    for turn in shown:
        assert max(len(line.rstrip()) for line in drawn(turn_waterfall(turn), width)) <= width
    assert max(len(line.rstrip()) for line in drawn(summary_table(shown), max(width, 60))) <= max(width, 60)


def test_the_summary_has_percentiles_and_says_what_it_leaves_out() -> None:
    text = "\n".join(drawn(summary_table([*turns(golden("cold")), *turns(golden("barge_in"))])))
    assert "response latency" in text
    assert "3 turns, 1 answered after more than 500 ms" in text
    assert "not measured: 1 × no sound: the caller went on speaking, the reply was withdrawn" in text


def test_a_summary_of_nothing() -> None:
    assert "0 turns" in "\n".join(drawn(summary_table([])))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.transports.playhead import Playhead

RATE = 8_000


def playing(seconds: float, began: float = 0.0) -> Playhead:
    playhead = Playhead(RATE)
    playhead.add(round(seconds * RATE), began)
    return playhead


def test_without_echoes_time_tells_what_has_sounded() -> None:
    playhead = playing(1.0)
    assert playhead.take_back(0.4) == round(0.6 * RATE)
    assert playhead.sent == round(0.4 * RATE)
    assert playhead.silent_at == 0.4


def test_all_has_sounded_when_its_time_is_over() -> None:
    playhead = playing(0.5)
    assert playhead.take_back(0.5) == 0
    assert playhead.sent == RATE // 2


def test_an_echo_is_certain_even_if_time_says_otherwise() -> None:
    playhead = playing(1.0)
    number = playhead.mark()
    assert playhead.echoed(number, 0.3)
    assert playhead.acknowledged == RATE
    assert playhead.take_back(0.4) == 0


def test_an_echo_stands_for_the_marks_before_it() -> None:
    playhead = playing(0.1)
    playhead.mark()
    playhead.add(RATE // 10, 0.1)
    assert playhead.unmarked == RATE // 10
    assert playhead.echoed(playhead.mark(), 0.25)
    assert playhead.acknowledged == RATE // 5
    assert not playhead.echoed(1, 0.26), "said before"


def test_echoes_of_what_was_taken_back_are_void() -> None:
    playhead = playing(1.0)
    old = playhead.mark()
    assert playhead.take_back(0.25) == round(0.75 * RATE)
    assert not playhead.echoed(old, 0.26)
    assert playhead.acknowledged == playhead.sent == RATE // 4
    playhead.add(RATE, 0.3)
    assert not playhead.echoed(old, 0.35)
    assert playhead.echoed(playhead.mark(), 1.35)


def test_marks_that_were_never_sent_say_nothing() -> None:
    playhead = playing(1.0)
    playhead.mark()
    assert not playhead.echoed(0, 0.1)
    assert not playhead.echoed(2, 0.1)


def test_late_echoes_put_the_player_behind_by_as_much_as_they_are_late() -> None:
    playhead = playing(0.5)
    assert playhead.echoed(playhead.mark(), 0.55)  # a round trip of 50 ms
    playhead.add(RATE, 0.6)
    first = playhead.mark()
    # Of the second that began at 0.6 nothing has come back at 1.9, which is 300 ms late; 250 ms more than the best.
    assert playhead.take_back(1.9) == 0
    playhead.add(RATE, 2.0)
    playhead.mark()
    playhead.add(RATE, 2.0)
    assert not playhead.echoed(first, 3.0)
    # The mark due at 3.0 is 300 ms late at 3.3: 250 ms behind, so 0.95 s of two have yet to sound.
    assert playhead.take_back(3.3) == round(0.95 * RATE)


def test_an_ordinary_lag_is_no_delay() -> None:
    playhead = playing(0.5)
    playhead.echoed(playhead.mark(), 0.7)
    playhead.add(RATE, 0.7)
    playhead.add(0, 0.7)
    playhead.echoed(playhead.mark(), 1.9)
    playhead.add(RATE, 1.9)
    assert playhead.take_back(2.4) == RATE // 2


def test_a_player_that_has_caught_up_is_no_longer_behind() -> None:
    playhead = playing(0.1)
    playhead.echoed(playhead.mark(), 0.11)
    playhead.add(RATE // 10, 0.2)
    playhead.echoed(playhead.mark(), 0.9)  # 600 ms late
    playhead.add(RATE, 2.0)
    assert playhead.take_back(2.5) == RATE // 2


@given(
    st.lists(st.tuples(st.sampled_from(["add", "mark", "echo", "clear"]), st.integers(0, 40)), max_size=60),
)
def test_acknowledged_never_passes_sent_nor_goes_back(actions: list[tuple[str, int]]) -> None:
    playhead = Playhead(RATE)
    now, before = 0.0, 0
    for action, value in actions:
        now += value / 100
        match action:
            case "add":
                playhead.add(value * 8, now)
            case "mark":
                playhead.mark()
            case "echo":
                playhead.echoed(value % 12, now)
            case _:
                sent = playhead.sent
                dropped = playhead.take_back(now)
                assert dropped >= 0
                assert playhead.sent == sent - dropped
        assert before <= playhead.acknowledged <= playhead.sent
        assert playhead.unmarked >= 0
        before = playhead.acknowledged


def test_marks_that_never_come_back_are_forgotten() -> None:
    playhead = Playhead(RATE)
    for second in range(1000):
        playhead.add(RATE, second)
        playhead.mark()
    assert not playhead.echoed(1, 1000.0)
    assert playhead.echoed(1000, 1000.0)
    assert playhead.acknowledged == 1000 * RATE
    assert playhead.take_back(1000.0) == pytest.approx(0)


def test_a_report_is_certain_and_the_rest_goes_by_time() -> None:
    playhead = Playhead(RATE, patience_s=0.15)
    for frame in range(50):
        playhead.add(RATE // 50, frame * 0.02)
        playhead.mark()
    assert playhead.reported(RATE // 2, 0.53)
    assert playhead.acknowledged == RATE // 2
    assert not playhead.reported(RATE // 2, 0.6)
    assert not playhead.reported(2 * RATE, 0.6)
    assert playhead.take_back(0.65) == round(0.35 * RATE)


def test_reports_that_are_late_put_the_player_behind() -> None:
    playhead = Playhead(RATE, patience_s=0.15)
    for frame in range(100):
        playhead.add(RATE // 50, frame * 0.02)
        playhead.mark()
    playhead.reported(RATE // 10 + 7, 0.1 + 7 / RATE + 0.03)
    playhead.reported(RATE, 1.23)  # 200 ms later than the first
    assert playhead.take_back(1.23) == pytest.approx(RATE * 0.97, abs=2)


def test_a_player_that_begins_anew_has_the_rest_before_it() -> None:
    playhead = playing(2.0)
    playhead.mark()
    playhead.restart(RATE, 5.0)
    assert playhead.acknowledged == RATE
    assert playhead.silent_at == 6.0
    assert playhead.take_back(5.0) == RATE
    playhead.restart(RATE, 7.0)
    assert playhead.take_back(7.0) == 0

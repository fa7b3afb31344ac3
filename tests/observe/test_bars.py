from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from hocket.clock import MS
from hocket.observe.bars import Axis, Stroke, bar, milliseconds, plain, scale

AXIS = Axis(0, 100 * MS, 10)


def test_a_stroke_covers_its_part_of_the_axis_to_half_a_cell() -> None:
    assert bar(AXIS, [Stroke(20 * MS, 50 * MS, "red")]).plain == "  ███     "
    assert bar(AXIS, [Stroke(25 * MS, 45 * MS, "red")]).plain == "  ▐█▌     "


def test_two_strokes_in_one_cell_share_it() -> None:
    line = bar(AXIS, [Stroke(0, 25 * MS, "red"), Stroke(25 * MS, 60 * MS, "blue")])
    assert line.plain == "██▌███    "
    assert any(str(span.style) == "red on blue" for span in line.spans)


def test_what_is_outside_is_cut_off_and_what_is_short_stays_visible() -> None:
    assert bar(AXIS, [Stroke(-50 * MS, 10 * MS, "red"), Stroke(90 * MS, 500 * MS, "red")]).plain == "█        █"
    assert bar(AXIS, [Stroke(200 * MS, 300 * MS, "red"), Stroke(-9 * MS, -1, "red")]).plain == " " * 10
    assert bar(AXIS, [Stroke(50 * MS, 50 * MS, "red")]).plain == "     ▌    "


@given(
    st.integers(1, 200),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.lists(st.tuples(st.integers(-(10**12), 10**13), st.integers(0, 10**13))),
)
def test_a_bar_and_its_scale_are_always_as_wide_as_the_axis(
    width: int, start: int, span: int, times: list[tuple[int, int]]
) -> None:
    axis = Axis(start, start + span, width)
    assert len(bar(axis, [Stroke(at, at + length, "red") for at, length in times])) == width
    assert len(scale(axis, start)) == width


def test_the_scale_is_labelled_from_its_zero() -> None:
    assert scale(Axis(0, 400 * MS, 40), 0).plain.split() == ["0", "100", "200", "300"]


def test_milliseconds() -> None:
    assert [milliseconds(value) for value in (None, 0, 411_600_000, 12_345 * MS)] == ["–", "0 ms", "412 ms", "12.3 s"]


def test_words_cannot_command_the_terminal() -> None:
    assert plain("a\x1b[31mb\r\nc\x07") == "a [31mb  c "

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.providers.dialogue.utterance import TENS, UNITS, number_said_alone, understand


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("six", [6]),
        ("we are twenty five people", [25]),
        ("a hundred and twelve", [112]),
        ("three hundred", [300]),
        ("a couple of us", [2]),
        ("half a dozen", [6]),
        ("a dozen", [12]),
        ("12 adults and 3 kids", [12, 3]),
        ("one two three", [1, 2, 3]),
        ("that one please", []),
        ("no one", []),
        ("one of us", [1]),
        ("", []),
    ],
)
def test_numbers(text: str, numbers: list[int]) -> None:
    assert [number.value for number in understand(text).numbers] == numbers


@given(st.integers(1, 99))
def test_every_number_word_is_understood(number: int) -> None:
    names = {value: name for name, value in (UNITS | TENS).items()}
    said = names.get(number) or f"{names[number // 10 * 10]} {names[number % 10]}"
    assert [found.value for found in understand(f"we are {said} people").numbers] == [number]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("tomorrow please", ["tomorrow"]),
        ("tonight", ["today"]),
        ("the day after tomorrow", ["the day after tomorrow"]),
        ("on next saturday", ["next Saturday"]),
        ("friday or this weekend", ["Friday", "this weekend"]),
        ("the twenty first of may", ["the twenty first of May"]),
        ("june 5th", ["June 5th"]),
        ("we may come", []),
    ],
)
def test_days(text: str, days: list[str]) -> None:
    assert [day.value for day in understand(text).days] == days


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("at ten", ["ten"]),
        ("half past two", ["half past two"]),
        ("three thirty in the afternoon", ["three thirty in the afternoon"]),
        ("10:30", ["10 30"]),
        ("9am or noon", ["9am", "noon"]),
        ("five o'clock", ["five o'clock"]),
        ("at six people", []),
        ("six people", []),
    ],
)
def test_times(text: str, times: list[str]) -> None:
    assert [time.value for time in understand(text).times] == times


def test_a_number_belongs_to_one_thing_only() -> None:
    said = understand("six people on the fifth of may at ten")
    assert [number.value for number in said.numbers] == [6]


@pytest.mark.parametrize(
    ("text", "number"),
    [("six", 6), ("to", 2), ("for people", 4), ("sicks please", 6), ("for saturday", None), ("well", None), ("", None)],
)
def test_a_number_said_alone_may_be_heard_as_another_word(text: str, number: int | None) -> None:
    assert number_said_alone(understand(text)) == number


def test_digits_are_the_longest_run() -> None:
    assert understand("my number is one two oh four for two weeks").digits == "1204"
    assert understand("no digits").digits == ""


@given(st.text(max_size=200))
def test_anything_can_be_said(text: str) -> None:
    said = understand(text)
    for value in (*said.numbers, *said.days, *said.times):
        assert 0 <= value.start < value.end <= len(said.words)

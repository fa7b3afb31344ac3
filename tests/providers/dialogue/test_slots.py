from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from hocket.agent.tools import Tool
from hocket.providers.dialogue.slots import answer, fill, parameters, question_for
from hocket.providers.dialogue.utterance import understand
from hocket.stages.llm import ToolSpec


def table(
    people: int,
    day: str,
    name: str,
    children: int = 0,
    place: Literal["inside", "roof terrace", "front terrace"] = "inside",
    time: str | None = None,
) -> None:
    """Reserve a table."""


def parcel(tracking_number: str, insured: bool, contents: list[str], floor: Literal[1, 2] = 1) -> None:
    """Track a parcel."""


def wine(colour: Annotated[str, msgspec.Meta(description="Red or white?")], extra: dict[str, int]) -> None:
    """Order wine."""


def spec(function: Any) -> ToolSpec:
    return Tool(function).spec


def test_parameters_are_what_their_types_and_names_say() -> None:
    kinds = {
        parameter.name: parameter.kind for function in (table, parcel, wine) for parameter in parameters(spec(function))
    }
    assert kinds == {
        "people": "number", "day": "day", "name": "text", "children": "number", "place": "choice", "time": "time",
        "tracking_number": "digits", "insured": "yes_no", "contents": "list", "floor": "choice", "colour": "text",
        "extra": "other",
    }  # fmt: skip


def test_questions_are_short() -> None:
    asked = [question_for(parameter) for function in (table, parcel, wine) for parameter in parameters(spec(function))]
    assert asked == [
        "How many people?",
        "For which day?",
        "What is the name?",
        "How many children?",
        "Which place: front terrace, inside or roof terrace?",
        "At what time?",
        "What is the tracking number?",
        "Insured, yes or no?",
        "What is the contents?",
        "Which floor: 1 or 2?",
        "Red or white?",
        "What is the extra?",
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a table for six tomorrow at half past seven", {"people": 6, "day": "tomorrow", "time": "half past seven"}),
        ("two children and four people on friday", {"people": 4, "children": 2, "day": "Friday"}),
        ("my name is anna miller and we are five", {"people": 5, "name": "anna miller"}),
        ("it is for Anna Miller, on Sunday", {"day": "Sunday", "name": "Anna Miller"}),
        ("on the roof terrace please", {"place": "roof terrace"}),
        ("on the terrace please", {}),
        ("on the roof", {"place": "roof terrace"}),
        ("two big tables", {}),
        ("hello", {}),
    ],
)
def test_values_are_found_in_free_speech(text: str, values: dict[str, Any]) -> None:
    assert fill(spec(table), understand(text)) == values


def test_a_choice_of_numbers_needs_its_name_beside_it() -> None:
    assert fill(spec(parcel), understand("parcel one two three four, floor two"))["floor"] == 2
    assert "floor" not in fill(spec(parcel), understand("parcel one two three four"))


@pytest.mark.parametrize(
    ("function", "name", "text", "value"),
    [
        (table, "people", "six", 6),
        (table, "people", "um, I think for", 4),
        (table, "people", "no idea", None),
        (table, "day", "on saturday please", "Saturday"),
        (table, "day", "soon", None),
        (table, "name", "it's Anna Miller, thanks", "Anna Miller"),
        (table, "name", "what do you need that for", None),
        (table, "place", "the roof one", "roof terrace"),
        (table, "place", "inseid", "inside"),
        (table, "time", "ten", "ten"),
        (table, "time", "at noon", "noon"),
        (parcel, "tracking_number", "it is one two double u", "12"),
        (parcel, "insured", "yes please", True),
        (parcel, "insured", "nope", False),
        (parcel, "insured", "what", None),
        (parcel, "contents", "books and a lamp", ["books", "a lamp"]),
        (parcel, "floor", "two", 2),
        (parcel, "floor", "three", None),
        (wine, "extra", "a lot", None),
    ],
)
def test_short_answers_are_understood(function: Any, name: str, text: str, value: object) -> None:
    parameter = next(parameter for parameter in parameters(spec(function)) if parameter.name == name)
    assert answer(parameter, understand(text)) == value

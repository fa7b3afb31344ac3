from __future__ import annotations

import pytest

from hocket.providers.dialogue.intents import wanted_tool
from hocket.providers.dialogue.utterance import understand
from hocket.stages.llm import ToolSpec

TOOLS = (
    ToolSpec("book_table", "Book a table. Use it for reservations.", {"properties": {"people": {}}}),
    ToolSpec("order_status", "Where an order is: the state of a delivery.", {}),
    ToolSpec("tide", "The tide: high and low water.", {"properties": {"place": {"enum": ["harbour", "beach"]}}}),
)


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("i'd like to book a table for six tomorrow", "book_table"),
        ("book", "book_table"),
        ("could i make a reservation for the table outside", "book_table"),
        ("what is the status of my order", "order_status"),
        ("where is my delivery order", "order_status"),
        ("when is high water at the beach", "tide"),
        ("how is the tide", "tide"),
        ("do i need to book far in advance", None),
        ("what kinds of tables do you build", None),
        ("low prices", None),
        ("six", None),
        ("", None),
    ],
)
def test_the_tool_that_fits_the_words_is_wanted(text: str, tool: str | None) -> None:
    found = wanted_tool(understand(text), TOOLS)
    assert (found.tool.name if found else None) == tool


def test_a_misheard_name_is_recognised() -> None:
    found = wanted_tool(understand("what is the statis of my oder"), TOOLS)
    assert found
    assert found.tool.name == "order_status"


def test_without_tools_none_is_wanted() -> None:
    assert wanted_tool(understand("book a table"), ()) is None

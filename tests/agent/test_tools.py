from __future__ import annotations

import asyncio
import threading
from typing import Annotated, Any, Literal

import msgspec
import pytest

from hocket.agent.call import Call
from hocket.agent.tools import RESULT_LIMIT, Tool, end_call_tool
from hocket.errors import AgentError, ToolError
from hocket.sim.loop import run


def book(
    people: int,
    day: Literal["today", "tomorrow"] = "today",
    names: list[str] = [],  # noqa: B006
    note: str | None = None,
) -> dict[str, Any]:
    """Book boats."""
    names.append("booked")
    return {"people": people, "day": day, "names": names, "note": note}


async def whoami(call: Call, loud: bool = False) -> str:
    """Who is calling."""
    return call.caller.upper() if loud else call.caller


def test_the_schema_comes_from_the_annotations() -> None:
    spec = Tool(book).spec
    assert (spec.name, spec.description) == ("book", "Book boats.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "people": {"type": "integer"},
            "day": {"enum": ["today", "tomorrow"], "default": "today"},
            "names": {"type": "array", "items": {"type": "string"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["people"],
        "additionalProperties": False,
    }


def test_a_parameter_for_the_call_is_not_shown_to_the_model() -> None:
    tool = Tool(whoami)
    properties = tool.spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == ["loud"]
    assert run(tool.run(Call("1", caller="ann"), '{"loud": true}')) == "ANN"


def test_nested_structs_keep_their_definitions() -> None:
    class Boat(msgspec.Struct):
        seats: Annotated[int, msgspec.Meta(ge=1)]

    def rent(boat: Any) -> int:
        """Rent a boat."""
        return int(boat.seats)

    rent.__annotations__["boat"] = Boat
    tool = Tool(rent)
    assert "Boat" in tool.spec.parameters["$defs"]  # type: ignore[operator]
    assert run(tool.run(Call("1"), '{"boat": {"seats": 2}}')) == "2"


def test_results_are_text_or_json_and_defaults_are_not_shared() -> None:
    tool = Tool(book)
    expected = '{"people":6,"day":"today","names":["booked"],"note":null}'
    assert run(tool.run(Call("1"), '{"people": "6"}')) == expected
    assert run(tool.run(Call("1"), '{"people": 6}')) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{}", "missing required field `people`"),
        ('{"people": "many"}', "`int`"),
        ('{"people": 2, "day": "never"}', "Invalid enum value"),
        ('{"people": 2, "dya": "today"}', "unknown field `dya`"),
        ('{"people": 2', "truncated"),
        ("[1]", "object"),
    ],
)
def test_wrong_arguments_tell_the_model_what_was_wrong(arguments: str, words: str) -> None:
    with pytest.raises(ToolError, match=words) as caught:
        run(Tool(book).run(Call("1"), arguments))
    assert str(caught.value).startswith("Wrong arguments for book: ")
    assert not caught.value.retryable


def test_a_function_that_raises_is_a_tool_error() -> None:
    def lookup() -> str:
        """Look up."""
        raise KeyError("fee")

    with pytest.raises(ToolError, match="lookup failed with KeyError: 'fee'"):
        run(Tool(lookup).run(Call("1"), ""))


def test_a_time_out_of_its_own_is_not_the_deadline() -> None:
    async def lookup() -> str:
        """Look up."""
        raise TimeoutError("the database")

    with pytest.raises(ToolError, match="failed with TimeoutError: the database"):
        run(Tool(lookup).run(Call("1"), "{}"))


def test_a_tool_that_never_returns_is_given_up() -> None:
    async def wait() -> None:
        """Wait."""
        await asyncio.Event().wait()

    with pytest.raises(ToolError, match=r"wait did not answer within 2\.5 seconds"):
        run(Tool(wait, deadline_s=2.5).run(Call("1"), "{}"))


def test_a_plain_function_that_never_returns_does_not_block_the_loop_or_its_end() -> None:
    release = threading.Event()

    def wait() -> None:
        """Wait."""
        release.wait(60)

    with pytest.raises(ToolError, match="did not answer"):
        asyncio.run(Tool(wait, deadline_s=0.05).run(Call("1"), "{}"))
    release.set()


def test_cancelling_a_tool_cancels_its_function() -> None:
    cancelled: list[bool] = []

    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def scenario() -> None:
        task = asyncio.create_task(Tool(wait).run(Call("1"), "{}"))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
    assert cancelled == [True]


def test_long_results_are_cut_between_characters() -> None:
    def text() -> str:
        """Text."""
        return "é" * RESULT_LIMIT

    result = run(Tool(text).run(Call("1"), "{}"))
    assert result.endswith("é (the rest is left out)")
    assert len(result.encode()) <= RESULT_LIMIT + 30


def test_no_result_is_done_and_an_unspeakable_one_is_an_error() -> None:
    def nothing() -> None:
        """Nothing."""

    def thing() -> object:
        """Thing."""
        return object()

    assert run(Tool(nothing).run(Call("1"), "{}")) == "Done."
    with pytest.raises(ToolError, match="thing returned a object that cannot be written as JSON"):
        run(Tool(thing).run(Call("1"), "{}"))


def undocumented(day: str) -> None: ...


def untyped(day) -> None:  # type: ignore[no-untyped-def]
    """Untyped."""


def star(*days: str) -> None:
    """Star."""


def unserialisable(what: asyncio.Event) -> None:
    """Unserialisable."""


def unresolved(what: NotImportedAnywhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Unresolved."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (undocumented, "undocumented has no docstring"),
        (untyped, 'Parameter "day" of tool untyped has no type'),
        (star, "has no name for the model"),
        (unserialisable, "JSON cannot carry"),
        (unresolved, "annotations of tool unresolved cannot be read"),
        (lambda: None, "plain name"),
    ],
)
def test_a_function_the_model_could_not_use_is_refused(function: Any, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        Tool(function)


def test_a_deadline_of_nothing_is_refused() -> None:
    with pytest.raises(AgentError, match="more than 0"):
        Tool(book, deadline_s=0)


def test_end_call_ends_the_call() -> None:
    ended: list[tuple[str, str | None]] = []

    class Line:
        def say(self, text: str, interruptible: bool) -> None: ...

        def end(self, reason: str, goodbye: str | None) -> None:
            ended.append((reason, goodbye))

        def spawn(self, work: Any) -> None: ...

    run(end_call_tool().run(Call("1", line=Line()), "{}"))
    assert ended == [("agent", None)]

"""What the agent asked last, read back from the history by the very sentences it asks with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from hocket.knowledge.words import sentences, tokens
from hocket.providers.dialogue.intents import wanted_tool
from hocket.providers.dialogue.phrasing import action_phrase
from hocket.providers.dialogue.slots import Parameter, answer, fill, parameters, question_for
from hocket.providers.dialogue.utterance import understand
from hocket.stages.llm import Message, ToolSpec

ANYTHING_ELSE = "Is there anything else I can help you with?"


class Question(msgspec.Struct, frozen=True):
    """A tool's parameter was asked for."""

    tool: ToolSpec
    parameter: Parameter
    known: dict[str, Any]
    """Parameters the caller has given before."""
    times: int
    """How often this was asked, without a break."""


class Offer(msgspec.Struct, frozen=True):
    """A tool was offered."""

    tool: ToolSpec


class Closing(msgspec.Struct, frozen=True):
    """Whether there is anything else was asked."""


Pending: TypeAlias = Question | Offer | Closing


def offer_of(tool: ToolSpec) -> str:
    """The sentence that offers a tool."""
    return f"Shall I {action_phrase(tool)}?"


def asked_again(question: str) -> str:
    """The question, for a caller whose answer was not understood."""
    return f"Sorry, {question[0].lower()}{question[1:]}"


def pending(messages: Sequence[Message], tools: Iterable[ToolSpec]) -> Pending | None:
    """What the caller's last words, which end the messages, may be an answer to."""
    turns = list(_turns(messages))
    last = next((at for at in range(len(turns) - 1, -1, -1) if turns[at][0] == "assistant"), None)
    if last is None:
        return None
    text = turns[last][1]
    questions = [
        question
        for tool in tools
        for parameter in parameters(tool)
        if (question := _read(turns, last, tool, parameter))
    ]
    if questions:
        return max(questions, key=lambda question: _meant(turns[:last], question.tool))
    for tool in tools:
        if _ends_with(text, offer_of(tool)):
            return Offer(tool)
    return Closing() if _ends_with(text, ANYTHING_ELSE) else None


def _turns(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    for message in messages:
        if message.role != "tool" and message.content.strip():
            yield message.role, message.content


def _read(turns: list[tuple[str, str]], last: int, tool: ToolSpec, parameter: Parameter) -> Question | None:
    """The question, if the turn at `last` asks for this parameter, with all that was given since the wish was said."""
    if not _ends_with(turns[last][1], question_for(parameter)):
        return None
    known: dict[str, Any] = {}
    times, heard = 1, ""
    for role, text in reversed([("assistant", ""), *turns[:last]]):
        if role == "user":
            heard = text
            continue
        given = understand(heard)
        asked = next((other for other in parameters(tool) if _ends_with(text, question_for(other))), None)
        value = answer(asked, given) if asked else None
        direct = {asked.name: value} if asked and value is not None else {}
        known = fill(tool, given) | direct | known  # what was said later counts
        if asked is None:
            break
        times += asked == parameter
    return Question(tool, parameter, known, times)


def _meant(turns: list[tuple[str, str]], tool: ToolSpec) -> float:
    """How well a tool fits what was said last about any: of two tools that ask the same, the better fit is meant."""
    for role, text in reversed(turns):
        if role == "user" and (wanted := wanted_tool(understand(text), [tool])):
            return wanted.score
        if role == "assistant" and _ends_with(text, offer_of(tool)):
            return 1.0
    return 0.0


def _ends_with(text: str, question: str) -> bool:
    """Whether the text ends with the question, or broke off in it after two words."""
    wanted = tokens(question)
    if tokens(text)[-len(wanted) :] == wanted:
        return True
    *_, final = sentences(text) or [""]
    begun = tokens(final)
    if begun[:1] == ["sorry"]:
        begun = begun[1:]
    return len(begun) >= 2 and begun == wanted[: len(begun)]

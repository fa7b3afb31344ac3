"""Language model: a request in, a stream of text and tool calls out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal, Protocol, TypeAlias

import msgspec


class ToolCall(msgspec.Struct, frozen=True, tag=True):
    """The model asks for a tool."""

    id: str
    name: str
    arguments: str
    """A JSON object."""


class Message(msgspec.Struct, frozen=True):
    """One entry of the conversation."""

    role: Literal["user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message."""
    tool_call_id: str = ""
    """Of a tool's message: the call it answers."""


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it."""

    name: str
    description: str
    parameters: dict[str, object]
    """A JSON schema of type object."""


class Passage(msgspec.Struct, frozen=True):
    """A piece of the agent's knowledge that may answer the caller."""

    text: str
    source: str
    """Where it comes from, such as `prices.md#Opening hours`."""
    score: float
    """Higher is closer; only comparable within one retrieval."""


class LlmRequest(msgspec.Struct, frozen=True):
    """Everything a model is told for one reply. The stable part comes first, so that it can be cached."""

    instructions: str
    messages: tuple[Message, ...]
    """The last one is the caller's, or a tool's result."""
    tools: tuple[ToolSpec, ...] = ()
    passages: tuple[Passage, ...] = ()
    max_tokens: int = 200
    language: str = "en"


class TextDelta(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Some more text of the reply; a token or a few."""

    text: str


class Usage(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What the request cost, in tokens; sent last by providers that know."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int


LlmDelta: TypeAlias = TextDelta | ToolCall | Usage


class Llm(Protocol):
    """A language model."""

    name: str

    def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply. Closing the generator cancels the request. Raises `LlmError`."""
        ...

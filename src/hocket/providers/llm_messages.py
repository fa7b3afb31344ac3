"""What vendors have in common: what a request says before it is in their words, and what a tool call has to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hocket.errors import LlmError
from hocket.stages.llm import LlmRequest, Message, Passage, ToolCall


def told(request: LlmRequest) -> tuple[Message, ...]:
    """The conversation as a model is told it: the passages stand with the caller's last words, empty messages are out.

    The passages come so late because everything before the caller's last words is the same as in the request before,
    so that a vendor can take it from its cache. They stand in the caller's message because models that are served with
    a chat template often take no second system message.
    """
    messages = [
        message
        for message in _answered(request.messages)
        if message.content.strip() or message.tool_calls or message.tool_call_id
    ]
    if request.passages:
        last = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
        said = "" if last is None else messages[last].content
        together = Message("user", with_passages(said, request.passages))
        if last is None:
            messages.append(together)
        else:
            messages[last] = together
    return with_wire_ids(messages)


def with_passages(said: str, passages: Sequence[Passage]) -> str:
    """The caller's words after the passages that may answer them."""
    sources = "\n\n".join(f"[{passage.source}]\n{passage.text.strip()}" for passage in passages)
    return f"Passages that may help to answer:\n\n{sources}\n\nThe caller says:\n{said}".rstrip()


def with_wire_ids(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Every tool call renamed, in order: call00001, call00002 …

    Ids of the session have characters that Anthropic refuses; Mistral takes exactly nine letters and digits.
    """
    names: dict[str, str] = {}
    renamed = []
    for message in messages:
        for call in message.tool_calls:
            names[call.id] = f"call{len(names) + 1:05d}"
        calls = tuple(ToolCall(names[call.id], call.name, call.arguments) for call in message.tool_calls)
        renamed.append(Message(message.role, message.content, calls, names.get(message.tool_call_id, "")))
    return tuple(renamed)


def tool_call(vendor: str, id: str, name: str, arguments: str) -> ToolCall:
    """A complete tool call. Raises `LlmError` when the arguments are no JSON object."""
    text = arguments.strip() or "{}"
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise LlmError(
            f'{vendor} asked for the tool "{name}" with arguments that are no JSON object; they may have been cut off '
            "by max_tokens."
        ) from None
    return ToolCall(id, name, text)


def _answered(messages: Sequence[Message]) -> list[Message]:
    """The messages without tool calls that have no result and results that have no call: every vendor refuses both."""
    results = {message.tool_call_id for message in messages if message.role == "tool"}
    kept: list[Message] = []
    asked: set[str] = set()
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id in asked:
                kept.append(message)
            continue
        calls = tuple(call for call in message.tool_calls if call.id in results)
        asked |= {call.id for call in calls}
        kept.append(Message(message.role, message.content, calls))
    return kept

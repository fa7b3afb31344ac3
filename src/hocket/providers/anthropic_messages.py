"""Anthropic's Messages API: a request in its words, and its events put together to text, tool calls and usage.

Source: the types of anthropic 2.11 (`RawMessageStreamEvent`, `MessageCreateParams`) and the pages on prompt caching and
streaming at platform.claude.com.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from hocket.errors import LlmError
from hocket.providers.llm_errors import broken_off, malformed
from hocket.providers.llm_messages import told, tool_call
from hocket.providers.server_events import ServerEvent
from hocket.stages.llm import LlmDelta, LlmRequest, Message, TextDelta, ToolCall, Usage

CACHED: Final = {"cache_control": {"type": "ephemeral"}}
BEGINNING: Final = "(The caller is on the line.)"
"""Stands for the caller where the agent spoke first: this API wants a conversation that the user begins."""

PASSING: Final = ("api_error", "overloaded_error", "rate_limit_error", "timeout_error")
"""Kinds of errors after which trying again may help."""


def body_of(request: LlmRequest, model: str) -> dict[str, Any]:
    """The request. Tools and instructions are marked for the cache: they come first and stay the same all call long."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens,
        "stream": True,
        "messages": _conversation(told(request)),
    }
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in request.tools
    ]
    if request.instructions.strip():
        # The mark covers everything before it too, which is the tools.
        body["system"] = [{"type": "text", "text": request.instructions, **CACHED}]
    elif tools:
        tools[-1] = {**tools[-1], **CACHED}
    if tools:
        body["tools"] = tools
    return body


def _conversation(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages in turns: everything one party says in a row is one message, and tools answer as the user."""
    turns: list[dict[str, Any]] = []
    if not messages or messages[0].role == "assistant":
        turns.append({"role": "user", "content": [{"type": "text", "text": BEGINNING}]})
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += _blocks(message)
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content or "(nothing)"}]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    return [*text, *(_tool_use(call) for call in message.tool_calls)]


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call.arguments)}


def _arguments(text: str) -> Mapping[str, Any]:
    """What the history says a tool was called with; a model's broken JSON must not end every request after it."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        return {"unreadable": text}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""
    input: dict[str, Any] | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


_event: Final = msgspec.json.Decoder(_Event)


class MessageReader:
    """Feed it one response's events, take deltas."""

    def __init__(self, vendor: str) -> None:
        self.ended = False
        """Whether the event that every message ends with has come."""
        self._vendor = vendor
        self._tool: _Block | None = None
        self._written: list[str] = []
        self._usage = _Usage()
        self._reason = ""
        self._wrote = False
        self._finished = False

    @property
    def complete(self) -> bool:
        """Whether the model has said why its message ends; only the usage may still come."""
        return bool(self._reason)

    def feed(self, event: ServerEvent) -> Iterator[LlmDelta]:
        """What this event says. Raises `LlmError` where it is an error, or nothing that can be read."""
        try:
            read = _event.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise malformed(self._vendor) from None
        match read.type:
            case "message_start" if read.message is not None:
                self._count(read.message.usage)
            case "content_block_start" if read.content_block is not None:
                yield from self._begin(read.content_block)
            case "content_block_delta" if read.delta is not None:
                yield from self._add(read.delta)
            case "content_block_stop":
                yield from self._end_tool()
            case "message_delta":
                self._count(read.usage)
                self._reason = (read.delta and read.delta.stop_reason) or self._reason
            case "message_stop":
                self.ended = True
                yield from self.finish()
            case "error":
                raise self._failed(event.data)
            # Pings, and whatever comes to this API later, say nothing to a caller.

    def finish(self) -> Iterator[LlmDelta]:
        """The usage; nothing the second time. Raises `LlmError` for a message that was broken off or refused."""
        if self._finished:
            return
        self._finished = True
        if not self.complete and not self.ended:
            raise broken_off(self._vendor)
        if self._reason == "refusal" and not self._wrote:
            raise LlmError(f"{self._vendor} refused to answer: its safety filter was triggered.", retryable=False)
        usage = self._usage
        cached = usage.cache_read_input_tokens or 0
        read = (usage.input_tokens or 0) + (usage.cache_creation_input_tokens or 0) + cached
        yield Usage(read, cached, usage.output_tokens or 0)

    def _begin(self, block: _Block) -> Iterator[TextDelta]:
        if block.type == "tool_use":
            self._tool, self._written = block, []
        elif block.type == "text" and block.text:
            self._wrote = True
            yield TextDelta(block.text)

    def _add(self, delta: _Delta) -> Iterator[TextDelta]:
        if delta.type == "text_delta" and delta.text:
            self._wrote = True
            yield TextDelta(delta.text)
        elif delta.type == "input_json_delta":
            self._written.append(delta.partial_json)

    def _end_tool(self) -> Iterator[ToolCall]:
        tool, self._tool = self._tool, None
        if tool is not None:
            self._wrote = True
            whole = msgspec.json.encode(tool.input or {}).decode()
            yield tool_call(self._vendor, tool.id, tool.name, "".join(self._written) or whole)

    def _count(self, usage: _Usage | None) -> None:
        # Counts are totals so far, and those that are left out stay as they were.
        for name in _Usage.__struct_fields__ if usage is not None else ():
            if (count := getattr(usage, name)) is not None:
                setattr(self._usage, name, count)

    def _failed(self, data: bytes) -> LlmError:
        error = msgspec.json.decode(data).get("error")
        kind, said = (error.get("type", ""), error.get("message", "")) if isinstance(error, dict) else ("", "")
        words = f' It says: "{str(said)[:300]}"' if said else ""
        return LlmError(f"{self._vendor} failed in the middle of a reply.{words}", retryable=kind in PASSING)

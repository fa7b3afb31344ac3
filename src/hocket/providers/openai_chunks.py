"""The chunks of an OpenAI-compatible stream, put together to text, tool calls and usage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hocket.errors import LlmError
from hocket.providers.llm_errors import NO_CREDIT, broken_off, malformed, vendor_says
from hocket.providers.llm_messages import tool_call
from hocket.providers.server_events import ServerEvent
from hocket.stages.llm import LlmDelta, TextDelta, ToolCall, Usage


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _CallPart(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    """A text; a list of parts where a model thinks aloud, which is not for the caller."""
    tool_calls: list[_CallPart] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for cached tokens."""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    object: str | None = None


class _Call:
    """A tool call that is being written."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self, id: str) -> None:
        self.id = id
        self.name = ""
        self.arguments: list[str] = []


DONE: Final = b"[DONE]"
_chunk: Final = msgspec.json.Decoder(_Chunk)


class ChunkReader:
    """Feed it one response's events, take deltas; `finish` gives what comes last. `vendor` is for errors."""

    def __init__(self, vendor: str) -> None:
        self.ended = False
        """Whether the mark that every stream of this API ends with has come."""
        self._vendor = vendor
        self._call: _Call | None = None
        self._index: int | None = None
        self._made = 0
        self._usage: _Usage | None = None
        self._wrote = False
        self._reason = ""
        self._finished = False

    @property
    def complete(self) -> bool:
        """Whether the model has said that its reply ends here; only the usage may still come."""
        return bool(self._reason)

    def feed(self, event: ServerEvent) -> Iterator[LlmDelta]:
        """What this event says. Raises `LlmError` where it is an error, or nothing that can be read."""
        if event.data == DONE:
            self.ended = True
            self._reason = self._reason or "stop"
            yield from self.finish()
            return
        try:
            chunk = _chunk.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise malformed(self._vendor) from None
        if chunk.error is not None or chunk.object == "error" or event.kind == "error":
            raise self._failed(event.data)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.delta is not None:
                yield from self._read(choice.delta)
            if choice.finish_reason:
                yield from self._end_call()
                self._reason = choice.finish_reason

    def finish(self) -> Iterator[LlmDelta]:
        """What comes last; nothing the second time. Raises `LlmError` for a reply that was broken off or refused."""
        if self._finished:
            return
        self._finished = True
        if not self.complete:
            raise broken_off(self._vendor)
        yield from self._end_call()
        if self._reason == "content_filter" and not self._wrote:
            raise LlmError(f"{self._vendor} refused to answer: its content filter was triggered.", retryable=False)
        if (usage := self._usage) is not None:
            details = usage.prompt_tokens_details
            cached = (details and details.cached_tokens) or usage.prompt_cache_hit_tokens or 0
            yield Usage(usage.prompt_tokens or 0, cached, usage.completion_tokens or 0)

    def _read(self, delta: _Delta) -> Iterator[LlmDelta]:
        if isinstance(delta.content, str) and delta.content:
            self._wrote = True
            yield TextDelta(delta.content)
        for part in delta.tool_calls or ():
            yield from self._add(part)

    def _add(self, part: _CallPart) -> Iterator[ToolCall]:
        # Some servers give every call the index 0, or none: then a further id begins a further call.
        another = self._call is None or part.index != self._index or bool(part.id and part.id != self._call.id)
        if another:
            yield from self._end_call()
            self._made += 1
            self._call = _Call(part.id or f"call{self._made}")
            self._index = part.index
        assert self._call is not None
        if part.function is not None:
            self._call.name += part.function.name or ""
            self._call.arguments.append(part.function.arguments or "")

    def _end_call(self) -> Iterator[ToolCall]:
        call, self._call = self._call, None
        if call is not None:
            self._wrote = True
            yield tool_call(self._vendor, call.id, call.name, "".join(call.arguments))

    def _failed(self, data: bytes) -> LlmError:
        kind, said = vendor_says(data)
        words = f' It says: "{said}"' if said else ""
        # A number here is an HTTP status: 4xx is the request's fault, except for a limit that was reached.
        ours = any(word.isdigit() and 400 <= int(word) < 500 and word not in ("408", "429") for word in kind.split())
        ours = ours or any(word in kind for word in (*NO_CREDIT, "invalid_request_error", "authentication"))
        return LlmError(f"{self._vendor} failed in the middle of a reply.{words}", retryable=not ours)

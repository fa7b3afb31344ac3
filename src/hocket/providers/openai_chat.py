"""Models behind an OpenAI-compatible chat API: OpenAI itself and everybody who took over its protocol.

Source of the protocol: the types of openai 3.52 (`ChatCompletionChunk`, `CompletionUsage`) and the vendors' pages on
their differences, which are data in `hocket.providers.openai_presets`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hocket.errors import LlmError
from hocket.providers.cloud import Account, Setting
from hocket.providers.llm_http import LlmHttp
from hocket.providers.llm_messages import told
from hocket.providers.openai_chunks import ChunkReader
from hocket.stages.llm import LlmDelta, LlmRequest, Message, ToolCall, ToolSpec

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Vendor(msgspec.Struct, frozen=True):
    """Where an OpenAI-compatible API is, and where it differs."""

    name: str
    title: str
    """For sentences."""
    base_url: str
    variable: str = ""
    """The environment variable that holds the key; empty for a server of one's own that asks for none."""
    max_tokens: str = "max_tokens"
    """What the limit is called."""
    stream_options: bool = True
    """Whether usage has to be asked for; where not, it comes unasked and asking is an error."""
    on_tool_calls: Mapping[str, Any] = NOTHING
    """What every tool call of the history carries besides itself."""


OPENAI: Final = Vendor(
    "openai", "OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY", max_tokens="max_completion_tokens"
)


class OpenAiChat:
    """A model behind an OpenAI-compatible API.

    `key`: else the vendor's environment variable. `base_url` and `headers` may be functions, as the key may: they are
    asked again for every request. `body` is added to every request, such as {"reasoning_effort": "none"}.
    """

    def __init__(
        self,
        model: str,
        *,
        vendor: Vendor = OPENAI,
        key: Setting[str] | None = None,
        base_url: Setting[str] | None = None,
        headers: Setting[Mapping[str, str]] = NOTHING,
        body: Mapping[str, Any] = NOTHING,
        thinking_tokens: int = 0,
        silence_s: float = 10.0,
    ) -> None:
        """`thinking_tokens`: added to each request's limit, for a model that cannot answer without thinking first.

        `silence_s`: a vendor that sends nothing for so long has failed. Raises `MissingError` without a key or aiohttp.
        """
        self.name = f"{vendor.name}/{model}"
        self._model = model
        self._vendor = vendor
        self._extra = dict(body)
        self._thinking_tokens = thinking_tokens
        account = Account(
            vendor=vendor.title,
            variable=vendor.variable,
            error=LlmError,
            base_url=base_url or vendor.base_url,
            key=key if key is not None or vendor.variable else "none",
            headers=headers,
            auth=lambda key: {"Authorization": f"Bearer {key}"},
        )
        self._http = LlmHttp(account, self.name, silence_s)
        self._http.require_key()

    def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply. Closing the generator closes the response. Raises `LlmError`."""
        return self._http.reply("/chat/completions", self._body(request), ChunkReader(self._vendor.title))

    async def warm(self, rate: int) -> None:
        """Have connections open ahead, until `close`; `rate` does not matter. Raises `LlmError`."""
        await self._http.warm("/models")

    async def models(self) -> tuple[str, ...]:
        """The models this account may use."""
        return await self._http.model_ids("/models")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def _body(self, request: LlmRequest) -> dict[str, Any]:
        vendor = self._vendor
        messages = [self._message(message) for message in told(request)]
        if request.instructions.strip():
            messages.insert(0, {"role": "system", "content": request.instructions})
        body: dict[str, Any] = {"model": self._model, "messages": messages, "stream": True}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        body[vendor.max_tokens] = request.max_tokens + self._thinking_tokens
        if vendor.stream_options:
            body["stream_options"] = {"include_usage": True}
        return {**body, **self._extra}

    def _message(self, message: Message) -> dict[str, Any]:
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
        if not message.tool_calls:
            return {"role": message.role, "content": message.content}
        # Not every server takes a null for an assistant that said nothing; all take an empty text.
        calls = [self._call(call) for call in message.tool_calls]
        return {"role": "assistant", "content": message.content, "tool_calls": calls}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        return {"id": call.id, "type": "function", "function": function, **self._vendor.on_tool_calls}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}

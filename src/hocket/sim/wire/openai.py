"""A server that speaks OpenAI's streaming chat completions, and refuses what OpenAI refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.models import Limited, ModelServer, json_object, limited, text_of
from hocket.sim.wire.replies import Asked, token_count
from hocket.sim.wire.server import Answer

ROLES: Final = ("system", "developer", "user", "assistant", "tool")
UNLIMITED: Final = 100_000
CACHE_STEP: Final = 128
"""Cached tokens are counted in steps of so many."""

_KINDS: Final = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "model_not_found"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


class OpenAiServer(ModelServer):
    """`base_url` of a client is `url` + "/v1"."""

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("POST", "/v1/chat/completions"): self._complete, ("GET", "/v1/models"): self._list}

    def presented_key(self, request: web.Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def error_body(self, status: int, message: str) -> bytes:
        kind, code = _KINDS.get(status, ("server_error", None))
        error = {"message": message, "type": kind, "param": None, "code": code}
        return msgspec.json.encode({"error": error})

    async def _list(self, exchange: Exchange) -> web.StreamResponse:
        exchange.state = "answered"
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "wire"} for name in self.models or ()]
        return web.json_response({"object": "list", "data": data})

    async def _complete(self, exchange: Exchange) -> web.StreamResponse:
        body = json_object(exchange.body)
        if body is None:
            return self.refuse(exchange, 400, "We could not parse the JSON body of your request.")
        if complaint := _complaint(body):
            return self.refuse(exchange, 400, complaint)
        model = body["model"]
        if not self.knows(model):
            return self.refuse(exchange, 404, f"The model `{model}` does not exist or you do not have access to it.")
        pace = self.pace(exchange)
        reply = self.replies(_asked(body))
        says = limited(reply, body.get("max_completion_tokens") or body.get("max_tokens") or UNLIMITED)
        usage = self._usage(body, says)
        stream = _Stream(exchange, model, bool((body.get("stream_options") or {}).get("include_usage")))
        exchange.failure = f"data: {self.error_body(500, 'The server had an error.').decode()}\n\n"
        await exchange.begin_stream()
        await pace.next()
        await stream.delta({"role": "assistant", "content": "" if reply.text else None, "refusal": None})
        for piece in says.text:
            await stream.delta({"content": piece})
            await pace.next()
        for index, (tool, pieces) in enumerate(zip(reply.tools, says.arguments, strict=False)):
            begun = {"id": f"call_{exchange.connection}{index}", "type": "function"}
            await stream.delta(_call(index, {**begun, "function": {"name": tool.name, "arguments": ""}}))
            for piece in pieces:
                await stream.delta(_call(index, {"function": {"arguments": piece}}))
                await pace.next()
        await stream.delta({}, "length" if says.cut else "tool_calls" if reply.tools else "stop")
        await stream.end(usage)
        return await exchange.finish()

    def _usage(self, body: dict[str, Any], says: Limited) -> dict[str, Any]:
        prompt = msgspec.json.encode([body.get("tools"), body["messages"]]).decode()
        total = token_count(prompt)
        cached = self.cache.longest(prompt) // CACHE_STEP * CACHE_STEP
        return {
            "prompt_tokens": total,
            "completion_tokens": says.count,
            "total_tokens": total + says.count,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


class _Stream:
    """Chunks of one completion."""

    def __init__(self, exchange: Exchange, model: str, with_usage: bool) -> None:
        self._exchange = exchange
        self._with_usage = with_usage
        self._head = {
            "id": f"chatcmpl-{exchange.connection}",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_wire",
        }

    async def delta(self, delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        await self._send({**self._head, "choices": [choice], **({"usage": None} if self._with_usage else {})})

    async def end(self, usage: dict[str, Any]) -> None:
        if self._with_usage:
            await self._send({**self._head, "choices": [], "usage": usage})
        await self._exchange.send(b"data: [DONE]\n\n")

    async def _send(self, chunk: dict[str, Any]) -> None:
        await self._exchange.send(b"data: " + msgspec.json.encode(chunk) + b"\n\n")


def _call(index: int, part: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **part}]}


def _complaint(body: dict[str, Any]) -> str:
    """What OpenAI would refuse, in about its words; empty for a good request."""
    messages = body.get("messages")
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "you must provide a model parameter"
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': empty array. Expected an array with minimum length 1."
    if not body.get("stream"):
        return "This server only streams: ask with stream=true."
    for name, tool in ((tool.get("function", {}).get("name"), tool) for tool in body.get("tools") or ()):
        if not name or tool.get("type") != "function":
            return "Missing required parameter: 'tools[0].function.name'."
    if body.get("tools") == []:
        return "[] is too short - 'tools'"
    return _complaint_of(messages)


def _complaint_of(messages: Sequence[Any]) -> str:
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ROLES:
            return f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', and 'tool'."
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                return (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'."
                )
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
            )
        calls = message.get("tool_calls") or []
        if message.get("content") is None and not calls:
            return f"Invalid value for 'content': expected a string, got null. (messages[{index}])"
        open_calls = [call.get("id", "") for call in calls]
        if any(not 0 < len(name) <= 40 for name in open_calls):
            return f"Invalid 'messages[{index}].tool_calls[0].id': string too long. Expected a maximum length of 40."
    return "" if not open_calls else "An assistant message with 'tool_calls' must be followed by tool messages."


def _asked(body: dict[str, Any]) -> Asked:
    messages = body["messages"]
    said = [text_of(message.get("content")) for message in messages if message["role"] == "user"]
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        results.insert(0, text_of(message.get("content")))
    return Asked(
        body["model"],
        "\n".join(text_of(message["content"]) for message in messages if message["role"] in ("system", "developer")),
        said[-1] if said else "",
        tuple(results),
        tuple(tool["function"]["name"] for tool in body.get("tools") or ()),
    )

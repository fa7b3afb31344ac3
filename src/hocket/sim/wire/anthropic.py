"""A server that speaks Anthropic's streaming messages, and refuses what Anthropic refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from hocket.sim.wire.exchange import GARBAGE, Exchange
from hocket.sim.wire.models import ModelServer, json_object, limited, text_of
from hocket.sim.wire.replies import Asked, token_count
from hocket.sim.wire.server import Answer

BREAKPOINTS: Final = 4
"""Cache marks that one request may have."""

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicServer(ModelServer):
    """`base_url` of a client is `url`."""

    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("POST", "/v1/messages"): self._answer, ("GET", "/v1/models"): self._list}

    def presented_key(self, request: web.Request) -> str:
        # Both are in use: the SDK before 2.0 sent the one, since then it sends the other.
        return request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")

    def error_body(self, status: int, message: str) -> bytes:
        error = {"type": _KINDS.get(status, "api_error"), "message": message}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": "req_wire"})

    async def _list(self, exchange: Exchange) -> web.StreamResponse:
        exchange.state = "answered"
        names = list(self.models or ())
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in names
        ]
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return web.json_response({"data": data, "has_more": False, **ends})

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        body = json_object(exchange.body)
        if body is None:
            return self.refuse(exchange, 400, "The request body is not valid JSON.")
        if "anthropic-version" not in exchange.request.headers:
            return self.refuse(exchange, 400, "anthropic-version: header is required")
        if complaint := _complaint(body):
            return self.refuse(exchange, 400, complaint)
        if not self.knows(body["model"]):
            return self.refuse(exchange, 404, f"model: {body['model']}")
        pace = self.pace(exchange)
        reply = self.replies(_asked(body))
        says = limited(reply, body["max_tokens"])
        usage = self._usage(body)
        exchange.failure = _event("error", msgspec.json.decode(self.error_body(529, "Overloaded")))
        exchange.garbage = f"event: content_block_delta\ndata: {GARBAGE}\n\n".encode()
        await exchange.begin_stream()
        await pace.next()
        await exchange.send(_event("message_start", {"message": _message(exchange, body["model"], usage)}))
        await exchange.send(_event("ping", {}))
        index = 0
        if says.text:
            await _begin(exchange, index, {"type": "text", "text": ""})
            for piece in says.text:
                await _delta(exchange, index, {"type": "text_delta", "text": piece})
                await pace.next()
            await exchange.send(_event("content_block_stop", {"index": index}))
            index += 1
        for tool, pieces in zip(reply.tools, says.arguments, strict=False):
            name = f"toolu_{exchange.connection}{index}"
            await _begin(exchange, index, {"type": "tool_use", "id": name, "name": tool.name, "input": {}})
            for piece in ("", *pieces):
                await _delta(exchange, index, {"type": "input_json_delta", "partial_json": piece})
                await pace.next()
            await exchange.send(_event("content_block_stop", {"index": index}))
            index += 1
        reason = "max_tokens" if says.cut else "tool_use" if reply.tools else "end_turn"
        ended = {"stop_reason": reason, "stop_sequence": None}
        await exchange.send(_event("message_delta", {"delta": ended, "usage": {"output_tokens": says.count}}))
        await exchange.send(_event("message_stop", {}))
        return await exchange.finish()

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        """Only what stands before the last mark is cached: tools, then system, then messages."""
        blocks = [*(body.get("tools") or ()), *_system(body), *(b for m in body["messages"] for b in _blocks(m))]
        marked = max((at for at, block in enumerate(blocks, 1) if block.get("cache_control")), default=0)
        before = msgspec.json.encode(blocks[:marked]).decode()
        whole, prefix = token_count(msgspec.json.encode(blocks).decode()), token_count(before)
        cached = self.cache.whole(before)
        read = prefix if cached else 0
        created = prefix if not cached and prefix >= self.cache.FROM_TOKENS else 0
        return {
            "input_tokens": whole - read - created,
            "cache_creation_input_tokens": created,
            "cache_read_input_tokens": read,
            "output_tokens": 1,
        }


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"


async def _begin(exchange: Exchange, index: int, block: dict[str, Any]) -> None:
    await exchange.send(_event("content_block_start", {"index": index, "content_block": block}))


async def _delta(exchange: Exchange, index: int, delta: dict[str, Any]) -> None:
    await exchange.send(_event("content_block_delta", {"index": index, "delta": delta}))


def _message(exchange: Exchange, model: str, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": f"msg_{exchange.connection}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _system(body: dict[str, Any]) -> list[dict[str, Any]]:
    system = body.get("system") or []
    return [{"type": "text", "text": system}] if isinstance(system, str) else system


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _complaint(body: dict[str, Any]) -> str:
    """What Anthropic would refuse, in about its words; empty for a good request."""
    messages = body.get("messages")
    if not isinstance(body.get("model"), str):
        return "model: Field required"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    if not isinstance(messages, list) or not messages:
        return "messages: at least one message is required"
    if not body.get("stream"):
        return "This server only streams: ask with stream=true."
    if any(message.get("role") not in ("user", "assistant") for message in messages):
        return 'messages: Unexpected role. Allowed roles are "user" or "assistant".'
    if messages[0]["role"] != "user":
        return 'messages: first message must use the "user" role'
    marks = msgspec.json.encode(body).count(b'"cache_control":{')
    if marks > BREAKPOINTS:
        return f"A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {marks}."
    return _complaint_of(messages)


def _complaint_of(messages: Sequence[dict[str, Any]]) -> str:
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        blocks = _blocks(message)
        if not blocks:
            return f"messages.{index}: all messages must have non-empty content"
        if any(block.get("type") == "text" and not block.get("text", "").strip() for block in blocks):
            return "messages: text content blocks must be non-empty"
        answered = [block.get("tool_use_id", "") for block in blocks if block.get("type") == "tool_result"]
        if unknown := [name for name in answered if name not in open_calls]:
            return f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(unknown)}"
        if missing := [name for name in open_calls if name not in answered]:
            return f"messages.{index}: `tool_use` ids were found without `tool_result` blocks: {', '.join(missing)}"
        open_calls = [block.get("id", "") for block in blocks if block.get("type") == "tool_use"]
        if any(not re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in open_calls):
            return f"messages.{index}.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    return "messages: `tool_use` ids were found without `tool_result` blocks" if open_calls else ""


def _asked(body: dict[str, Any]) -> Asked:
    messages = body["messages"]
    said = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    last = _blocks(messages[-1])
    return Asked(
        body["model"],
        text_of(_system(body)),
        next((text for text in reversed(said) if text), ""),
        tuple(text_of(block.get("content")) for block in last if block.get("type") == "tool_result"),
        tuple(tool["name"] for tool in body.get("tools") or ()),
    )

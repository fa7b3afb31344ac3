"""The smallest dialect: /stream sends five events, /socket sends back what it is sent."""

from __future__ import annotations

import msgspec
from aiohttp import web

from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.server import Answer, WireServer

EVENTS = [f"data: {number}\n\n" for number in range(5)]


class Echo(WireServer):
    def routes(self) -> dict[tuple[str, str], Answer]:
        return {("POST", "/stream"): self._stream, ("GET", "/socket"): self._socket}

    def presented_key(self, request: web.Request) -> str:
        return request.headers.get("X-Key", "")

    def error_body(self, status: int, message: str) -> bytes:
        return msgspec.json.encode({"status": status, "message": message})

    async def _stream(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.begin_stream()
        for event in EVENTS:
            await self.pause(self.delays.llm_first_token())
            await exchange.send(event.encode())
        return await exchange.finish()

    async def _socket(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.begin_websocket()
        async for message in exchange.incoming():
            await exchange.send(message)
        return await exchange.finish()

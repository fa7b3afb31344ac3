"""One request to a wire server and what is sent in answer, with the fault planned for it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final, Literal

from aiohttp import WSCloseCode, WSMsgType, web

from hocket.sim.wire.faults import Fault

GARBAGE: Final = '{"type": ~garbage'
TEXTS_KEPT: Final = 10_000
"""Messages of one connection that are remembered; the oldest are forgotten first."""


class CutOff(Exception):
    """A fault has ended the answer; the server catches it."""


class Exchange:
    """What a dialect reads a request from and sends its answer through."""

    __slots__ = (
        "_response",
        "audio_bytes",
        "began",
        "body",
        "connection",
        "failure",
        "fault",
        "garbage",
        "request",
        "sent",
        "state",
        "texts",
    )

    def __init__(self, request: web.Request, fault: Fault | None) -> None:
        self.request = request
        self.fault = fault
        self.failure: str | bytes = ""
        """The message in which this vendor says that an answer failed half-way; set by the dialect."""
        self.garbage: str | bytes = ""
        """A message that nobody can read, where this vendor frames its messages in a way of its own."""
        address = request.get_extra_info("peername")
        self.connection = int(address[1]) if address else 0
        """The client's port: requests over one kept-alive connection have the same one."""
        self.began = asyncio.get_running_loop().time()
        """When the request came, in seconds of the loop."""
        self.body = b""
        self.texts: deque[str] = deque(maxlen=TEXTS_KEPT)
        """The text messages that came over the WebSocket."""
        self.audio_bytes = 0
        """How much came in its binary messages."""
        self.sent = 0
        """Messages sent in answer."""
        self.state: Literal["open", "answered", "refused", "cut", "left"] = "open"
        """answered: in full; refused: by a status; cut: by a fault or at the server's end; left: by the client."""
        self._response: web.StreamResponse | None = None

    @property
    def response(self) -> web.StreamResponse:
        """What the HTTP server is to be given back."""
        return self._response or web.Response(status=500)

    async def begin_stream(self, content_type: str = "text/event-stream") -> None:
        """Send the head of a response whose body is streamed."""
        await self._come_late()
        response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-cache"})
        self._response = response
        await response.prepare(self.request)

    async def begin_websocket(self, protocols: tuple[str, ...] = ()) -> None:
        """Accept the handshake. The client's pings are answered."""
        await self._come_late()
        response = web.WebSocketResponse(protocols=protocols, max_msg_size=0)
        self._response = response
        await response.prepare(self.request)

    async def incoming(self) -> AsyncGenerator[str | bytes, None]:
        """The client's messages until it closes or is gone."""
        assert isinstance(self._response, web.WebSocketResponse)
        async for message in self._response:
            if message.type is WSMsgType.TEXT:
                self.texts.append(message.data)
                yield message.data
            elif message.type is WSMsgType.BINARY:
                self.audio_bytes += len(message.data)
                yield message.data

    async def send(self, message: str | bytes) -> None:
        """Send one message, or let the fault happen whose turn it is. Raises `CutOff`."""
        fault = self.fault
        if fault is not None and self.sent >= fault.after_messages:
            message = await self._suffer(fault, message)
        await self._write(message)
        self.sent += 1

    async def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """End the WebSocket from our side."""
        assert isinstance(self._response, web.WebSocketResponse)
        await self._response.close(code=code, message=reason.encode())

    async def finish(self) -> web.StreamResponse:
        """End the answer in good order."""
        assert self._response is not None
        if not isinstance(self._response, web.WebSocketResponse):
            await self._response.write_eof()
        self.state = "answered"
        return self._response

    async def _come_late(self) -> None:
        if self.fault is not None and self.fault.kind == "late":
            await asyncio.sleep(self.fault.seconds)

    async def _suffer(self, fault: Fault, message: str | bytes) -> str | bytes:
        first = self.sent == fault.after_messages
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif not first:
            return message
        elif fault.kind == "garbage":
            streamed = not isinstance(self._response, web.WebSocketResponse)
            if self.garbage:
                return self.garbage
            return f"data: {GARBAGE}\n\n".encode() if streamed else GARBAGE
        elif fault.kind == "error":
            if self.failure:
                await self._write(self.failure)
            await self._cut(False)
        elif fault.kind in ("stall", "reset", "close"):
            if isinstance(message, bytes) and fault.after_bytes:
                await self._write(message[: fault.after_bytes])
                message = message[fault.after_bytes :]
            if fault.kind != "stall":
                await self._cut(fault.kind == "reset")
            await asyncio.sleep(fault.seconds)
        return message

    async def _write(self, message: str | bytes) -> None:
        if isinstance(self._response, web.WebSocketResponse):
            if isinstance(message, str):
                await self._response.send_str(message)
            else:
                await self._response.send_bytes(message)
        else:
            assert self._response is not None
            await self._response.write(message.encode() if isinstance(message, str) else message)

    async def _cut(self, reset: bool) -> None:
        self.state = "cut"
        if reset:
            _reset(self.request)
        elif isinstance(self._response, web.WebSocketResponse):
            await self._response.close(code=WSCloseCode.INTERNAL_ERROR)
        else:
            assert self._response is not None
            await self._response.write_eof()
        raise CutOff


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    # Closing with a linger time of zero makes the kernel send RST instead of FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

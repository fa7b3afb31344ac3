"""The connections of hocket's own clients at /ws: each begins a call, or goes on with one.

A call outlives its connection by as long as its line waits for the client to come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from hocket.errors import InputError, MissingError, TransportError
from hocket.gateway.calls import Calls
from hocket.gateway.connection import Connection
from hocket.gateway.frames import TOO_MANY, pong
from hocket.gateway.media import Upgrade
from hocket.transports.client_messages import HELLO_S, Hello, Refused
from hocket.transports.incoming import Codec
from hocket.transports.websocket import WebSocketLine, read, written

try:
    from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

UNSENT_BYTES: Final = 256 * 1024
"""Written and not taken by the far end, 8 s of audio at 16 kHz; then it is lost, because it does not read."""

BEHIND_BYTES: Final = 16 * 1024
"""Of which half a second: what nobody misses is not sent then."""

MAX_PART_BYTES: Final = 32 * 1024
"""Of a message in several frames: more than any may have."""

DONE: Final = 1000
GOING_AWAY: Final = 1001
BROKE_RULES: Final = 1008
TRY_AGAIN_LATER: Final = 1013
"""Close codes of RFC 6455, 7.4, and of its registry."""


class ClientSockets:
    """The open connections."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._open: set[ClientSocket] = set()

    def __len__(self) -> int:
        return len(self._open)

    def listener(self, _: Upgrade) -> ClientSocket:
        """What takes one connection."""
        return ClientSocket(self.answer, self._open)

    async def close(self) -> None:
        """Close all connections; the calls on them wait for their clients. Legal twice."""
        await asyncio.gather(*(socket.finished() for socket in tuple(self._open)))

    def answer(self, hello: Hello, socket: ClientSocket) -> WebSocketLine | Refused:
        """The line of a call that begins, or goes on, on this connection. Raises `TransportError` or `InputError`
        with a sentence for the client."""
        if hello.resume:
            lost = self._calls.resumable(hello.resume)
            if not isinstance(lost, WebSocketLine):
                raise InputError("There is no such call to come back to, or it is over: begin a new one.")
            lost.attach(hello, socket)
            return lost
        Codec(hello.audio)  # a ticket is not used up for a format that is not spoken
        ticket = self._calls.read(hello.ticket, "ws")
        if refusal := self._calls.admit(ticket.source):
            return Refused(refusal.sentence, refusal.retry_after_s)
        self._calls.redeem(hello.ticket, "ws")
        return self._calls.begin(ticket, hello.audio, WebSocketLine.ahead_ms, partial(WebSocketLine, socket=socket))


class ClientSocket(Connection):
    """One connection. It is in `open_sockets` as long as it lasts."""

    def __init__(
        self,
        answer: Callable[[Hello, ClientSocket], WebSocketLine | Refused],
        open_sockets: set[ClientSocket],
    ) -> None:
        super().__init__()
        self._answer = answer
        self._open = open_sockets
        self._line: WebSocketLine | None = None
        self._closing = False
        self._parts = _Parts()

    # -- a `transports.websocket.Socket`

    def send(self, message: str | bytes) -> None:
        transport = self._transport
        if self._closing or transport is None or transport.is_disconnected:
            return
        transport.send(WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY, message)
        if transport.underlying_transport.get_write_buffer_size() > UNSENT_BYTES:
            self._closing = True
            transport.disconnect(graceful=False)

    def offer(self, text: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if transport.underlying_transport.get_write_buffer_size() < BEHIND_BYTES:
            self.send(text)

    def close(self, code: int) -> None:
        self._line = None
        transport = self._transport
        if self._closing or transport is None or transport.is_disconnected:
            return
        self._closing = True
        transport.send_close(cast(WSCloseCode, code))  # 4001 and above are applications' own
        self._disconnect(transport)

    # -- a picows listener

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._open.add(self)
        self._deadline(HELLO_S, self._refuse, Refused(f"No hello came within {HELLO_S:g} s."))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closing:
            return
        if not self._frames.allow(self._loop.time(), known=self._line is not None):
            self._flooded()
            return
        if frame.msg_type == WSMsgType.PING:
            pong(transport, frame)
            return
        if frame.msg_type == WSMsgType.CLOSE:
            line = self._line
            self.close(DONE)
            if line is not None:
                line.gone("The client closed the connection.")
            return
        data = self._parts.joined(frame)
        if data is None:
            return
        if self._line is None:
            self._hello(data)
        elif self._parts.kind == WSMsgType.TEXT:
            self._line.receive(data)
        else:
            self._line.receive_audio(data)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._no_deadline()
        self._open.discard(self)
        line, self._line = self._line, None
        if line is not None:
            line.gone("The connection broke off.")

    async def finished(self) -> None:
        """Close, and return when the connection is closed."""
        self.close(GOING_AWAY)
        await self._disconnected()

    def _hello(self, data: bytes) -> None:
        self._no_deadline()
        try:
            hello = read(data)
        except TransportError as error:
            self._refuse(Refused(f"The client sent {error}."))
            return
        if not isinstance(hello, Hello):
            self._refuse(Refused("The first message of a client is a hello."))
            return
        try:
            found = self._answer(hello, self)
        except (TransportError, InputError) as error:
            self._refuse(Refused(str(error)))
            return
        if isinstance(found, Refused):
            self._refuse(found)
        else:
            self._line = found

    def _refuse(self, refused: Refused) -> None:
        self.send(written(refused))
        self.close(BROKE_RULES if refused.retry_after_s is None else TRY_AGAIN_LATER)

    def _flooded(self) -> None:
        if self._line is not None:
            self._line.refuse(TOO_MANY)
        else:
            self._refuse(Refused(f"The client sent {TOO_MANY}."))


class _Parts:
    """Puts together what comes in several frames. What grows too long is handed on as it is, to be refused."""

    __slots__ = ("_part", "kind")

    def __init__(self) -> None:
        self.kind = WSMsgType.TEXT
        """Of the last message: text or binary."""
        self._part: bytearray | None = None

    def joined(self, frame: WSFrame) -> bytes | None:
        """The message that is whole with this frame, if one is."""
        kind = frame.msg_type
        if kind in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.kind = kind
            self._part = None if frame.fin else bytearray()
        elif kind != WSMsgType.CONTINUATION:
            return None
        data = frame.get_payload_as_bytes()
        if self._part is None:
            return data
        self._part += data
        if not frame.fin and len(self._part) <= MAX_PART_BYTES:
            return None
        data, self._part = bytes(self._part), None
        return data

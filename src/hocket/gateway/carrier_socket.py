"""The connections that carriers open for their media streams: one call each, on a line of its carrier.

Carriers dial with TLS; a proxy before the server ends it, or the server itself.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, TypeAlias

from hocket.errors import InputError, MissingError, TransportError
from hocket.gateway.connection import Connection
from hocket.gateway.frames import TOO_MANY, pong
from hocket.transports.carrier import MAX_MESSAGE_BYTES, Carrier, CarrierLine

try:
    from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

Answer: TypeAlias = Callable[[CarrierLine], asyncio.Task[None]]
"""Returns the task that holds the call on a line until it is over (`held`). Or raises: `TransportError`, when there is
no room for the call, or `InputError`, when whoever dials has no leave to."""

START_S: Final = 5.0
"""Carriers send `start` at once; who has not by then is none."""

UNSENT_BYTES: Final = 256 * 1024
"""Written and not taken by the far end, about 20 s of audio; then it is closed, because it does not read."""

FINISH_S: Final = 30.0
"""How long an answer may go on after its connection is gone."""

CROWD: Final = 100
"""For each so many calls of the process, one more message with 20 ms of audio is waited for before they are heard
together: two cost a seventh less of a call. A voice is heard 10 ms later in the mean for each that is waited for, where
the calls of a full core would wait for each other longer."""

MOST_GATHERED: Final = 3

MESSAGE_BYTES: Final = 340
"""Of such a message, or some more: 216 are 160 samples in base64."""

LOOK_S: Final = 0.1
"""How often connections are looked at. One that has brought nothing since the last time is read to its last byte: what
it said may be a goodbye."""


class CarrierSockets:
    """The open connections and their calls."""

    def __init__(self, calls: Callable[[], int] | None = None) -> None:
        """`calls`: of the process, at this moment; left out, there are no others than these connections'."""
        self._open: set[CarrierSocket] = set()
        self._calls = calls or self.__len__
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def listener(self, carrier: Carrier, answer: Answer) -> CarrierSocket:
        """What takes one connection."""
        if self._looking is None:
            self._look()
        return CarrierSocket(carrier, answer, self._open)

    async def close(self) -> None:
        """Cancel the calls that are held and close all connections. Legal twice."""
        sockets = tuple(self._open)
        for one in sockets:
            one.stop()
        await asyncio.gather(*(one.finished() for one in sockets))
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _look(self) -> None:
        """Have them heard as befits the number of calls, from the first connection on."""
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        messages = min(1 + self._calls() // CROWD, MOST_GATHERED)
        for one in self._open:
            one.gather(messages)


class CarrierSocket(Connection):
    """One connection, from `start` to the end of its call. It is in `open_sockets` as long as either lasts."""

    def __init__(self, carrier: Carrier, answer: Answer, open_sockets: set[CarrierSocket]) -> None:
        super().__init__()
        self._carrier = carrier
        self._answer = answer
        self._open = open_sockets
        self._line: CarrierLine | None = None
        self._call: asyncio.Task[None] | None = None
        self._part = bytearray()
        """The beginning of a message that comes in several frames."""
        self._brought = False
        """Anything, since `gather` was last called."""
        self._least = 1
        """Bytes that it is read for."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._open.add(self)
        self._deadline(START_S, self.stop)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        self._brought = True
        if transport.is_close_frame_sent:
            return
        if not self._frames.allow(self._loop.time(), known=self._line is not None):
            self._gone(f"{self._carrier.title}'s side sent {TOO_MANY}; the call ends.")
            self._hang_up(WSCloseCode.POLICY_VIOLATION)
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            text = frame.get_payload_as_bytes()
            if self._part or not frame.fin:
                self._part += text
                if len(self._part) <= MAX_MESSAGE_BYTES and not frame.fin:
                    return
                text = bytes(self._part)
                self._part.clear()
            self._message(text)
        elif kind == WSMsgType.PING:
            pong(transport, frame)
        elif kind == WSMsgType.CLOSE:
            self._gone(f"{self._carrier.title} closed the connection.")
            self._hang_up()
        elif kind == WSMsgType.BINARY:
            self._gone(
                f"{self._carrier.title}'s side sent a binary message, and a media stream has none; the call ends."
            )
            self._hang_up(WSCloseCode.UNSUPPORTED_DATA)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._no_deadline()
        self._gone(f"The connection to {self._carrier.title} broke off.")
        if self._call is None or self._call.done():
            self._open.discard(self)
        else:
            self._deadline(FINISH_S, self._call.cancel)

    def gather(self, messages: int) -> None:
        """Be woken for so many messages with audio at a time while they come, and not for each of them."""
        # Half a message less: they differ in length, and an echo of a mark may be among them.
        least = round((messages - 0.5) * MESSAGE_BYTES) if messages > 1 and self._brought else 1
        self._brought = False
        transport = self._transport
        if self._line is None or transport is None or transport.underlying_transport.is_closing():
            return
        self._line.gather(messages)
        if least != self._least:
            self._least = least
            connection = transport.underlying_transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)

    def stop(self) -> None:
        """Close the connection and cancel its call."""
        if self._call is not None:
            self._call.cancel()
        else:
            self._hang_up(WSCloseCode.POLICY_VIOLATION)

    async def finished(self) -> None:
        """Return when the call is over and the connection is closed."""
        if self._call is not None:
            await asyncio.wait({self._call}, timeout=FINISH_S)
        await self._disconnected()

    def _message(self, text: bytes) -> None:
        if self._line is not None:
            self._line.receive(text)
            return
        try:
            line = self._carrier.answer(text, self._send, self._hang_up)
        except TransportError:
            self._hang_up(WSCloseCode.PROTOCOL_ERROR)
            return
        if line is not None:
            self._begin(line)

    def _begin(self, line: CarrierLine) -> None:
        try:
            self._call = self._answer(line)
        except TransportError:
            self._hang_up(WSCloseCode.TRY_AGAIN_LATER)
            return
        except InputError:
            self._hang_up(WSCloseCode.POLICY_VIOLATION)
            return
        self._line = line
        self._no_deadline()
        self._call.add_done_callback(self._over)

    def _over(self, _: asyncio.Task[None]) -> None:
        self._hang_up()
        if self._transport is None or self._transport.is_disconnected:
            self._no_deadline()
            self._open.discard(self)

    def _send(self, text: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return
        transport.send(WSMsgType.TEXT, text)
        if transport.underlying_transport.get_write_buffer_size() > UNSENT_BYTES:
            self._gone(f"{self._carrier.title} does not read what it is sent; the call ends.")
            transport.disconnect(graceful=False)

    def _gone(self, reason: str) -> None:
        if self._line is not None:
            self._line.gone(reason)

    def _hang_up(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if not transport.is_close_frame_sent:
            transport.send_close(code)
        self._disconnect(transport)

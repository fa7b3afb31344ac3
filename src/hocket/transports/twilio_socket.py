"""A WebSocket server for Twilio's media streams: one `TwilioLine` a connection.

Twilio dials with TLS; a proxy in front of this server ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self, TypeAlias

from hocket.errors import MissingError, TransportError
from hocket.transports.twilio import MAX_MESSAGE_BYTES, StartMessage, TwilioLine, read_start

try:
    from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

Answer: TypeAlias = Callable[[TwilioLine], Awaitable[None]]
"""Holds the call on a line, and returns when it is over."""

PATH: Final = "/twilio"

START_S: Final = 5.0
"""Twilio sends `start` at once; who has not by then is not Twilio."""

UNSENT_BYTES: Final = 256 * 1024
"""Written and not taken by the far end, about 20 s of audio; then it is closed, because it does not read."""

IDLE_S: Final = 5.0
"""Without a message a ping is sent, and the connection is lost when no answer comes for as long again."""

CLOSE_S: Final = 2.0
"""How long the far end may take to read the rest of what it was sent, once its call is over."""

FINISH_S: Final = 30.0
"""How long an answer may go on after its connection is gone."""


async def serve_twilio(host: str, port: int, answer: Answer) -> TwilioServer:
    """Listen on `host` and `port` (0: any free one), path /twilio, and answer every call there with a task of its own.

    What `answer` raises goes to the event loop's exception handler and ends that call. Raises `MissingError` when the
    port cannot be used.
    """
    server = TwilioServer(answer)
    await server.listen(host, port)
    return server


class TwilioServer:
    """The open connections and their calls."""

    def __init__(self, answer: Answer) -> None:
        self.port = 0
        """Where it listens."""
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._sockets: set[TwilioSocket] = set()

    async def listen(self, host: str, port: int) -> None:
        """Take calls from now on."""
        try:
            self._server = await ws_create_server(
                self._welcome,
                host,
                port,
                max_frame_size=2 * MAX_MESSAGE_BYTES,  # up to there a line says itself what is wrong
                websocket_handshake_timeout=START_S,
                enable_auto_ping=True,
                auto_ping_idle_timeout=IDLE_S,
                auto_ping_reply_timeout=IDLE_S,
            )
        except OSError as error:
            raise MissingError(
                f"Port {port} of {host} cannot be used ({error.strerror}): stop what listens there, or give another."
            ) from error
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more calls and cancel those that are held. Legal twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        sockets = tuple(self._sockets)
        for socket in sockets:
            socket.stop()
        await asyncio.gather(*(socket.finished() for socket in sockets))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _welcome(self, request: WSUpgradeRequest) -> WSListener | None:
        if self._server is None or request.path.split(b"?")[0].decode("latin-1") != PATH:
            return None
        return TwilioSocket(self._answer, self._sockets)


class TwilioSocket(WSListener):
    """One connection, from Twilio's `start` to the end of its call. It is in `open_sockets` as long as either lasts."""

    def __init__(self, answer: Answer, open_sockets: set[TwilioSocket]) -> None:
        self._answer = answer
        self._open = open_sockets
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._line: TwilioLine | None = None
        self._call: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._part = bytearray()
        """The beginning of a message that comes in several frames."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._open.add(self)
        self._deadline(START_S, self.stop)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            text = frame.get_payload_as_bytes()
            if self._part or not frame.fin:
                self._part += text
                if len(self._part) <= MAX_MESSAGE_BYTES and not frame.fin:
                    return
                text = bytes(self._part)
                self._part.clear()
            self._message(text)
        elif kind == WSMsgType.CLOSE:
            self._gone("Twilio closed the connection.")
            self._hang_up()
        elif kind == WSMsgType.BINARY:
            self._gone("Twilio's side sent a binary message, and a media stream has none; the call ends.")
            self._hang_up(WSCloseCode.UNSUPPORTED_DATA)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._no_deadline()
        self._gone("The connection to Twilio broke off.")
        if self._call is None or self._call.done():
            self._open.discard(self)
        else:
            self._deadline(FINISH_S, self._call.cancel)

    def pause_writing(self) -> None:
        """Nothing: what is unsent is measured at every write."""

    def resume_writing(self) -> None:
        """Nothing, as above."""

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
        transport = self._transport
        if transport is not None and not transport.is_disconnected:
            await transport.wait_disconnected()  # bounded by CLOSE_S

    def _message(self, text: bytes) -> None:
        if self._line is not None:
            self._line.receive(text)
            return
        try:
            start = read_start(text)
            if start is not None:
                self._begin(start)
        except TransportError:
            self._hang_up(WSCloseCode.PROTOCOL_ERROR)

    def _begin(self, start: StartMessage) -> None:
        self._line = TwilioLine(start, self._send, self._hang_up)
        self._no_deadline()
        self._call = self._loop.create_task(self._hold(self._line), name=f"call {start.call_sid}")
        self._call.add_done_callback(self._over)

    async def _hold(self, line: TwilioLine) -> None:
        try:
            await self._answer(line)
        except Exception as error:
            self._loop.call_exception_handler({"message": f"call {line.call_id} failed", "exception": error})
        finally:
            await line.close()

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
            self._gone("Twilio does not read what it is sent; the call ends.")
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
        transport.disconnect()
        # What is unsent would keep the connection for as long as the far end does not read.
        self._deadline(CLOSE_S, transport.disconnect, False)

    def _deadline(self, seconds: float, then: Callable[..., object], *arguments: object) -> None:
        self._no_deadline()
        self._timer = self._loop.call_later(seconds, then, *arguments)

    def _no_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

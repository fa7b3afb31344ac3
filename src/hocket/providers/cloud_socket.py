"""A WebSocket to a vendor, by picows: a message costs a tenth of what it does with aiohttp, and calls send 50 a second.

What is sent goes out at once, without a task; what comes is read all the time, so that heartbeats are answered and a
loss is noticed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Final
from urllib.parse import quote, urlencode

from picows import (
    WSCloseCode,
    WSFrame,
    WSHandshakeError,
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from hocket.errors import StageError
from hocket.providers import cloud
from hocket.providers.cloud import Account, Inbox, retry_after_s

WRITE_S: Final = 2.0
HEARTBEAT_S: Final = 3.0
"""Of silence before a ping. A peer that answers none for half as long again is lost, so a half-open socket lives 4.5 s
at most."""

CLOSE_S: Final = 0.25
"""For what is unsent to go out."""

GONE_S: Final = 1.0
"""For the kernel to confirm that a connection is aborted; it takes none of it."""

NO_CODE: Final = 1005
"""RFC 6455, 7.4.1: a close without a code."""

_LOG: Final = logging.getLogger(f"{__name__}.picows")
_LOG.setLevel(logging.WARNING)  # it tells of every connection that ends
_SCHEMES: Final = {"http": "ws", "https": "wss"}


class Socket(WSListener):
    """An open WebSocket."""

    def __init__(self, account: Account) -> None:
        """It is opened by `dial`."""
        self.close_code = 0
        """How the other side closed; 0 when it did not."""
        self.close_words = ""
        self.inbox: Inbox[str] = Inbox()
        self.left: Callable[[Socket], object] = lambda socket: None
        """Told when the connection is gone."""
        self._account = account
        self._transport: WSTransport | None = None
        self._part = bytearray()
        """The beginning of a message that comes in several frames."""
        self._room = asyncio.Event()
        """The far end takes what it is sent."""
        self._room.set()

    @property
    def alive(self) -> bool:
        transport = self._transport
        if self.inbox.ended is not None or transport is None or transport.is_disconnected:
            return False
        return not transport.is_close_frame_sent  # or else a ping was not answered: it ends in a moment

    def offer(self, data: str | bytes) -> bool:
        """Send a message at once; False when the connection is lost, or so much is unsent that it has to wait."""
        if not self.alive or not self._room.is_set():
            return False
        self._write(data)
        return True

    async def send(self, data: str | bytes) -> None:
        """Send a text or a binary message. Raises the account's error when it is not taken in time."""
        if self.alive:
            self._write(data)
            if not self._room.is_set():
                try:
                    async with asyncio.timeout(WRITE_S):
                        await self._room.wait()
                except TimeoutError:
                    self._lose(f"took nothing for {WRITE_S:g} s")
        if self.inbox.ended is not None:
            raise self.inbox.ended

    async def receive(self) -> str:
        """The next text message. Raises the account's error when the connection is lost."""
        return await self.inbox.take()

    async def close(self) -> None:
        """Say goodbye and be gone. No answer is waited for: a peer that goes on sending would delay it, and voices cost
        money until they are hung up on. Legal twice."""
        self._lose("has been closed")
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        try:
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            await _disconnected(transport, CLOSE_S)
        finally:
            if not transport.is_disconnected:
                transport.disconnect(graceful=False)
                await _disconnected(transport, GONE_S)

    def give_up(self) -> None:
        """Nobody waits for the connection any more: it is ended, now or when it comes."""
        self._lose("was not waited for")
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self.inbox.ended is not None:
            transport.disconnect(graceful=False)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._closed(frame)
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION) and self.inbox.ended is None:
            data = frame.get_payload_as_bytes()
            if self._part or not frame.fin:
                self._part += data
                if not frame.fin:
                    if len(self._part) > cloud.UNREAD_BYTES:
                        self._lose("sends more than is being taken")
                    return
                data = bytes(self._part)
                self._part.clear()
            if not self.inbox.put(data.decode("utf-8", "replace"), len(data)):
                self._lose("sends more than is being taken")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._lose("broke off the connection")
        self.left(self)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _write(self, data: str | bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT if isinstance(data, str) else WSMsgType.BINARY, data)

    def _closed(self, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        self.close_code = int.from_bytes(payload[:2], "big") or NO_CODE
        self.close_words = payload[2:].decode("utf-8", "replace")
        said = f', "{self.close_words[:200]}"' if self.close_words else ""
        self._lose(f"closed the connection (code {self.close_code}{said})")

    def _lose(self, how: str) -> None:
        self.inbox.end(self._account.error(f"{self._account.vendor} {how}."))
        self._part.clear()
        self._room.set()


async def dial(account: Account, path: str, query: Sequence[tuple[str, str]], about: str) -> Socket:
    """A socket to `path`. Raises the account's error."""
    url, headers = account.request(path)
    socket = Socket(account)
    try:
        async with asyncio.timeout(cloud.CONNECT_S):
            await _connect(socket, _address(url, query), headers)
    except asyncio.CancelledError:
        socket.give_up()
        raise
    except TimeoutError:
        socket.give_up()
        raise account.error(f"{account.vendor} could not be reached within {cloud.CONNECT_S:g} s.") from None
    except WSInvalidURL:
        raise account.error(f"{account.vendor}: base_url is no address of a server.", retryable=False) from None
    except WSHandshakeError as error:
        raise _refused(account, error, about) from None
    except (OSError, UnicodeError) as error:
        raise account.error(f"{account.vendor} could not be reached ({type(error).__name__}).") from None
    return socket


async def _connect(socket: Socket, url: str, headers: Mapping[str, str]) -> None:
    await ws_connect(
        lambda: socket,
        url,
        extra_headers=headers,
        ssl_context=_tls() if url.startswith("wss:") else None,
        websocket_handshake_timeout=cloud.CONNECT_S,
        enable_auto_ping=True,
        auto_ping_idle_timeout=HEARTBEAT_S,
        auto_ping_reply_timeout=HEARTBEAT_S / 2,
        max_frame_size=cloud.UNREAD_BYTES,
        max_redirects=0,
        logger_name=_LOG,
    )


@cache
def _tls() -> ssl.SSLContext:
    """Made once: to read the system's certificates takes 20 ms."""
    return ssl.create_default_context()


def _address(url: str, query: Sequence[tuple[str, str]]) -> str:
    scheme, colon, rest = url.partition(":")
    return _SCHEMES.get(scheme, scheme) + colon + rest + ("?" + urlencode(query, quote_via=quote) if query else "")


def _refused(account: Account, error: WSHandshakeError, about: str) -> StageError:
    if error.response is None:
        return account.error(f"{account.vendor} could not be reached ({type(error).__name__}).")
    said = error.response.headers
    return account.refusal(int(error.response.status), about, said.get("dg-error", ""), retry_after_s(said))


async def _disconnected(transport: WSTransport, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await transport.wait_disconnected()

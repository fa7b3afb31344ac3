"""Getting through to a gateway: leave to call, a socket, a welcome."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import msgspec

from hocket.client.errors import CallRefused
from hocket.errors import MissingError, TransportError
from hocket.transports.client_messages import ClientMessage, Hello, Refused, ServerMessage, Welcome

try:
    import aiohttp
except ImportError:
    raise MissingError("hocket.client needs aiohttp, which is not installed: pip install hocket[client]") from None

ANSWER_S: Final = 10.0
"""What a gateway has to answer."""

ALIVE_S: Final = 10.0
"""Without a message a ping is sent, and the connection is lost when no answer comes for half as long."""

MAX_BYTES: Final = 1 << 20
"""Of one message from a gateway; the waterfall of a long turn has some 20 KiB."""


Socket: TypeAlias = aiohttp.ClientWebSocketResponse


class Way(NamedTuple):
    """Where to call, and with what leave."""

    url: str
    ticket: str


async def way_of(http: aiohttp.ClientSession, url: str, ticket: str, api_key: str) -> Way:
    """With a ticket `url` is the WebSocket's; without, the gateway's, which is asked for one. Raises `CallRefused` and
    `TransportError`."""
    scheme = urlsplit(url).scheme
    if ticket:
        if scheme not in ("ws", "wss"):
            raise TransportError(f"With a ticket the address is the one it came with, ws:// or wss://, not {url}.")
        return Way(url, ticket)
    if scheme not in ("http", "https"):
        raise TransportError(f"Without a ticket the address is the gateway's, http:// or https://, not {url}.")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        async with (
            asyncio.timeout(ANSWER_S),
            http.post(f"{url.rstrip('/')}/v1/voice/session", json={"kind": "ws"}, headers=headers) as answer,
        ):
            body = await answer.read()
            status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _unreachable(url, error) from None
    if status != 200:
        raise _refusal(status, body)
    try:
        found = msgspec.json.decode(body, type=_Session)
    except msgspec.DecodeError:
        raise TransportError(f"What answers at {url} is no hocket gateway: check the address.") from None
    return Way(found.urls.ws, found.ticket)


async def dial(http: aiohttp.ClientSession, url: str, hello: Hello) -> tuple[Socket, Welcome]:
    """Say hello and be welcomed. Raises `CallRefused`, and `TransportError` when nobody answers."""
    try:
        async with asyncio.timeout(ANSWER_S):
            socket = await http.ws_connect(url, heartbeat=ALIVE_S, max_msg_size=MAX_BYTES, timeout=_CLOSING)
            try:
                return socket, await _greet(socket, hello)
            except BaseException:
                await socket.close()
                raise
    except aiohttp.WSServerHandshakeError as error:
        raise _turned_away(error) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
        raise _unreachable(url, error) from None


def text_of(message: ClientMessage) -> str:
    """A message as it is sent."""
    return _ENCODER.encode(message).decode()


def read(text: str) -> ServerMessage | None:
    """A message of the gateway; None for one that this client does not know."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


async def _greet(socket: Socket, hello: Hello) -> Welcome:
    await socket.send_str(text_of(hello))
    message = await socket.receive()
    told = read(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
    if isinstance(told, Welcome):
        return told
    if isinstance(told, Refused):
        again = told.retry_after_s
        raise CallRefused(told.reason, retryable=again is not None, retry_after_s=again or 0)
    raise TransportError("The gateway closed the connection before it said anything; try again.")


def _refusal(status: int, body: bytes) -> CallRefused:
    """An answer of HTTP that gives no ticket."""
    told = _Problem()
    with suppress(msgspec.DecodeError, RecursionError):
        told = msgspec.json.decode(body, type=_Problem)
    reason = told.message or f"The gateway answered with status {status}."
    return CallRefused(reason, retryable=status in _LATER, retry_after_s=told.retry_after_s)


def _turned_away(error: aiohttp.WSServerHandshakeError) -> CallRefused:
    """An answer of HTTP where a WebSocket was asked for; its body is not to be had."""
    after = error.headers.get("Retry-After", "") if error.headers else ""
    return CallRefused(
        f"The gateway opens no WebSocket (status {error.status}): check the address, or try again later.",
        retryable=error.status in _LATER,
        retry_after_s=float(after) if after.isdecimal() else 0,
    )


def _unreachable(url: str, error: Exception) -> TransportError:
    why = str(error) or "no answer in time"
    return TransportError(f"No gateway can be reached at {url} ({why}): check that it runs, and the address.")


class _Urls(msgspec.Struct):
    ws: str


class _Session(msgspec.Struct):
    ticket: str
    urls: _Urls


class _Problem(msgspec.Struct):
    message: str = ""
    retry_after_s: float = 0


_LATER: Final = (429, 502, 503, 504)
_CLOSING: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)

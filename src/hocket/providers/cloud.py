"""What the cloud speech services have in common: an account, sockets that are never silently dead, and plain errors.

An address, a header or a key is a value or a function without arguments, asked again for every connection.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from hocket.errors import MissingError, StageError

if TYPE_CHECKING:
    import aiohttp

V = TypeVar("V")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""For options that are not given."""

Setting: TypeAlias = V | Callable[[], V]
"""A value, or a function that is asked for it at every connection."""

CONNECT_S = 5.0
WRITE_S = 2.0
HEARTBEAT_S = 3.0
"""Between pings. A peer that answers none for half as long again is lost, so a half-open socket lives 4.5 s at most."""

CLOSE_S = 0.25
UNREAD_BYTES = 16 << 20
"""Of messages received and not yet taken; two minutes of speech need less."""


class Account(msgspec.Struct, frozen=True):
    """Where a vendor is and who we are to it."""

    vendor: str
    variable: str
    """The environment variable that holds the key."""
    error: type[StageError]
    base_url: Setting[str]
    key: Setting[str] | None
    headers: Setting[Mapping[str, str]]
    auth: Callable[[str], Mapping[str, str]]
    """Headers that carry a key."""

    def request(self, path: str) -> tuple[str, dict[str, str]]:
        """The URL of a path and the headers that go with it. Raises the stage's error, also when there is no key."""
        try:
            url = _ask(self.base_url).rstrip("/") + path
            key = _ask(self.key) if self.key is not None else os.environ.get(self.variable, "")
            more = _ask(self.headers)
        except StageError:
            raise
        except Exception as error:  # a function that somebody else wrote
            raise self.error(
                f"A setting of {self.vendor} is a function that raised {type(error).__name__}.", retryable=False
            ) from error
        if not key:
            raise self.error(
                f"{self.vendor} needs a key: set the environment variable {self.variable}, or pass key=.",
                retryable=False,
            )
        headers = {**self.auth(key), **more}
        if any(character in value for value in headers.values() for character in "\r\n\0"):
            raise self.error(
                f"The key or a header for {self.vendor} has a line break in it: remove it.", retryable=False
            )
        return url, headers

    def refusal(self, status: int, about: str, detail: str = "", retry_after_s: float = 0.0) -> StageError:
        """The error for an HTTP status, as one sentence. `about` names what was asked for: model and voice.

        `retry_after_s`: for how long the vendor asks to be left alone.
        """
        said = f' It says: "{detail[:200]}".' if detail else ""
        if status in (401, 403):
            return self.error(
                f"{self.vendor} refused the key (HTTP {status}): check {self.variable} and what the key may do.{said}",
                retryable=False,
            )
        if status == 402:
            return self.error(
                f"{self.vendor} says the account has no credit left (HTTP 402): top it up.{said}", retryable=False
            )
        if status == 429:
            return self.error(
                f"{self.vendor} takes no more at the moment (HTTP 429): the account's limit of simultaneous streams"
                f" or requests is reached; wait, or raise it.{said}",
                retry_after_s=retry_after_s,
            )
        if 400 <= status < 500:
            return self.error(
                f"{self.vendor} does not accept the request (HTTP {status}): check {about} and the options.{said}",
                retryable=False,
            )
        return self.error(
            f"{self.vendor} failed (HTTP {status}); trying again may help.{said}", retry_after_s=retry_after_s
        )


class Dialer:
    """Opens sockets of one account over one HTTP session, which is opened with the first."""

    def __init__(self, account: Account) -> None:
        """Raises `MissingError` without aiohttp."""
        try:
            import aiohttp
        except ImportError:
            raise MissingError(
                f"{account.vendor} needs aiohttp, which is not installed: pip install hocket[cloud]"
            ) from None
        self.account = account
        self._aiohttp = aiohttp
        self._session: aiohttp.ClientSession | None = None

    async def open(self, path: str, query: list[tuple[str, str]], about: str) -> Socket:
        """A socket to `path`. Raises the account's error."""
        account, aiohttp = self.account, self._aiohttp
        url, headers = account.request(path)
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S))
        try:
            async with asyncio.timeout(CONNECT_S):
                websocket = await self._session.ws_connect(
                    url,
                    params=query,
                    headers=headers,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                )
        except TimeoutError:
            raise account.error(f"{account.vendor} could not be reached within {CONNECT_S:g} s.") from None
        except aiohttp.WSServerHandshakeError as error:
            said = error.headers or {}
            raise account.refusal(error.status, about, said.get("dg-error", ""), retry_after_s(said)) from None
        except aiohttp.InvalidURL:
            raise account.error(f"{account.vendor}: base_url is no address of a server.", retryable=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise account.error(f"{account.vendor} could not be reached ({type(error).__name__}).") from None
        return Socket(websocket, account)

    async def close(self) -> None:
        """Close the session and with it every socket."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class Inbox(Generic[V]):
    """Messages that have come and are not taken yet, bounded by their size: beyond it the sender has to be given up."""

    def __init__(self) -> None:
        self._unread: deque[tuple[V, int]] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._ended: Exception | None = None

    @property
    def ended(self) -> Exception | None:
        return self._ended

    def put(self, message: V, size: int) -> bool:
        """False when there is no room for it."""
        self._unread.append((message, size))
        self._size += size
        self._news.set()
        return self._size <= UNREAD_BYTES

    def end(self, error: Exception, *, at_once: bool = False) -> None:
        """No more comes: `take` raises the first error it is given, after what is unread or at once."""
        if at_once:
            self._unread.clear()
        if self._ended is None:
            self._ended = error
        self._news.set()

    async def take(self) -> V:
        """The next message. Raises what ended it."""
        while not self._unread:
            if self._ended is not None:
                raise self._ended
            self._news.clear()
            await self._news.wait()
        message, size = self._unread.popleft()
        self._size -= size
        return message


class Socket:
    """An open WebSocket that is read all the time, so that heartbeats are answered and a loss is noticed."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, account: Account) -> None:
        self.close_code = 0
        """How the other side closed; 0 when it did not."""
        self.close_words = ""
        self.inbox: Inbox[str] = Inbox()
        self._websocket = websocket
        self._account = account
        self._reader = asyncio.create_task(self._read(), name=f"{account.vendor}: read")

    @property
    def alive(self) -> bool:
        return self.inbox.ended is None and not self._websocket.closed

    async def send(self, data: str | bytes) -> None:
        """Send a text or a binary message. Raises the account's error when it is not taken in time."""
        websocket = self._websocket
        if self.inbox.ended is None:
            try:
                async with asyncio.timeout(WRITE_S):
                    await (websocket.send_str(data) if isinstance(data, str) else websocket.send_bytes(data))
            except TimeoutError:
                self._lose(f"took nothing for {WRITE_S:g} s")
            except OSError:
                self._lose("broke off the connection")
        if self.inbox.ended is not None:
            raise self.inbox.ended

    async def receive(self) -> str:
        """The next text message. Raises the account's error when the connection is lost."""
        return await self.inbox.take()

    async def close(self) -> None:
        """Say goodbye, wait a moment for the answer, and be gone. Legal twice."""
        self._lose("has been closed")
        self._reader.cancel()
        try:
            await asyncio.gather(self._reader, return_exceptions=True)
        finally:
            # A peer that goes on sending would keep the closing handshake waiting.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._websocket.close()

    async def _read(self) -> None:
        while self.inbox.ended is None:
            message = await self._websocket.receive()
            if message.type.name in ("TEXT", "BINARY"):
                text = message.data if isinstance(message.data, str) else message.data.decode("utf-8", "replace")
                if not self.inbox.put(text, len(text)):
                    self._lose("sends more than is being taken")
            elif message.type.name == "CLOSE":
                self.close_code, self.close_words = message.data, message.extra or ""
                said = f', "{self.close_words[:200]}"' if self.close_words else ""
                self._lose(f"closed the connection (code {self.close_code}{said})")
            else:
                self._lose("broke off the connection")

    def _lose(self, how: str) -> None:
        self.inbox.end(self._account.error(f"{self._account.vendor} {how}."))


def retry_after_s(headers: Mapping[str, str]) -> float:
    """How many seconds a refusal asks to be waited; 0 where it does not say, or says it as a date."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < math.inf else 0.0


def _ask(setting: Setting[V]) -> V:
    return setting() if callable(setting) else setting

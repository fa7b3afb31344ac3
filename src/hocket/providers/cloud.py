"""What the cloud speech services have in common: an account, sockets that are never silently dead, and plain errors.

An address, a header or a key is a value or a function without arguments, asked again for every connection.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar
from weakref import WeakSet

import msgspec

from hocket.errors import MissingError, StageError
from hocket.stages.bell import Bell

if TYPE_CHECKING:
    from hocket.providers.cloud_socket import Socket

V = TypeVar("V")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""For options that are not given."""

Setting: TypeAlias = V | Callable[[], V]
"""A value, or a function that is asked for it at every connection."""

CONNECT_S = 5.0
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
    """Opens sockets of one account."""

    def __init__(self, account: Account) -> None:
        """Raises `MissingError` without picows."""
        try:
            import picows  # noqa: F401
        except ImportError:
            raise MissingError(
                f"{account.vendor} needs picows, which is not installed: pip install hocket[cloud]"
            ) from None
        self.account = account
        self._open: WeakSet[Socket] = WeakSet()

    async def open(self, path: str, query: list[tuple[str, str]], about: str) -> Socket:
        """A socket to `path`. Raises the account's error."""
        from hocket.providers.cloud_socket import dial

        socket = await dial(self.account, path, query, about)
        self._open.add(socket)
        socket.left = self._open.discard
        return socket

    async def close(self) -> None:
        """Close every socket."""
        await asyncio.gather(*(socket.close() for socket in tuple(self._open)))


class Inbox(Generic[V]):
    """Messages that have come and are not taken yet, bounded by their size: beyond it the sender has to be given up."""

    def __init__(self) -> None:
        self._unread: deque[tuple[V, int]] = deque()
        self._size = 0
        self._news = Bell()
        self._ended: Exception | None = None

    @property
    def ended(self) -> Exception | None:
        return self._ended

    def put(self, message: V, size: int) -> bool:
        """False when there is no room for it."""
        self._unread.append((message, size))
        self._size += size
        self._news.ring()
        return self._size <= UNREAD_BYTES

    def end(self, error: Exception, *, at_once: bool = False) -> None:
        """No more comes: `take` raises the first error it is given, after what is unread or at once."""
        if at_once:
            self._unread.clear()
        if self._ended is None:
            self._ended = error
        self._news.ring()

    async def take(self) -> V:
        """The next message. Raises what ended it."""
        while not self._unread:
            if self._ended is not None:
                raise self._ended
            await self._news.rung()
        message, size = self._unread.popleft()
        self._size -= size
        return message


def retry_after_s(headers: Mapping[str, str]) -> float:
    """How many seconds a refusal asks to be waited; 0 where it does not say, or says it as a date."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < math.inf else 0.0


def _ask(setting: Setting[V]) -> V:
    return setting() if callable(setting) else setting

"""One vendor's HTTP API for models: kept-alive connections, streams of events, and every failure as an `LlmError`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

import msgspec

from hocket.errors import LlmError, MissingError
from hocket.providers.cloud import Account
from hocket.providers.llm_errors import malformed, refused
from hocket.providers.server_events import EventReader, EventTooLong, ServerEvent
from hocket.stages.llm import LlmDelta

if TYPE_CHECKING:
    import aiohttp

CONNECT_S: Final = 5.0
KEPT_S: Final = 55.0
"""How long an idle connection is kept. Load balancers in front of vendors drop theirs after 60 s or more."""

DRAIN_S: Final = 0.1
"""How long the end of a response is waited for once the reply is complete: only a response that was read to its end
leaves a connection that can be used again."""

HEADERS: Final = {
    "Content-Type": "application/json",
    # What is compressed waits in the compressor for more to come.
    "Accept-Encoding": "identity",
}

ERROR_BYTES: Final = 64 << 10


class Reader(Protocol):
    """Makes one response's events into deltas."""

    @property
    def complete(self) -> bool:
        """Whether the model has said that its reply ends here; only the usage may still come."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no further event comes."""
        ...

    def feed(self, event: ServerEvent) -> Iterator[LlmDelta]:
        """What this event says. Raises `LlmError` where it is an error, or nothing that can be read."""
        ...

    def finish(self) -> Iterator[LlmDelta]:
        """What comes last; nothing the second time. Raises `LlmError` for a reply that was broken off."""
        ...


class _ModelList(msgspec.Struct):
    data: list[dict[str, Any]]


class LlmHttp:
    """One session per event loop, opened with the first request. `about` is the model's name, for errors."""

    def __init__(self, account: Account, about: str, silence_s: float) -> None:
        """Raises `MissingError` without aiohttp."""
        try:
            import aiohttp
        except ImportError:
            raise MissingError(
                f"{account.vendor} needs aiohttp, which is not installed: pip install hocket[cloud]"
            ) from None
        self.account = account
        self._about = about
        self._silence_s = silence_s
        self._aiohttp = aiohttp
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()

    async def reply(self, path: str, body: dict[str, Any], reader: Reader) -> AsyncGenerator[LlmDelta, None]:
        """POST the body and yield what the reader makes of the events that come back.

        Closing it closes the connection, unless the response had ended. Raises `LlmError`.
        """
        try:
            async with (
                self._request("POST", path, msgspec.json.encode(body)) as response,
                aclosing(_events(response)) as events,
            ):
                async for event in events:
                    for delta in reader.feed(event):
                        yield delta
                    if reader.ended:
                        break
        except LlmError:
            # Everything was said: a connection that is lost before the usage costs the caller nothing.
            if not reader.complete:
                raise
        for delta in reader.finish():
            yield delta

    async def get(self, path: str) -> bytes:
        """The body of what is at `path`."""
        async with self._request("GET", path, None) as response:
            return await response.read()

    async def model_ids(self, path: str) -> tuple[str, ...]:
        """The models an account may use, as its vendor lists them."""
        try:
            listed = msgspec.json.decode(await self.get(path), type=_ModelList)
        except msgspec.DecodeError:
            raise malformed(self.account.vendor) from None
        # Google writes "models/" before each.
        return tuple(str(entry.get("id", "")).removeprefix("models/") for entry in listed.data)

    def require_key(self) -> None:
        """Raises `MissingError` when there can be no key: better said when an agent starts than to its first caller."""
        account = self.account
        if account.key is None and not os.environ.get(account.variable):
            raise MissingError(
                f"{account.vendor} needs a key: set the environment variable {account.variable}, or pass key=."
            )

    async def close(self) -> None:
        """Close the connections of the running loop. Legal twice; the next request opens new ones."""
        if (session := self._sessions.pop(asyncio.get_running_loop(), None)) is not None:
            await session.close()

    @asynccontextmanager
    async def _request(self, method: str, path: str, body: bytes | None) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response of status 200. What it was not read to the end of is not waited for: the connection is closed."""
        aiohttp, vendor = self._aiohttp, self.account.vendor
        url, headers = self._address(path)
        try:
            response = await self._session().request(method, url, data=body, headers=headers, allow_redirects=False)
            try:
                if response.status != 200:
                    raise await self._refusal(response, headers)
                yield response
                await self._drain(response)
            finally:
                response.close()
        except EventTooLong:
            raise malformed(self.account.vendor) from None
        except aiohttp.ConnectionTimeoutError:
            raise LlmError(f"{vendor} could not be reached within {CONNECT_S:g} s: check the network.") from None
        except TimeoutError:
            raise LlmError(f"{vendor} sent nothing for {self._silence_s:g} s.") from None
        except aiohttp.ClientConnectorCertificateError:
            raise LlmError(
                f"{vendor}'s certificate is not valid for the address it was asked at: check base_url.", retryable=False
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise LlmError(f"{vendor} could not be reached at {error.host}: check base_url and the network.") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise LlmError(f"The base_url of {vendor} is no HTTP address.", retryable=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise LlmError(f"{vendor} broke off the connection ({type(error).__name__}).") from None

    def _address(self, path: str) -> tuple[str, dict[str, str]]:
        """The URL and the headers of a request, with the functions among the settings asked."""
        try:
            url = self.account.address(path)
            headers = {**HEADERS, **self.account.all_headers()}
        except LlmError:
            raise
        except Exception as error:  # a function that somebody else wrote
            raise LlmError(
                f"A setting of {self.account.vendor} is a function that raised {type(error).__name__}.", retryable=False
            ) from error
        if any(character in value for value in headers.values() for character in "\r\n\0"):
            raise LlmError(
                f"The key or a header for {self.account.vendor} has a line break in it: remove it.", retryable=False
            )
        return url, headers

    def _session(self) -> aiohttp.ClientSession:
        aiohttp = self._aiohttp
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or session.closed:
            # No limit here: a request that waits for another's connection is a caller who waits. Who limits calls is
            # whoever admits them.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S, ttl_dns_cache=300)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._silence_s)
            session = aiohttp.ClientSession(connector=connector, timeout=timeout)
            self._sessions[loop] = session
        return session

    async def _refusal(self, response: aiohttp.ClientResponse, headers: dict[str, str]) -> LlmError:
        try:
            body = await response.content.read(ERROR_BYTES)
        except (self._aiohttp.ClientError, TimeoutError, OSError):
            body = b""
        account = self.account
        key = headers.get("Authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        return refused(account.vendor, self._about, account.variable, response.status, response.headers, body, key)

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                while await response.content.readany():
                    pass
        except (TimeoutError, self._aiohttp.ClientError):
            return  # the reply is complete: that its connection cannot be used again harms nobody


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[ServerEvent, None]:
    reader = EventReader()
    async for piece in response.content.iter_any():
        for event in reader.feed(piece):
            yield event

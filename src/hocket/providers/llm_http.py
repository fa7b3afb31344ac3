"""One vendor's HTTP API for models: kept-alive connections, streams of events, and every failure as an `LlmError`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

import msgspec

from hocket.errors import LlmError, MissingError
from hocket.providers.cloud import CONNECT_S, Account
from hocket.providers.llm_errors import malformed, refused
from hocket.providers.server_events import EventReader, EventTooLong, ServerEvent
from hocket.stages.llm import LlmDelta

if TYPE_CHECKING:
    import aiohttp

    from hocket.providers.http_connections import HttpConnections

TOUCH_S: Final = 3.0
"""An idle connection over which no answer comes for so long is dead; so is a vendor that answers no faster."""

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
    """Connections of each event loop, opened with its first request or by `warm`."""

    def __init__(self, account: Account, name: str, silence_s: float) -> None:
        """`name`: "vendor/model". Raises `MissingError` without aiohttp."""
        try:
            import aiohttp

            from hocket.providers.http_connections import HttpConnections
        except ImportError:
            raise MissingError(
                f"{account.vendor} needs aiohttp, which is not installed: pip install hocket[cloud]"
            ) from None
        self.account = account
        self._name = name
        self._silence_s = silence_s
        self._aiohttp = aiohttp
        self._open = HttpConnections
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, HttpConnections] = WeakKeyDictionary()

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

    async def warm(self, path: str) -> None:
        """Have connections open ahead, by asking what is at `path`; whether anything is there does not matter.

        Returns when the first is open; the rest is opened, and all are kept open, in the background until `close`.
        Raises `LlmError` when the vendor cannot be reached or refuses the key.
        """
        await self._here().warm(lambda: self._touch(path))

    def require_key(self) -> None:
        """Raises `MissingError` when there can be no key: better said when an agent starts than to its first caller."""
        account = self.account
        if account.key is None and not os.environ.get(account.variable):
            raise MissingError(
                f"{account.vendor} needs a key: set the environment variable {account.variable}, or pass key=."
            )

    async def close(self) -> None:
        """Close the connections of the running loop. Legal twice; the next request opens new ones."""
        if (connections := self._connections.pop(asyncio.get_running_loop(), None)) is not None:
            await connections.close()

    @asynccontextmanager
    async def _request(self, method: str, path: str, body: bytes | None) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response of status 200. What it was not read to the end of is not waited for: the connection is closed."""
        url, headers = self._address(path)
        connections = self._here()
        with self._mapped(self._silence_s):
            response = await connections.request(method, url, headers, body)
            try:
                if response.status != 200:
                    raise await self._refusal(response, headers)
                yield response
                await self._drain(response)
            finally:
                if not response.content.at_eof():
                    connections.lost()
                response.close()

    async def _touch(self, path: str) -> None:
        """Make a request whose answer does not matter, unless it is that the key is wrong."""
        url, headers = self._address(path)
        timeout = self._aiohttp.ClientTimeout(total=TOUCH_S)
        with self._mapped(TOUCH_S):
            async with self._here().session.head(
                url, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                if response.status == 401:
                    raise await self._refusal(response, headers)

    @contextmanager
    def _mapped(self, silence_s: float) -> Iterator[None]:
        """Foreign exceptions to `LlmError`."""
        aiohttp, vendor = self._aiohttp, self.account.vendor
        try:
            yield
        except EventTooLong:
            raise malformed(vendor) from None
        except aiohttp.ConnectionTimeoutError:
            raise LlmError(f"{vendor} could not be reached within {CONNECT_S:g} s: check the network.") from None
        except TimeoutError:
            raise LlmError(f"{vendor} sent nothing for {silence_s:g} s.") from None
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
        url, headers = self.account.request(path)
        return url, {**HEADERS, **headers}

    def _here(self) -> HttpConnections:
        """Those of the running loop."""
        loop = asyncio.get_running_loop()
        connections = self._connections.get(loop)
        if connections is None or connections.session.closed:
            self._connections[loop] = connections = self._open(self._name, self._silence_s)
        return connections

    async def _refusal(self, response: aiohttp.ClientResponse, headers: dict[str, str]) -> LlmError:
        try:
            body = await response.content.read(ERROR_BYTES)
        except (self._aiohttp.ClientError, TimeoutError, OSError):
            body = b""
        account = self.account
        key = headers.get("Authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        about = self._name.partition("/")[2]
        return refused(account.vendor, about, account.variable, response.status, response.headers, body, key)

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

"""The kept-alive HTTP connections to one vendor, on one event loop: how many are idle, and that enough of them are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from hocket.errors import StageError
from hocket.providers.cloud import CONNECT_S
from hocket.resilience.pool import FIRST_WAIT_S, LONGEST_WAIT_S, SIZE, TEND_S
from hocket.stages.notices import notify

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEPT_S: Final = 55.0
"""How long an idle connection is kept. Load balancers in front of vendors drop theirs after 60 s or more."""


class HttpConnections:
    """`session` opens connections as they are needed; `warm` has some open ahead, until `close`."""

    def __init__(self, name: str, silence_s: float) -> None:
        """`name`: the provider's, for notices. `silence_s`: a response that brings nothing for so long has failed."""
        self._name = name
        self._connector = _Connector()
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_start.append(self._create_starts)
        tracing.on_connection_create_end.append(self._create_ends)
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s),
            trace_configs=[tracing],
        )
        self._short = asyncio.Event()
        """There may be fewer idle ones than there should be."""
        self._keeper: asyncio.Task[None] | None = None

    @property
    def idle(self) -> int:
        """Connections that a request can take at once."""
        return self._connector.idle

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        """The head of a response; who closes it before its end says so to `lost`. Raises what aiohttp raises.

        An idle connection can be closed by the vendor at the moment it is written to. If so, no byte of a response
        has come, and the request is made again: over the next one, at last over a new one.
        """
        while True:
            dialling = _Dialling(self._name)
            try:
                return await self.session.request(
                    method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=dialling
                )
            except BaseException as error:
                dialling.fail()
                self.lost()
                idle_died = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
                if dialling.started or not idle_died:
                    raise

    async def warm(self, touch: Callable[[], Awaitable[None]]) -> None:
        """Have one idle connection now, and `SIZE` of them soon and until `close`.

        `touch` makes a cheap request, over an idle connection or a new one, and raises `StageError` within a deadline.
        So does this, when no connection can be made; if trying again may help, that goes on.
        """
        try:
            if not self.idle:
                await touch()
        except StageError as error:
            if error.retryable:
                self._keep(touch)
            raise
        self._keep(touch)

    def lost(self) -> None:
        """A connection was closed by us: another is opened in its place, if they are kept."""
        self._short.set()

    async def close(self) -> None:
        """Close all. Legal twice."""
        keeper, self._keeper = self._keeper, None
        try:
            if keeper is not None:
                keeper.cancel()
                await asyncio.wait({keeper})
        finally:
            await self.session.close()

    def _keep(self, touch: Callable[[], Awaitable[None]]) -> None:
        if self._keeper is None and not self.session.closed:
            self._short.set()
            self._keeper = asyncio.create_task(self._tend(touch), name=f"{self._name}: connections")

    async def _tend(self, touch: Callable[[], Awaitable[None]]) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            # One at a time, the longest idle first, so that a reply finds the others. One that is dead speaks against
            # all: then they are tried at once.
            for _ in range(0 if await self._is_short(TEND_S) else self.idle):
                if not await _answers(touch):
                    break
            self._short.clear()
            if self.idle >= SIZE:
                continue
            # So many at once take all that are idle, and dial the rest.
            if all(await asyncio.gather(*(_answers(touch) for _ in range(SIZE)))):
                wait_s = FIRST_WAIT_S
            else:
                self._short.set()
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _is_short(self, within_s: float) -> bool:
        """Wait for so long at most to hear that there are too few."""
        try:
            async with asyncio.timeout(within_s):
                await self._short.wait()
        except TimeoutError:
            return False
        return True

    async def _create_starts(self, _: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        if isinstance(dialling := context.trace_request_ctx, _Dialling):
            dialling.start()
            self._short.set()

    async def _create_ends(self, _: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        if isinstance(dialling := context.trace_request_ctx, _Dialling):
            dialling.end()


async def _answers(touch: Callable[[], Awaitable[None]]) -> bool:
    try:
        await touch()
    except StageError:
        return False
    return True


class _Dialling:
    """One request's wait for a new connection, of which notice is given. aiohttp calls back in the request's task."""

    def __init__(self, name: str) -> None:
        self.started = False
        """No idle connection was there."""
        self._name = name
        self._going_on = False

    def start(self) -> None:
        self.started = self._going_on = True
        notify("connect", "started", self._name)

    def end(self) -> None:
        self._going_on = False
        notify("connect", "ended", self._name)

    def fail(self) -> None:
        """The request has failed, for whatever reason."""
        if self._going_on:
            notify("connect", "failed", self._name)


class _Connector(aiohttp.TCPConnector):
    """Counts."""

    def __init__(self) -> None:
        # No limit: a request that waits for another's connection is a caller who waits. Who limits calls is whoever
        # admits them.
        super().__init__(limit=0, keepalive_timeout=KEPT_S, ttl_dns_cache=300)
        self._transports: set[asyncio.Transport] = set()
        self._in_use = 0

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            self._transports.add(connection.transport)
        self._in_use += 1
        connection.add_callback(self._released)
        return connection

    @property
    def idle(self) -> int:
        self._transports = {transport for transport in self._transports if not transport.is_closing()}
        return max(0, len(self._transports) - self._in_use)

    def _released(self) -> None:
        self._in_use -= 1

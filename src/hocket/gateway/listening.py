"""The front's HTTP port: connections are counted and have deadlines, before a byte of them is looked at."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Final, cast

from aiohttp import web

from hocket.errors import MissingError
from hocket.gateway.accepting import Acceptor
from hocket.gateway.addresses import Connections, Proxies

PER_ADDRESS: Final = 100
"""Connections at a time; a browser opens six."""

IN_ALL: Final = 4_000

HANDSHAKE_S: Final = 5.0
"""Of TLS."""

IDLE_S: Final = 15.0
"""A connection that has brought no whole request by then, or no other one, is closed."""

PROXY_IDLE_S: Final = 75.0
"""The same where proxies keep connections: they close first, so that no request of theirs meets a closed one."""


class HttpPort:
    """Serves an application."""

    def __init__(self, app: web.Application, proxies: Proxies, *, behind_proxy: bool) -> None:
        self.port = 0
        """Where it listens."""
        self._proxies = proxies
        self._connections = Connections(PER_ADDRESS, IN_ALL)
        idle_s = PROXY_IDLE_S if behind_proxy else IDLE_S
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=idle_s, lingering_time=2.0, shutdown_timeout=1.0
        )
        self._acceptor: Acceptor | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Answer from now on. Raises `MissingError` when the port cannot be used."""
        # It would log a traceback, an address and what was sent for each request that is none; the application logs
        # its own errors.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        await self._runner.setup()
        answerer = self._runner.server
        assert answerer is not None, "it is set up"

        def counted() -> _Counted:
            return _Counted(answerer(), self._connections, self._proxies)

        self._acceptor = Acceptor(counted, tls, HANDSHAKE_S)
        try:
            self.port = await self._acceptor.open(host, port)
        except MissingError:
            await self._runner.cleanup()
            raise

    async def close(self) -> None:
        """Answer no more."""
        if self._acceptor is not None:
            self._acceptor.close()
        await self._runner.cleanup()


class _Counted(asyncio.Protocol):
    """A connection that is counted, and closed at once when its address has too many."""

    __slots__ = ("_connections", "_counted", "_inner", "_proxies")

    def __init__(self, inner: asyncio.Protocol, connections: Connections, proxies: Proxies) -> None:
        self._inner: asyncio.Protocol | None = inner
        self._connections = connections
        self._proxies = proxies
        self._counted = ""

    def enter(self, address: str) -> bool:
        return bool(self._counted) or self._proxies.trusts(address) or self._count(address)

    def leave(self) -> None:
        counted, self._counted = self._counted, ""
        if counted:
            self._connections.close(counted)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if not address or not self.enter(address):
            self._inner = None
            cast(asyncio.Transport, transport).abort()
            return
        assert self._inner is not None, "it is dropped here only"
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.leave()
        if self._inner is not None:
            self._inner.connection_lost(error)

    def _count(self, address: str) -> bool:
        if self._connections.open(address):
            self._counted = address
            return True
        return False

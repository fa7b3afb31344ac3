"""Where a worker takes media: one WebSocket server that looks at who comes, and hands each path to its own listener.

Compression is never agreed to: audio does not shrink, and a few bytes could become a flood.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from hocket.errors import MissingError
from hocket.gateway.accepting import Acceptor
from hocket.gateway.addresses import Connections, Origins, Proxies, Rate
from hocket.gateway.admission import Refusal
from hocket.gateway.settings import Settings

try:
    from picows import (
        WSAutoPingStrategy,
        WSListener,
        WSUpgradeRequest,
        WSUpgradeResponse,
        WSUpgradeResponseWithListener,
    )

    # Its own server cannot tell a connection's address before the upgrade, nor count connections.
    from picows.picows import WSProtocol  # type: ignore[attr-defined]
except ImportError:
    raise MissingError("Serving calls needs picows, which is not installed: pip install hocket[serve]") from None

log = logging.getLogger(__name__)

HANDSHAKE_S: Final = 5.0
"""Who has not asked for a WebSocket by then, or shaken hands for TLS before, is not going to."""

IDLE_S: Final = 5.0
"""Without a message a ping is sent, and the connection is lost when no answer comes for as long again."""

MAX_FRAME_BYTES: Final = 64 * 1024
"""More than any line takes; a line says itself what is wrong with a message that is longer than it likes."""

READ_BYTES: Final = 4 * 1024
"""Of a connection's first read buffer; it grows as frames need."""

STRANGERS: Final = 100
"""Connections of one address beyond what calls need: they have asked for nothing yet, or shown no ticket."""

STRANGERS_IN_ALL: Final = 4_000

NEW_PER_S: Final = 20.0
NEW_AT_ONCE: Final = 200
"""Connections that an address may make, beyond those of as many calls as there can be. Each takes a millisecond of the
loop that all calls share; a carrier, which has few addresses, begins some calls a second."""

_PREFIX: Final = re.compile(r"/w/(\d{1,3})(?=/)")


class Upgrade(msgspec.Struct, frozen=True):
    """A request to open a WebSocket, after its origin and the limits of its address were found right."""

    path: str
    """Such as "/ws": without a proxy's /w/<i> and without the query."""
    url_path: str
    """As it was asked for."""
    query: str
    """Not to be logged."""
    headers: Mapping[str, str]
    """Names in any case."""
    address: str
    """Whence it came, behind trusted proxies too. Not to be logged."""


ListenerFactory: TypeAlias = Callable[[Upgrade], WSListener | WSUpgradeResponseWithListener | Refusal]
"""Returns what takes the connection, or why nothing does; then it is answered with that status."""


class MediaServer:
    """The WebSocket port of one worker."""

    def __init__(self, worker: int, settings: Settings, max_calls: int, paths: Mapping[str, ListenerFactory]) -> None:
        """`paths`: such as "/ws" -> what takes the connections there."""
        self.port = 0
        """Where it listens."""
        self.connections = Connections(max_calls + STRANGERS, max_calls + STRANGERS_IN_ALL)
        self.proxies = Proxies(settings.trusted_proxies)
        self._new = None if settings.dev else Rate(NEW_PER_S, max_calls + NEW_AT_ONCE)
        self._origins = Origins(settings.origins, dev=settings.dev)
        self._worker = worker
        self._paths = paths
        self._acceptor: Acceptor | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Take connections from now on. Raises `MissingError` when the port cannot be used."""
        logging.getLogger("picows").setLevel(logging.ERROR)  # it would log addresses
        self._acceptor = Acceptor(lambda: _Connection(_Door(self)), tls, HANDSHAKE_S)
        self.port = await self._acceptor.open(host, port)

    def close(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._acceptor is not None:
            self._acceptor.close()

    def may_connect(self, address: str) -> bool:
        """Has it made few enough connections? A developer's own machine always has."""
        return self._new is None or not self._new.ask(address, asyncio.get_running_loop().time())

    def welcome(self, request: WSUpgradeRequest, address: str) -> WSListener | WSUpgradeResponseWithListener | None:
        """What takes a connection, or the answer that none does."""
        target = request.path.decode("latin-1")
        url_path, _, query = target.partition("?")
        path = self._own(url_path)
        factory = self._paths.get(path)
        if factory is None:
            return None
        origin = request.headers.get("Origin")
        if origin is not None and not self._origins.allow(origin):
            return _answer(403, {"reason": "origin", "message": "Pages of this origin may not call."}, {})
        taken = factory(Upgrade(path, url_path, query, request.headers, address))
        return refused(taken) if isinstance(taken, Refusal) else taken

    def _own(self, path: str) -> str:
        """The path without the prefix that leads to this worker; another's leads nowhere."""
        found = _PREFIX.match(path)
        if found is None:
            return path
        return path[found.end() :] if int(found[1]) == self._worker else ""


class _Door:
    """What one connection is counted under, from its first moment to its last."""

    __slots__ = ("_counted", "_peer", "_server")

    def __init__(self, server: MediaServer) -> None:
        self._server = server
        self._peer = ""
        self._counted = ""

    def opened(self, peer: str) -> bool:
        """May it be open? A trusted proxy's connection is counted under whom it speaks for, once that is known. Asked
        again, it is not counted again."""
        if self._counted:
            return True
        self._peer = peer
        return self._server.proxies.trusts(peer) or self._count(peer)

    def closed(self) -> None:
        counted, self._counted = self._counted, ""
        if counted:
            self._server.connections.close(counted)

    def welcome(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        headers = request.headers
        if "upgrade" in (token.strip().lower() for token in headers.get("Connection", "").split(",")):
            headers["Connection"] = "upgrade"  # all that picows knows; Firefox says "keep-alive, Upgrade"
        forwarded = ",".join(headers.getall("X-Forwarded-For", []))
        address = self._server.proxies.caller(self._peer, forwarded)
        if not self._counted and not self._count(address):
            return refused(Refusal("too_many_requests", 10, 429))
        return self._server.welcome(request, address)

    def _count(self, address: str) -> bool:
        if self._server.may_connect(address) and self._server.connections.open(address):
            self._counted = address
            return True
        return False


class _Connection(WSProtocol):  # type: ignore[misc]
    """A connection that is counted."""

    def __init__(self, door: _Door) -> None:
        super().__init__(
            None,
            None,
            False,
            door.welcome,
            logging.getLogger("picows.server"),
            True,
            HANDSHAKE_S,
            True,
            IDLE_S,
            IDLE_S,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # pings are the listeners' to answer, which count them
            MAX_FRAME_BYTES,
            None,
            READ_BYTES,
        )
        self._door = door
        self._turned_away = False

    def enter(self, address: str) -> bool:
        return self._door.opened(address)

    def leave(self) -> None:
        self._door.closed()

    def connection_made(self, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        if not peer or not self._door.opened(str(peer[0])):
            self._turned_away = True
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._door.closed()
        if not self._turned_away:
            super().connection_lost(error)


def refused(refusal: Refusal) -> WSUpgradeResponseWithListener:
    """A refusal as an answer to a request for a WebSocket."""
    return _answer(refusal.status, refusal.body, refusal.headers)


def _answer(status: int, about: Mapping[str, Any], headers: Mapping[str, str]) -> WSUpgradeResponseWithListener:
    answer: WSUpgradeResponse = WSUpgradeResponse.create_error_response(
        status, msgspec.json.encode(about), {"Content-Type": "application/json", **headers}
    )
    return WSUpgradeResponseWithListener(answer, None)

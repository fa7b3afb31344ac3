"""Connections that are counted when they are accepted, and accepted a few at a time. A loop's own server accepts all
that wait at once, and with TLS tells of one only when that is done, so that any number could wait for it uncounted."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from hocket.errors import MissingError

BACKLOG: Final = 1024

AT_ONCE: Final = 10
"""Connections that are accepted before the loop, which holds calls too, turns to something else: each takes it a tenth
of a millisecond, and with TLS several."""

PAUSE_S: Final = 1.0
"""Until the next attempt when the system has no room for a connection."""


class Counted(Protocol):
    """Takes one connection, as an `asyncio.Protocol`; counts it before."""

    def enter(self, address: str) -> bool:
        """May there be a connection of this address? If so it counts, until `leave` or `connection_lost`."""
        ...

    def leave(self) -> None:
        """It did not come to a connection. Legal twice."""
        ...


class Acceptor:
    """Takes connections at one port. See `open`."""

    def __init__(self, make: Callable[[], Counted], tls: ssl.SSLContext | None, handshake_s: float) -> None:
        """`make` must return an `asyncio.Protocol`; one is made for each connection. `handshake_s`: of TLS."""
        self._make = make
        self._tls = tls
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> int:
        """Take connections from now on; returns the port. Raises `MissingError` when it cannot be used."""
        try:
            found = await self._loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _, address in dict.fromkeys(found):
                listener = socket.socket(family, kind, protocol)
                self._sockets.append(listener)
                listener.setblocking(False)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind(address)
                listener.listen(BACKLOG)
        except OSError as error:
            self.close()
            raise MissingError(
                f"Port {port} of {host} cannot be used ({error.strerror}): stop what listens there, or give another."
            ) from error
        for listener in self._sockets:
            self._loop.add_reader(listener, self._accept, listener)
        return int(self._sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more connections; those that are open stay. Legal twice."""
        sockets, self._sockets = self._sockets, []
        for listener in sockets:
            self._loop.remove_reader(listener)
            listener.close()
        for task in tuple(self._tasks):
            task.cancel()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptors, or no memory
                self._loop.remove_reader(listener)
                self._loop.call_later(PAUSE_S, self._go_on, listener)
                return
            counted = self._make()
            if not counted.enter(str(address[0])):
                connection.close()
                continue
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._hand_over(counted, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # Of a task that is cancelled before its first step, too.
            task.add_done_callback(lambda done, it=counted: it.leave() if done.cancelled() else None)  # type: ignore[misc]

    def _go_on(self, listener: socket.socket) -> None:
        if listener in self._sockets:
            self._loop.add_reader(listener, self._accept, listener)

    async def _hand_over(self, counted: Counted, connection: socket.socket) -> None:
        """Shake hands, if that is to be, and hand the connection over."""
        try:
            await self._loop.connect_accepted_socket(
                lambda: counted,  # type: ignore[type-var]
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=self._handshake_s if self._tls is not None else None,
            )
        except (OSError, EOFError):  # of TLS, and time-outs, too: whoever it was did not get as far as a request
            counted.leave()
            with suppress(OSError):
                connection.close()

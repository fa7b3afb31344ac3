"""A reverse proxy as `docs/how-to/behind-a-proxy.md` has them: one port that leads each path to its process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

CALLER: Final = "203.0.113.5"
"""Whence all connections come, as the proxy says."""

LOCAL: Final = "127.0.0.1"
MAX_BYTES: Final = 64 * 1024


class Proxy:
    """Passes each connection on to one process, with one request or one WebSocket."""

    def __init__(self, front_port: int) -> None:
        self.port = 0
        """Where it listens."""
        self._front = front_port
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{LOCAL}:{self.port}"

    def cut(self) -> None:
        """Break all connections off; new ones are taken."""
        for task in self._open:
            task.cancel()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._pass(reader, writer)
        except (asyncio.CancelledError, OSError, EOFError):
            pass  # cut, or one side has gone
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n")
        worker = re.match(rb"\w+ /w/(\d+)/", head)
        head = re.sub(rb"(?im)^(host: [^:\r]+):\d+", rb"\1", head)  # nginx's $host has no port
        head += f"X-Forwarded-For: {CALLER}\r\n".encode()
        if b"upgrade: websocket" not in head.lower():
            head += b"Connection: close\r\n"
        far_reader, far_writer = await asyncio.open_connection(
            LOCAL, self._front + 1 + int(worker[1]) if worker else self._front
        )
        try:
            far_writer.write(head + b"\r\n")
            ways = {asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))}
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        finally:
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(MAX_BYTES):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def proxied(front_port: int) -> AsyncIterator[Proxy]:
    """A proxy for the gateway whose front has this port."""
    proxy = Proxy(front_port)
    server = await asyncio.start_server(proxy.connected, LOCAL, 0)
    proxy.port = int(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()

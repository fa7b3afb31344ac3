"""Sockets that may do what no client's library would: any bytes, any frame, any pace, from any of loopback's addresses.

What comes back is counted by how each connection ended.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from struct import pack
from typing import Any, Final

import msgspec

from benchmarks.offending.gateway import ORIGIN

TEXT: Final = 1
BINARY: Final = 2
CONTINUATION: Final = 0
PING: Final = 9
NO_MASK: Final = bytes(4)
FINAL: Final = 0x80

ENDS: Final = Counter[str]()
"""How connections ended -> how many."""

_addresses = itertools.count()


def stranger() -> str:
    """One of many addresses that are not the live calls'."""
    number = next(_addresses)
    return f"127.7.{number // 250 % 250}.{number % 250 + 1}"


class Target(msgspec.Struct, frozen=True):
    """What is attacked, and for how long."""

    web: int
    """Port of the front."""
    media: int
    """Port of the worker, TCP and UDP."""
    seconds: float
    tickets: list[str]
    """Good ones, for calls by /ws."""
    spent: str
    """One that was used."""
    webrtc: str
    """A good one for WebRTC."""


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, address: str = "127.0.0.2", *, receive_bytes: int = 0) -> Line:
        own = socket.socket()
        own.setblocking(False)
        if receive_bytes:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        own.bind((address, 0))
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=own))

    async def upgrade(self, path: str = "/ws", origin: str = ORIGIN, more: str = "") -> str:
        """Ask for a WebSocket; returns the status."""
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Origin: {origin}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{more}\r\n".encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head.split()[1].decode()

    def frame(self, kind: int, data: bytes = b"", final: int = FINAL) -> None:
        self.writer.write(framed(kind, data, final))

    def say(self, **message: Any) -> None:
        self.frame(TEXT, msgspec.json.encode(message))

    async def hello(self, ticket: str, **fields: Any) -> None:
        self.say(type="hello", ticket=ticket, **fields)

    async def ending(self) -> str:
        """How the server ends it: the reason it gives, and its code."""
        said, code = "", "cut"
        try:
            while True:
                first, second = await self.reader.readexactly(2)
                size = second & 127
                if size == 126:
                    size = int.from_bytes(await self.reader.readexactly(2))
                elif size == 127:
                    size = int.from_bytes(await self.reader.readexactly(8))
                data = await self.reader.readexactly(size)
                if first & 15 == TEXT:
                    said = msgspec.json.decode(data).get("reason", said)
                elif first & 15 == 8:
                    code = str(int.from_bytes(data[:2]))
                    said = said or data[2:].decode("utf-8", "replace")
        except (asyncio.IncompleteReadError, ConnectionError):
            return f"{code} {said}".strip()

    def close(self) -> None:
        self.writer.transport.abort()


def framed(kind: int, data: bytes = b"", final: int = FINAL) -> bytes:
    """A frame of a client, with a mask of zeros."""
    size = len(data)
    length = (
        pack("!B", 0x80 | size) if size < 126 else pack("!BH", 0xFE, size) if size < 65_536 else pack("!BQ", 0xFF, size)
    )
    return bytes((kind | final,)) + length + NO_MASK + data


async def ended(line: Line, within_s: float) -> str:
    """How the server ended it, or that it did not."""
    try:
        async with asyncio.timeout(within_s):
            return await line.ending()
    except TimeoutError:
        return "stays open"
    finally:
        line.close()


async def over_and_over(target: Target, work: Callable[[], Awaitable[str]], at_once: int = 1) -> None:
    """Do it again and again, so many side by side, and count how it ends."""
    loop = asyncio.get_running_loop()
    until = loop.time() + target.seconds

    async def one() -> None:
        while loop.time() < until:
            try:
                async with asyncio.timeout(max(0.1, until - loop.time())):
                    ENDS[shortened(await work())] += 1
            except TimeoutError:
                ENDS["stays open"] += 1
            except (ConnectionError, asyncio.IncompleteReadError, OSError):
                ENDS["cut"] += 1

    await asyncio.gather(*(one() for _ in range(at_once)))


def shortened(end: str) -> str:
    return end if len(end) < 100 else end[:97] + "..."

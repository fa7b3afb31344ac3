"""A client's side of a WebSocket, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


def frame(first_byte: int, payload: bytes) -> bytes:
    """A masked frame, by a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    return bytes([first_byte]) + length + bytes(4) + payload


@asynccontextmanager
async def deaf(port: int, path: str) -> AsyncIterator[socket.socket]:
    """A connection on which nothing is read but the answer to the handshake; it does not block."""
    loop = asyncio.get_running_loop()
    handshake = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, handshake.encode())
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 101")
        yield client

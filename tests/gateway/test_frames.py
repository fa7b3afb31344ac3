from __future__ import annotations

import asyncio
import logging

import aiohttp
import pytest

from hocket.gateway.frames import AT_ONCE, BEFORE_HELLO, PER_S, TOO_MANY, Frames
from tests.gateway.clients import dialled, gateway, hello, until


def test_frames_may_come_at_once_and_then_at_their_rate() -> None:
    frames = Frames()
    allowed = sum(frames.allow(1_000.0, known=True) for _ in range(2 * AT_ONCE))
    assert abs(allowed - AT_ONCE) <= 1
    strange = Frames()
    assert sum(strange.allow(float(number), known=False) for number in range(1_000)) == BEFORE_HELLO
    later = Frames()
    assert all(later.allow(number / PER_S, known=True) for number in range(10 * PER_S))


PING = b"\x89\x84\0\0\0\0ping"
PONG = b"\x8a\x80\0\0\0\0"
BEGINS, GOES_ON = b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0"


@pytest.mark.parametrize(("first", "frame"), [(b"", PING), (b"", PONG), (BEGINS, GOES_ON)])
@pytest.mark.parametrize("with_call", [True, False])
def test_who_floods_without_a_message_is_closed_and_nobody_else(
    first: bytes, frame: bytes, with_call: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Else pings alone fill a core, and their unread pongs the memory."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with gateway() as server, dialled(server) as good, dialled(server) as bad:
            await hello(server, good)
            if with_call:
                await hello(server, bad)
            transport = bad._writer.transport
            transport.write(first)
            while not transport.is_closing():
                transport.write(frame * 100)
                await asyncio.sleep(0.001)
            await until(lambda: server.calls.live == 1 and len(server.sockets) == 1)

    asyncio.run(scenario())
    assert with_call == (TOO_MANY in caplog.text)


def test_a_ping_is_answered() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await socket.ping(b"there?")
            message = await socket._reader.read()
            assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"there?")

    asyncio.run(scenario())

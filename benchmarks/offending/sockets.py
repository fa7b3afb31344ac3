"""Offenders at the media port: who breaks the client protocol, WebSocket, HTTP or TCP."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from benchmarks.offending.wire import (
    BINARY,
    CONTINUATION,
    ENDS,
    PING,
    TEXT,
    Line,
    Target,
    ended,
    framed,
    over_and_over,
    shortened,
    stranger,
)

FRAME: Final = bytes(640)
SOCKETS: Final = 2_000
NEW_AT_ONCE: Final = 100


async def wrong_rate(target: Target) -> None:
    """A rate that is not spoken."""
    line = await _dialled(target)
    await line.hello(target.tickets[0], audio={"encoding": "pcm16", "rate": 44_100})
    ENDS[await ended(line, target.seconds)] += 1


async def wrong_frames(target: Target) -> None:
    """Half a sample; 300 ms at once; nothing."""
    for ticket, data in zip(target.tickets, (bytes(641), bytes(9_600), b""), strict=False):
        line = await _called(target, ticket)
        line.frame(BINARY, data)
        ENDS[await ended(line, target.seconds)] += 1


async def hundredfold(target: Target) -> None:
    """5,000 frames a second."""
    line = await _called(target, target.tickets[0])
    ending = asyncio.create_task(ended(line, target.seconds))
    while not ending.done():
        line.writer.write(framed(BINARY, FRAME) * 100)
        await asyncio.sleep(0.02)
    ENDS[ending.result()] += 1


async def bombs(target: Target) -> None:
    """JSON: deep, huge numbers, long strings, none at all."""
    texts = (
        b"[" * 16_000,
        b'{"type":"played","sample":' + b"9" * 16_000 + b"}",
        b'{"type":"dtmf","digit":"' + b"x" * 16_000 + b'"}',
        b'{"type":"played","sample":1e999}',
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b"\xff\xfe\x00",
        b"x" * 60_000,
    )
    for ticket, text in zip(target.tickets, texts, strict=False):
        line = await _called(target, ticket)
        line.frame(TEXT, text)
        ENDS[shortened(await ended(line, target.seconds))] += 1


async def unknown(target: Target) -> None:
    """Messages that there are not, audio for a hello, a second hello."""
    for ticket, kind, data in zip(
        target.tickets, (TEXT, TEXT, 3), (b'{"type":"sing"}', b'{"type":"hello"}', b""), strict=False
    ):
        line = await _called(target, ticket)
        line.frame(kind, data)
        ENDS[shortened(await ended(line, target.seconds))] += 1
    line = await _dialled(target)
    line.frame(BINARY, FRAME)
    ENDS[shortened(await ended(line, target.seconds))] += 1


async def silent(target: Target) -> None:
    """A call that sends nothing at all."""
    ENDS[await ended(await _called(target, target.tickets[0]), target.seconds)] += 1


async def never_reads(target: Target) -> None:
    """Three calls whose agent speaks, and nobody takes it."""
    lines = []
    for ticket in target.tickets[:3]:
        line = await Line.open(target.media, stranger(), receive_bytes=4_096)
        await line.upgrade()
        await line.hello(ticket)
        for number in range(60):
            line.frame(BINARY, os.urandom(640) if number < 30 else FRAME)
            await asyncio.sleep(0.02)
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        lines.append(line)
    await asyncio.sleep(target.seconds)
    for line in lines:
        line.close()
    ENDS["not told: it does not read"] += len(lines)


async def pings(target: Target) -> None:
    """As many pings as go, and no answer is read."""
    line = await _called(target, target.tickets[0], receive_bytes=4_096)
    line.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await _flood(target, line, framed(PING, bytes(125)) * 400)


async def parts(target: Target) -> None:
    """A message of endlessly many empty parts."""
    line = await _called(target, target.tickets[0])
    line.frame(TEXT, b"{", 0)
    await _flood(target, line, framed(CONTINUATION, b"", 0) * 8_000)


async def strangers_pings(target: Target) -> None:
    """Pings before any hello, on one connection after the other."""

    async def one() -> str:
        line = await _dialled(target)
        try:
            async with asyncio.timeout(2):
                while not line.reader.at_eof():
                    line.writer.write(framed(PING, bytes(8)) * 2_000)
                    await line.writer.drain()
        except (TimeoutError, ConnectionError):
            pass
        return await ended(line, 0.5)

    await over_and_over(target, one)


async def forged(target: Target) -> None:
    """Tickets that were used, changed, made up, or are somebody else's, as fast as connections can be made."""
    head, body, signature = target.tickets[0].split(".")
    made_up = (
        target.spent,
        f"{head}.{body}.{signature[::-1]}",
        f"eyJhbGciOiJub25lIn0.{body}.",
        target.webrtc,
        "A" * 9_000,
        "",
    )
    turn = 0

    async def one() -> str:
        nonlocal turn
        turn += 1
        line = await Line.open(target.media, "127.0.0.3")
        status = await line.upgrade()
        if status != "101":
            line.close()
            return f"HTTP {status}"
        await line.hello(made_up[turn % len(made_up)])
        return await ended(line, target.seconds)

    await over_and_over(target, one, at_once=8)


async def resumes(target: Target) -> None:
    """Resume tokens that are guessed."""

    async def one() -> str:
        line = await Line.open(target.media, "127.0.0.4")
        status = await line.upgrade()
        if status != "101":
            line.close()
            return f"HTTP {status}"
        line.say(type="hello", resume=os.urandom(24).hex())
        return await ended(line, target.seconds)

    await over_and_over(target, one, at_once=4)


async def wrong_origin(target: Target) -> None:
    """A page of another site."""

    async def one() -> str:
        line = await Line.open(target.media, stranger())
        try:
            return f"HTTP {await line.upgrade(origin='https://evil.example')}"
        finally:
            line.close()

    await over_and_over(target, one)


async def carriers(target: Target) -> None:
    """Who is no carrier."""
    for path in ("/twilio", "/telnyx?ticket=x"):
        line = await Line.open(target.media, stranger())
        status = await line.upgrade(path)
        if status != "101":
            ENDS[f"HTTP {status}"] += 1
            continue
        start = (
            b'{"event":"start","start":{"streamSid":"M","callSid":"C","call_control_id":"C","mediaFormat":{"encoding":'
        )
        line.frame(TEXT, start + b'"audio/x-mulaw","sampleRate":8000,"channels":1}}}')
        ENDS[await ended(line, target.seconds)] += 1


async def media_slowloris(target: Target) -> None:
    """2,000 sockets from 40 addresses that write a byte a second."""
    await slowly(target, target.media)


async def media_headers(target: Target) -> None:
    """Paths and headers without end."""
    await headers(target, target.media)


async def media_tls(target: Target) -> None:
    """The beginning of TLS, and noise, where neither is spoken."""
    await noise(target, target.media)


async def slowly(target: Target, port: int) -> None:
    addresses = [stranger() for _ in range(40)]
    lines: list[Line] = []
    for start in range(0, SOCKETS, NEW_AT_ONCE):
        opened = await asyncio.gather(
            *(Line.open(port, addresses[n % len(addresses)]) for n in range(start, start + NEW_AT_ONCE)),
            return_exceptions=True,
        )
        lines += [line for line in opened if isinstance(line, Line)]
    loop = asyncio.get_running_loop()
    until = loop.time() + target.seconds
    while loop.time() < until:
        for line in lines:
            line.writer.write(b"G")
        await asyncio.sleep(1)
    closed = sum(line.reader.at_eof() or line.reader.exception() is not None for line in lines)
    ENDS["closed"] += closed
    ENDS["stays open"] += len(lines) - closed
    for line in lines:
        line.close()


async def headers(target: Target, port: int) -> None:
    requests = (
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    turn = 0

    async def one() -> str:
        nonlocal turn
        turn += 1
        line = await Line.open(port, stranger())
        try:
            line.writer.write(requests[turn % len(requests)])
            answer = await line.reader.read(200)
            return f"HTTP {answer.split()[1].decode()}" if answer[:5] == b"HTTP/" else "cut"
        finally:
            line.close()

    await over_and_over(target, one, at_once=2)


async def noise(target: Target, port: int) -> None:
    async def one() -> str:
        line = await Line.open(port, stranger())
        try:
            line.writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500) + b"\r\n\r\n")
            answer = await line.reader.read(200)
            return f"HTTP {answer.split()[1].decode()}" if answer[:5] == b"HTTP/" else "cut"
        finally:
            line.close()

    await over_and_over(target, one, at_once=2)


async def _dialled(target: Target, *, receive_bytes: int = 0) -> Line:
    line = await Line.open(target.media, stranger(), receive_bytes=receive_bytes)
    assert await line.upgrade() == "101"
    return line


async def _called(target: Target, ticket: str, *, receive_bytes: int = 0) -> Line:
    line = await _dialled(target, receive_bytes=receive_bytes)
    await line.hello(ticket)
    return line


async def _flood(target: Target, line: Line, data: bytes) -> None:
    """Write it until the server closes, or time is over."""
    sent = 0
    try:
        async with asyncio.timeout(target.seconds):
            while not line.writer.is_closing():
                line.writer.write(data)
                await line.writer.drain()
                sent += len(data)
                await asyncio.sleep(0)
    except TimeoutError:
        ENDS[f"stays open, {sent // 2**20} MiB taken"] += 1
        line.close()
    except ConnectionError:
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        ENDS[await ended(line, 2)] += 1

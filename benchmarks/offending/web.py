"""Offenders at the front and at the worker's UDP port."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable
from struct import pack
from typing import Final

import msgspec

from benchmarks.offending import sockets
from benchmarks.offending.gateway import ORIGIN
from benchmarks.offending.wire import ENDS, Line, Target, over_and_over, stranger

BURST: Final = 50
COOKIE: Final = 0x2112A442


async def ticket_flood(target: Target) -> None:
    """Tickets for a page, from one address, as fast as they are answered."""
    await _requests(target, lambda: _post("/v1/voice/session", b"{}"), lambda: "127.0.0.5")


async def forwarded(target: Target) -> None:
    """The same, with another X-Forwarded-For each time."""
    made_up = (f"X-Forwarded-For: 10.0.{n // 250 % 250}.{n % 250}\r\n" for n in range(10**9))
    await _requests(target, lambda: _post("/v1/voice/session", b"{}", next(made_up)), lambda: "127.0.0.6")


async def bodies(target: Target) -> None:
    """Tickets asked for with JSON bombs, from a hundred addresses."""
    texts = (b"[" * 60_000, b'{"expires_s":1e999}', b'{"parameters":' * 4_000 + b"1" + b"}" * 4_000, b"9" * 60_000)
    addresses = [stranger() for _ in range(100)]
    await _requests(
        target,
        lambda: _post("/v1/voice/session", random.choice(texts)),
        lambda: random.choice(addresses),
    )


async def offers(target: Target) -> None:
    """SDP that takes long to read, and such as is none, without a ticket, from a hundred addresses."""
    head = "v=0\no=- 1 2 IN IP4 0.0.0.0\ns=-\nt=0 0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\n"
    codecs = "".join(f"a=rtpmap:{n} a/1\r" for n in range(1_800)) + "a=rtcp-fb:* x\r" * 2_200
    lines = "".join(f"a=rtpmap:{n} a/1\n" for n in range(990)) + "a=rtcp-fb:* x\n" * 990
    texts = (head + lines, head + codecs, head + "".join(f"a=ssrc:{n} x:y\n" for n in range(1_990)), "garbage", "")
    made = [msgspec.json.encode({"sdp": text, "ticket": "x"}) for text in texts]
    addresses = [stranger() for _ in range(100)]
    await _requests(
        target,
        lambda: _post("/webrtc/offer?worker=0", random.choice(made)),
        lambda: random.choice(addresses),
    )


async def wrong_page(target: Target) -> None:
    """A page of another site asks for tickets, for figures, and makes offers."""
    asked = (("POST", "/v1/voice/session"), ("POST", "/webrtc/offer?worker=0"), ("GET", "/metrics"))

    def one() -> bytes:
        method, path = random.choice(asked)
        return (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\nX-Forwarded-For: 127.0.0.1\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()

    await _requests(target, one, stranger)


async def web_slowloris(target: Target) -> None:
    """2,000 sockets from 40 addresses that write a byte a second."""
    await sockets.slowly(target, target.web)


async def web_headers(target: Target) -> None:
    """Paths, headers and bodies without end."""
    await sockets.headers(target, target.web)


async def web_tls(target: Target) -> None:
    """The beginning of TLS, and noise, where neither is spoken."""
    await sockets.noise(target, target.web)


async def strangers_packets(target: Target) -> None:
    """STUN, DTLS and RTP that nobody asked for, some 20,000 packets a second."""
    slow = pack("!HH", 0x0020, 20) + b"\0\2" + bytes(18)
    name = pack("!HH", 6, 12) + b"abcdefgh:ijk"
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: pack("!HHI", 1, 50 * len(slow), COOKIE) + os.urandom(12) + 50 * slow,
        lambda: pack("!HHI", 1, len(name), COOKIE) + os.urandom(12) + name,
        lambda: pack("!HHI", 0x101, 0, COOKIE) + os.urandom(12),
        lambda: b"\x16\xfe\xfd" + os.urandom(200),
        lambda: b"\x80\x6f" + os.urandom(170),
        lambda: os.urandom(1_200),
    )
    loop = asyncio.get_running_loop()
    until, sent = loop.time() + target.seconds, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        own.bind((stranger(), 0))
        while loop.time() < until:
            for _ in range(BURST):
                try:
                    own.sendto(random.choice(kinds)(), ("127.0.0.1", target.media))
                    sent += 1
                except OSError:
                    break
            await asyncio.sleep(BURST / 20_000)
        await asyncio.sleep(0.1)
        try:
            answered = len(own.recv(2_000)) > 0
        except OSError:
            answered = False
    ENDS[f"{'answered' if answered else 'dropped unanswered'}: {round(sent / target.seconds, -2):.0f} packets/s"] += 1


def _post(path: str, body: bytes, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _requests(target: Target, request: Callable[[], bytes], address: Callable[[], str]) -> None:
    async def one() -> str:
        line = await Line.open(target.web, address())
        try:
            for _ in range(5):
                line.writer.write(request())
                head = await line.reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")), 0
                )
                await line.reader.readexactly(length)
                ENDS[f"HTTP {head.split()[1].decode()}"] += 1
            return f"HTTP {head.split()[1].decode()}"
        finally:
            line.close()

    await over_and_over(target, one, at_once=4)

"""Callers who cost little: ICE and DTLS by aiortc, and after that packets made beforehand, on a timer of their own.

What comes back is counted and dated by its header, which is not encrypted; it is not decrypted or decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import msgspec
import numpy as np
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport
from aiortc.sdp import SessionDescription, candidate_to_sdp
from tests.speech import clip

from hocket.audio.frame import FRAME_MS
from hocket.audio.opus import OpusEncoder
from hocket.clock import cpu_time
from hocket.transports.webrtc.libopus import load_opus
from hocket.transports.webrtc.rtp import write_rtp

OPUS: Final = 111
FRAME_S: Final = FRAME_MS / 1000
CONNECT_S: Final = 120.0
"""For all callers, one after another, on a machine that others use as well."""


class Load(msgspec.Struct):
    """What a load was, and what the server made of it."""

    calls: int
    seconds: float
    server_cpu_per_call_s: float
    """Seconds of the server's processor time a second of a call."""
    server_core_share: float
    calls_per_core: float
    """The reciprocal of the first: an extrapolation where it is more than `calls`."""
    generator_core_share: float
    sender_late_p99_ms: float
    """How late the callers' own packets left."""
    heard_per_call_s: float
    """Frames that the server heard; 50 are right."""
    received_per_call_s: float
    """Packets that came from the server; 50 are right."""
    frame_late_p99_ms: float
    """How late the server's packets came, by each stream's own clock: its earliest packet is on time."""
    server_mb: float
    server_threads: int


def packets() -> list[bytes]:
    """The Opus of some recorded speech, with copies, at 24 kbit/s."""
    encoder = OpusEncoder(load_opus(), 16_000)
    speech = np.tile(clip("read_sentence/arctic_a0024.wav"), 4)
    return [encoder.encode(speech[at : at + 320]) for at in range(0, len(speech) - 319, 320)]


class Sender:
    """One caller."""

    def __init__(self, certificate: RTCCertificate) -> None:
        self._gatherer = RTCIceGatherer([])
        self._ice = RTCIceTransport(self._gatherer)
        self._ice._connection.ice_controlling = True
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._number = 0
        self.received = 0
        self.lateness: list[float] = []

    async def call(self, http: aiohttp.ClientSession, url: str) -> None:
        await self._gatherer.gather()
        ours = self._gatherer.getLocalParameters()
        mark = next(f for f in self._dtls.getLocalParameters().fingerprints if f.algorithm == "sha-256")
        candidates = [f"a=candidate:{candidate_to_sdp(each)}" for each in self._gatherer.getLocalCandidates()]
        lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}"]
        lines += [f"a=ice-ufrag:{ours.usernameFragment}", f"a=ice-pwd:{ours.password}"]
        lines += [f"a=fingerprint:sha-256 {mark.value}", "a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux"]
        lines += [f"a=rtpmap:{OPUS} opus/48000/2", *candidates, ""]
        async with http.post(url + "offer", json={"sdp": "\r\n".join(lines)}) as response:
            answer = SessionDescription.parse((await response.json())["sdp"]).media[0]
        for candidate in answer.ice_candidates:
            await self._ice.addRemoteCandidate(candidate)
        await self._ice.addRemoteCandidate(None)
        assert answer.ice is not None
        assert answer.dtls is not None
        self._dtls._set_role("server")
        await self._ice.start(answer.ice)
        await self._dtls.start(answer.dtls)
        assert self._dtls.state == "connected", "the handshake failed"
        connection = self._ice._connection
        self._pair = connection._nominated[1]
        self._loop = asyncio.get_running_loop()
        connection.data_received = self._arrived  # type: ignore[method-assign]

    def send(self, payload: bytes) -> None:
        self._number += 1
        packet = write_rtp(OPUS, False, self._number & 0xFFFF, self._number * 960, 1, payload)
        self._pair.protocol.transport.sendto(self._dtls._tx_srtp.protect(packet), self._pair.remote_addr)

    def _arrived(self, data: bytes, component: int) -> None:
        if data[0] >= 128 and not 192 <= data[1] <= 223:
            self.received += 1
            self.lateness.append(self._loop.time() - int.from_bytes(data[4:8]) / 48_000)

    async def close(self) -> None:
        await self._dtls.stop()
        await self._ice.stop()


async def measure(url: str, calls: int, seconds: float, warm_up_s: float = 2.0) -> Load:
    """So many calls at once, each sending and receiving 50 packets a second."""
    certificate = RTCCertificate.generateCertificate()
    senders = [Sender(certificate) for _ in range(calls)]
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(CONNECT_S):
            for sender in senders:
                await sender.call(http, url)
        late: list[float] = []
        sending = asyncio.create_task(_send(senders, packets(), late))
        await asyncio.sleep(warm_up_s)
        before, own, began = await _stats(http, url), cpu_time(), asyncio.get_running_loop().time()
        late.clear()
        for sender in senders:
            sender.received = 0
            sender.lateness.clear()
        await asyncio.sleep(seconds)
        after, used = await _stats(http, url), (cpu_time() - own) / 1e9
        took = asyncio.get_running_loop().time() - began
        received = sum(sender.received for sender in senders)
        lateness = np.concatenate([np.array(sender.lateness) - min(sender.lateness) for sender in senders])
        sending.cancel()
        for sender in senders:
            await sender.close()
    cpu = after["cpu_s"] - before["cpu_s"]
    return Load(
        calls=calls,
        seconds=round(took, 2),
        server_cpu_per_call_s=round(cpu / took / calls, 5),
        server_core_share=round(cpu / took, 3),
        calls_per_core=round(calls * took / cpu, 1),
        generator_core_share=round(used / took, 3),
        sender_late_p99_ms=round(float(np.percentile(late, 99)) * 1e3, 2),
        heard_per_call_s=round((after["frames"] - before["frames"]) / took / calls, 2),
        received_per_call_s=round(received / took / calls, 2),
        frame_late_p99_ms=round(float(np.percentile(lateness, 99)) * 1e3, 2),
        server_mb=round(after["rss_mb"], 1),
        server_threads=after["threads"],
    )


async def _send(senders: Sequence[Sender], payloads: Sequence[bytes], late: list[float]) -> None:
    """Each caller has its own moment within 20 ms; due times are absolute."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    number = 0
    while True:
        for index, sender in enumerate(senders):
            due = began + (number + index / len(senders)) * FRAME_S
            if (wait := due - loop.time()) > 0.001:
                await asyncio.sleep(wait)
            late.append(max(0.0, loop.time() - due))
            sender.send(payloads[(number + 7 * index) % len(payloads)])
        number += 1


async def _stats(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(url + "stats") as response:
        found: dict[str, Any] = await response.json()
        return found

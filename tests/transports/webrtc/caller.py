"""The far end of WebRTC calls for tests: aiortc's own peer connection, which shares no media code with hocket's."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any, Literal

import msgspec
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from hocket.audio.frame import Frame, Samples, silence

WIRE_RATE = 48_000
WIRE_FRAME = 960


class Says(MediaStreamTrack):
    """Sound at 48 kHz, at its pace, over and over: a starved machine may lose some of it once."""

    kind = "audio"

    def __init__(self, sound: Samples) -> None:
        super().__init__()
        self._sound = np.concatenate((sound, silence(-len(sound) % WIRE_FRAME or WIRE_FRAME)))
        self._at = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._at / WIRE_RATE - loop.time()))
        start = self._at % len(self._sound)
        samples = self._sound[start : start + WIRE_FRAME]
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = WIRE_RATE, self._at, Fraction(1, WIRE_RATE)
        self._at += WIRE_FRAME
        return frame


class Caller:
    """One caller with a microphone, an ear, and the data channel."""

    def __init__(self, sound: Samples | None = None, *, data: bool = True) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.peer.addTrack(Says(silence(0) if sound is None else sound))
        self.channel: RTCDataChannel | None = self.peer.createDataChannel("hocket") if data else None
        self.messages: list[dict[str, Any]] = []
        self._heard: list[Samples] = []
        self._listening: asyncio.Task[None] | None = None
        self.peer.on("track", self._track)
        if self.channel is not None:
            self.channel.on("message", self._message)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def say(self, **message: Any) -> None:
        assert self.channel is not None
        self.channel.send(msgspec.json.encode(message).decode())

    def heard(self) -> Samples:
        """Mono, at 48 kHz."""
        return np.concatenate([silence(0), *self._heard])

    def vanish(self) -> None:
        """Without a goodbye: nothing is sent or read any more."""
        for transceiver in self.peer.getTransceivers():
            for protocol in transceiver.sender.transport.transport._connection._protocols:
                protocol.transport.close()

    async def close(self) -> None:
        await self.peer.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.get_running_loop().create_task(self._listen(track))

    def _message(self, text: str) -> None:
        self.messages.append(msgspec.json.decode(text))

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                sound = np.asarray(frame.to_ndarray(), np.int16).reshape(-1, len(frame.layout.channels))
                self._heard.append(sound[:, 0].copy())
        except MediaStreamError:
            return


class Ear:
    """A receiver that keeps what it is told, and may say back what it hears."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.reports: list[tuple[int, float]] = []
        self.told: list[str] = []

    def hear(self, frame: Frame) -> None:
        self.frames.append(frame)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        assert source == "estimated"
        self.reports.append((sample, bound_ms))

    def dtmf(self, digit: str) -> None:
        self.told.append(f"key {digit}")

    def lost(self) -> None:
        self.told.append("lost")

    def back(self) -> None:
        self.told.append("back")

    def left(self, reason: str) -> None:
        self.told.append(f"left: {reason}")

    def samples(self) -> Samples:
        at = [frame.at for frame in self.frames]
        assert at == [320 * number for number in range(len(at))], "frames without gaps"
        return np.concatenate([frame.samples for frame in self.frames])


def chirp(seconds: float, rate: int, low: float = 300, high: float = 3_000) -> Samples:
    """One that sounds like nothing but itself."""
    t = np.arange(round(seconds * rate)) / rate
    return np.asarray(9_000 * np.sin(2 * np.pi * (low * t + (high - low) / (2 * seconds) * t * t)), np.int16)


def likeness(heard: Samples, said: Samples) -> float:
    """The best normalised correlation of `said` with any part of `heard`."""
    if len(heard) < len(said):
        return 0.0
    x, y = heard.astype(float), said.astype(float)
    size = 1 << (len(x) + len(y)).bit_length()
    sums = np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)[: len(x) - len(y) + 1]
    energy = np.concatenate(([0.0], np.cumsum(x * x)))
    norms = np.sqrt(energy[len(y) :] - energy[: len(energy) - len(y)]) * np.linalg.norm(y)
    return float(np.max(sums / (norms + 1.0)))

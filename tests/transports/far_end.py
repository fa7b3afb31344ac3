"""The session's side of a transport for tests: it notes what it is told, and says fixed things at fixed times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from hocket.audio.frame import Frame, Samples
from hocket.sim.loop import run
from hocket.transports.files import FilesTransport
from hocket.transports.script import Line, When

RATE = 16_000


def voice(seconds: float, rate: int = 16_000, amplitude: float = 6_000) -> Samples:
    """Something audible from its first to its last sample."""
    return np.full(round(seconds * rate), amplitude, np.int16)


class Agent:
    """A receiver that speaks at given seconds of the call, for given seconds, 20 ms at a time."""

    def __init__(self, transport: FilesTransport, speech: Sequence[tuple[float, float]] = ()) -> None:
        self.frames: list[Frame] = []
        self.heard_at: list[float] = []
        self.played_at: list[tuple[float, int]] = []
        self.gone: tuple[float, str] | None = None
        self.ended = asyncio.Event()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        for start, seconds in speech:
            for at in np.arange(start, start + seconds - 1e-9, 0.02):
                self._loop.call_at(self._began + at, transport.send, voice(0.02, transport.output_rate))

    @property
    def now(self) -> float:
        return round(self._loop.time() - self._began, 6)

    def hear(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.heard_at.append(self.now)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        assert (bound_ms, source) == (0, "acknowledged")
        self.played_at.append((self.now, sample))

    def dtmf(self, digit: str) -> None:
        raise AssertionError("files have no keys")

    def lost(self) -> None: ...

    def back(self) -> None: ...

    def left(self, reason: str) -> None:
        assert self.gone is None, "a caller leaves once"
        self.gone = (self.now, reason)
        self.ended.set()

    def caller(self) -> Samples:
        return np.concatenate([frame.samples for frame in self.frames])


def call(
    lines: Sequence[Line],
    agent_speaks: Sequence[tuple[float, float]] = (),
    recording: Path | None = None,
    tail_ms: float = 500,
) -> Agent:
    """A whole call in virtual time."""

    async def scenario() -> Agent:
        transport = FilesTransport(lines, recording=recording, tail_ms=tail_ms)
        agent = Agent(transport, agent_speaks)
        await transport.start(agent)
        await agent.ended.wait()
        await transport.close()
        return agent

    return run(scenario())


def line(seconds: float, when: When, amplitude: float = 9_000) -> Line:
    return Line(Frame(voice(seconds, RATE, amplitude), RATE, 0), when)


def stretches(samples: Samples, threshold: int = 4_000) -> list[tuple[float, float]]:
    """Where samples are loud: (start, end) in seconds."""
    loud = np.concatenate(([0], (np.abs(samples.astype(int)) > threshold).astype(int), [0]))
    edges = np.flatnonzero(np.diff(loud))
    return [(int(a) / RATE, int(b) / RATE) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def near(got: list[tuple[float, float]], wanted: list[tuple[float, float]], within: float) -> bool:
    return np.shape(got) == np.shape(wanted) and bool(np.allclose(got, wanted, rtol=0, atol=within))


def left_at(agent: Agent) -> float:
    assert agent.gone is not None
    assert agent.gone[1] == "end of the files"
    return agent.gone[0]

"""The contract of `hocket.stages.transport`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import pytest

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.errors import TransportError
from hocket.stages.transport import Transport
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing
from tests.stages.making import ANSWER_S, Make, Run, opened


def check_transport(
    make: Make[Transport], run: Run, broken: Make[Transport] | None = None, *, hangs_up: Make[Transport] | None = None
) -> list[Frame]:
    """`make` returns a line whose caller sends audio for at least a second; `hangs_up`, one whose caller leaves
    within 10 s. Returns the frames that were heard."""

    async def scenario() -> list[Frame]:
        async with opened(make) as line:
            frames = await _talks(line)
        for seconds in (0.0, 0.03, 0.21):
            await leaves_nothing(partial(_closed_early, make, seconds), f"a line closed after {seconds} s")
        await cancelled_anywhere(partial(_closed_early, make, 0.05), "a line")
        if broken is not None:
            async with opened(broken) as line:
                with pytest.raises(TransportError):
                    await line.start(Ear())
                await line.close()
        if hangs_up is not None:
            async with opened(hangs_up) as line:
                await _is_left(line)
        return frames

    return run(scenario())


class Ear:
    """A `Receiver` that keeps all it is told."""

    def __init__(self) -> None:
        self.home = threading.get_ident()
        self.frames: list[Frame] = []
        self.reports: list[tuple[int, float]] = []
        self.digits: list[str] = []
        self.reasons: list[str] = []

    def hear(self, frame: Frame) -> None:
        self._at_home()
        self.frames.append(frame)

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        self._at_home()
        assert source in ("acknowledged", "estimated")
        assert bound_ms >= 0
        self.reports.append((sample, bound_ms))

    def dtmf(self, digit: str) -> None:
        self._at_home()
        assert digit in set("0123456789*#ABCD")
        self.digits.append(digit)

    def lost(self) -> None: ...

    def back(self) -> None: ...

    def left(self, reason: str) -> None:
        self._at_home()
        assert reason
        self.reasons.append(reason)

    def _at_home(self) -> None:
        assert threading.get_ident() == self.home, "called from another thread"
        asyncio.get_running_loop()


async def _talks(line: Transport) -> list[Frame]:
    """A second of sound, a clear, half a second more, and a close that lets the last of it sound."""
    assert line.name
    assert line.input_rate >= 8000
    assert line.output_rate >= 8000
    assert 0 <= line.ahead_ms <= 60
    assert 20 <= line.frame_ms <= 100
    assert line.output_rate * line.frame_ms % 1000 == 0
    ear = Ear()
    await line.start(ear)
    await _until(lambda: len(ear.frames) >= 10, "the caller is not heard")
    tone = _tone(line.output_rate)
    sent = await _send(line, tone, 50)
    dropped = line.clear()
    assert 0 <= dropped <= sent, "more was dropped than was sent"
    sent += await _send(line, tone, 25)
    await _until(lambda: bool(ear.reports), "nothing was reported as played")
    for _ in range(max(1, line.ahead_ms // FRAME_MS)):
        line.send(tone)
        sent += len(tone)
    await line.close()
    heard = len(ear.frames)
    _assert_frames_follow(ear.frames, line.input_rate)
    _assert_reports(ear.reports, sent)
    sample, bound_ms = ear.reports[-1]
    assert sample + bound_ms * line.output_rate / 1000 + dropped >= sent, "close did not let it sound"
    await line.close()
    await asyncio.sleep(0.1)
    assert len(ear.frames) == heard, "the caller was heard after close"
    return ear.frames


def _assert_frames_follow(frames: list[Frame], rate: int) -> None:
    size = rate * FRAME_MS // 1000
    first = frames[0].at
    for index, frame in enumerate(frames):
        assert frame.rate == rate
        assert frame.samples.shape == (size,)
        assert frame.samples.dtype == np.int16
        assert frame.at == first + index * size, "a gap between the caller's frames"


def _assert_reports(reports: list[tuple[int, float]], sent: int) -> None:
    samples = [sample for sample, _ in reports]
    assert samples == sorted(samples), "the playout position went back"
    assert samples[0] >= 0
    assert samples[-1] <= sent, "more was played than was sent"


async def _send(line: Transport, frame: Samples, count: int) -> int:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for _ in range(count):
        assert line.send(frame) is None  # type: ignore[func-returns-value]
        due += FRAME_MS / 1000
        await asyncio.sleep(due - loop.time())
    return count * len(frame)


async def _closed_early(make: Make[Transport], seconds: float) -> None:
    async with opened(make) as line:
        try:
            await line.start(Ear())
            line.send(_tone(line.output_rate))
            await asyncio.sleep(seconds)
        finally:
            await line.close()
            await line.close()


async def _is_left(line: Transport) -> None:
    ear = Ear()
    await line.start(ear)
    await _until(lambda: bool(ear.reasons), "the caller left and nothing was said")
    line.send(_tone(line.output_rate))
    line.clear()
    await line.close()
    assert len(ear.reasons) == 1, "the caller left twice"


async def _until(true: Callable[[], bool], otherwise: str) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + ANSWER_S
    while not true():
        assert loop.time() < end, otherwise
        await asyncio.sleep(0.01)


def _tone(rate: int) -> Samples:
    size = rate * FRAME_MS // 1000
    return (8000 * np.sin(np.arange(size) * 2 * np.pi * 400 / rate)).astype(np.int16)

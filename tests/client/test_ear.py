from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from hocket.client.ear import Ear, Heard
from hocket.sim.loop import run
from hocket.transports.client_messages import AudioFormat, Played, Welcome

RATE = 16_000
FRAME = 320


class Listener:
    """Keeps what an ear reports and hears."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, Played]] = []
        self.heard: list[Heard] = []
        self.loop = asyncio.get_running_loop()
        self.ear = Ear(
            RATE, lambda report: self.reports.append((round(self.loop.time(), 3), report)), self.heard.append
        )

    async def play(self, frames: int, value: int = 1) -> None:
        """Frames at their pace, as a gateway sends them."""
        for _ in range(frames):
            self.ear.play(np.full(FRAME, value, np.int16))
            await asyncio.sleep(0.02)


def listening(scenario: Callable[[Listener], Coroutine[Any, Any, None]]) -> Listener:
    async def running() -> Listener:
        listener = Listener()
        task = asyncio.create_task(listener.ear.run())
        await scenario(listener)
        task.cancel()
        return listener

    return run(running())


def test_what_sounds_is_heard_and_reported_every_tenth_of_a_second_and_at_its_end() -> None:
    async def scenario(listener: Listener) -> None:
        await asyncio.sleep(5)
        await listener.play(12)
        await asyncio.sleep(5)
        await listener.play(1, value=2)
        await asyncio.sleep(1)

    listener = listening(scenario)
    assert listener.reports == [
        (5.1, Played(5 * FRAME)),
        (5.2, Played(10 * FRAME)),
        (5.24, Played(12 * FRAME)),
        (10.26, Played(13 * FRAME)),
    ]
    audio = np.concatenate([heard.samples for heard in listener.heard])
    assert audio[audio != 0].tolist() == [1] * (12 * FRAME) + [2] * FRAME
    assert listener.heard[0].at == 5 * RATE
    assert listener.heard[-1].at == pytest.approx(10.24 * RATE)


def test_a_clear_silences_at_once_and_is_reported_at_once() -> None:
    async def scenario(listener: Listener) -> None:
        for _ in range(100):
            listener.ear.play(np.ones(FRAME, np.int16))
        await asyncio.sleep(0.25)
        listener.ear.clear(12 * FRAME)
        assert listener.reports[-1] == (0.25, Played(12 * FRAME, clears=1))
        await asyncio.sleep(1)
        assert listener.ear.position == 12 * FRAME
        await listener.play(2)
        await asyncio.sleep(1)
        assert listener.reports[-1][1] == Played(14 * FRAME, clears=1)

    heard = listening(scenario).heard
    assert sum(int(it.samples.sum()) for it in heard) == 0.25 * RATE + 2 * FRAME


def test_without_a_connection_nothing_sounds() -> None:
    async def scenario(listener: Listener) -> None:
        for _ in range(100):
            listener.ear.play(np.ones(FRAME, np.int16))
        await asyncio.sleep(0.3)
        assert listener.ear.cut() == 15 * FRAME
        await asyncio.sleep(1)
        assert listener.ear.position == 15 * FRAME
        listener.ear.resume(Welcome("c", "r", 30, AudioFormat(), 60, position=14 * FRAME, clears=2))
        await listener.play(1)
        await asyncio.sleep(1)
        assert listener.reports[-1][1] == Played(15 * FRAME, clears=2)
        assert listener.ear.clears == 2

    listening(scenario)

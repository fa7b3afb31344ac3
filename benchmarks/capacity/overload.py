"""More calls than a gateway takes: how soon the others are refused, and what that costs those who are talking."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.capacity import processes, saying
from benchmarks.capacity.gateway import Gateway, serving
from benchmarks.capacity.saying import PERIOD_MS
from hocket.sim.load import Answer, Pacer, Script
from hocket.sim.load_twilio import LoadCall

TURNS: Final = 12
"""Of every live call: the first half in peace, the second while others try."""

SCRIPTS: Final = 4
AGAIN_S: Final = 5.0
"""A caller who was refused tries again after so long, as the refusal asks."""


class Overload(msgspec.Struct):
    """What is stored."""

    live: int
    offered: int
    refused: int
    """Attempts."""
    admitted: int
    """Of the live calls: all of them, if nobody was turned away for noise of the machine."""
    failed: int
    """Live calls that did not go on to their end."""
    refusal_p50_ms: float
    refusal_p99_ms: float
    refusal_max_ms: float
    p95_before_ms: float
    p95_during_ms: float


class _Live:
    """The calls that were taken."""

    def __init__(self, gateway: Gateway, scripts: list[Script], live: int) -> None:
        self.calls: list[LoadCall] = []
        self._gateway = gateway
        self._scripts = scripts
        self._live = live
        self._pacer = Pacer()

    async def begin(self) -> list[asyncio.Task[None]]:
        tasks = []
        for number in range(self._live):
            sid = f"CAlive{number:06}"
            place = await self._gateway.place_soon(sid)
            script = self._scripts[number % len(self._scripts)]
            self.calls.append(LoadCall(place.url, sid, script, self._pacer, {"ticket": place.ticket}))
            tasks.append(asyncio.create_task(self.calls[-1].run()))
            await asyncio.sleep(PERIOD_MS / 1000 / self._live)
        return tasks

    def answers(self, first: int, until: int) -> list[Answer]:
        return [answer for call in self.calls for answer in call.phone.answers[first:until]]


async def overload(live: int, times: float, seed: int) -> Overload:
    """Hold the most calls that a gateway takes, while so many times as many want to talk."""
    said = saying.calls(await saying.turns(SCRIPTS * TURNS, seed), TURNS, seed)
    offered = round(live * times)
    with tempfile.TemporaryDirectory(prefix="hocket-overload-") as folder:
        path = processes.stored(Path(folder), said)
        async with processes.wires(path, seed) as wires, serving(wires.arguments, live) as gateway:
            held = _Live(gateway, [one.script() for one in said], live)
            talking = await held.begin()
            # The last to begin has said half of its turns by then.
            await asyncio.sleep((TURNS // 2) * PERIOD_MS / 1000)
            refused_s: list[float] = []
            trying = [
                asyncio.create_task(_try(gateway, number, AGAIN_S * number / max(1, offered - live), refused_s))
                for number in range(offered - live)
            ]
            # The first to begin has not yet said its last; a place that is free would be taken.
            await asyncio.sleep((TURNS // 2 - 2) * PERIOD_MS / 1000)
            for attempt in trying:
                attempt.cancel()
            await asyncio.gather(*trying, return_exceptions=True)
            await asyncio.gather(*talking)
    refusals = np.array(refused_s or [0.0]) * 1000
    p50, p99, most = np.percentile(refusals, (50, 99, 100)).round(1).tolist()
    return Overload(
        live,
        offered,
        len(refused_s),
        len(held.calls),
        sum(call.ended != "caller" for call in held.calls),
        p50,
        p99,
        most,
        _p95(held.answers(1, TURNS // 2)),
        _p95(held.answers(TURNS // 2 + 1, TURNS - 1)),
    )


async def _try(gateway: Gateway, number: int, wait_s: float, refused_s: list[float]) -> None:
    await asyncio.sleep(wait_s)
    while True:
        place = await gateway.place(f"CAmore{number:06}")
        if not place.url:
            refused_s.append(place.asked_s)
        await asyncio.sleep(AGAIN_S)


def _p95(answers: list[Answer]) -> float:
    latencies = [answer.latency_ms for answer in answers if answer.latency_ms is not None]
    return round(float(np.percentile(latencies, 95)), 1) if latencies else 0.0

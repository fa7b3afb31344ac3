"""Holding many calls at once with one server, and what that took."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from benchmarks.capacity.processes import cpu_s, resident_mib
from benchmarks.capacity.saying import PERIOD_MS
from hocket.clock import SECOND, cpu_time
from hocket.sim.load import Answer, Pacer, Script
from hocket.sim.load_twilio import LoadCall

SETTLE_S: Final = 2.0
"""After the last call has begun, before anything is counted."""

BUSY: Final = 0.85
"""Of the other core: from here on callers and providers wait for each other, and measure themselves."""

LATE_P99_MS: Final = 5.0
"""From here on the callers are late."""


class Level(msgspec.Struct):
    """So many calls at once."""

    calls: int
    failed: int
    """Calls that did not go on to their end."""
    turns: int
    unanswered: int
    talked_over: int
    """Turns in which the agent began to speak before the caller had ended."""
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cpu_s_per_call_s: float
    server_core: float
    memory_mib_per_call: float
    """Growth of the server's resident memory since before the calls, by call."""
    load_core: float
    wires_core: float
    late_p50_ms: float
    late_p99_ms: float
    problems: list[str] = []

    @property
    def clean(self) -> bool:
        """The callers' side was not what limited it."""
        return self.load_core + self.wires_core < BUSY and self.late_p99_ms < LATE_P99_MS


class Held:
    """Calls of one level, as they go on."""

    def __init__(self, url: str, scripts: Sequence[Script], calls: int) -> None:
        self.pacer = Pacer()
        self.calls = [
            LoadCall(url, f"CAload{number:06}", scripts[number % len(scripts)], self.pacer) for number in range(calls)
        ]

    async def begin(self, over_s: float) -> list[asyncio.Task[None]]:
        """All calls, one after the other, evenly in this time."""
        tasks = []
        for call in self.calls:
            tasks.append(asyncio.create_task(call.run()))
            await asyncio.sleep(over_s / len(self.calls))
        return tasks

    def seconds(self) -> float:
        """Said by all, so far."""
        return sum(call.phone.said for call in self.calls) / 50

    def answers(self) -> list[Answer]:
        return [answer for call in self.calls for answer in call.phone.answers]


async def hold(url: str, pid: int, wires_pid: int | None, scripts: Sequence[Script], calls: int) -> Level:
    """Hold the calls for as long as their scripts are, and count what is used while all of them go on."""
    before_mib = resident_mib(pid)
    held = Held(url, scripts, calls)
    gc.collect()
    gc.freeze()
    tasks = await held.begin(PERIOD_MS / 1000)
    await asyncio.sleep(SETTLE_S)
    length_s = min(len(script.frames) for script in scripts) / 50
    until = asyncio.get_running_loop().time() + length_s - PERIOD_MS / 1000 - SETTLE_S - 1
    began = _Used(pid, wires_pid, held)
    await asyncio.sleep(until - asyncio.get_running_loop().time())
    ended, memory_mib = _Used(pid, wires_pid, held), resident_mib(pid)
    await asyncio.gather(*tasks)
    return _level(held, began, ended, (memory_mib - before_mib) / calls)


class _Used:
    """What had been used at one moment."""

    def __init__(self, pid: int, wires_pid: int | None, held: Held) -> None:
        self.at_s = asyncio.get_running_loop().time()
        self.server_s = cpu_s(pid)
        self.wires_s = cpu_s(wires_pid) if wires_pid is not None else 0.0
        self.load_s = cpu_time() / SECOND
        self.call_s = held.seconds()


def _level(held: Held, began: _Used, ended: _Used, memory_mib: float) -> Level:
    answers = held.answers()
    latencies = [answer.latency_ms for answer in answers if answer.latency_ms is not None]
    failed = [call for call in held.calls if call.ended != "caller"]
    passed_s, call_s = ended.at_s - began.at_s, ended.call_s - began.call_s
    server_s = ended.server_s - began.server_s
    return Level(
        calls=len(held.calls),
        failed=len(failed),
        turns=len(answers),
        unanswered=sum(answer.latency_ms is None and not answer.talked_over for answer in answers),
        talked_over=sum(answer.talked_over for answer in answers),
        p50_ms=_percentile(latencies, 50),
        p95_ms=_percentile(latencies, 95),
        p99_ms=_percentile(latencies, 99),
        cpu_s_per_call_s=round(server_s / call_s, 5) if call_s else 0.0,
        server_core=round(server_s / passed_s, 3),
        memory_mib_per_call=round(memory_mib, 2),
        load_core=round((ended.load_s - began.load_s) / passed_s, 3),
        wires_core=round((ended.wires_s - began.wires_s) / passed_s, 3),
        late_p50_ms=held.pacer.lateness.ms(0.5),
        late_p99_ms=held.pacer.lateness.ms(0.99),
        problems=sorted({call.ended for call in failed}),
    )


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None

"""Holding calls: scripts in, turns measured out."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.latency.measuring import Measured, add_draws, measured
from benchmarks.latency.party import Manners, ScriptedParty
from benchmarks.latency.speech import Turn
from benchmarks.latency.systems import Running
from benchmarks.latency.tracing import add_trace
from benchmarks.latency.wire import Wires
from hocket.clock import SECOND, cpu_time
from hocket.errors import TransportError
from hocket.sim.twilio import TwilioCaller

TURN_S: Final = 40.0
"""A call takes at most so long a turn; a system that keeps talking is hung up on."""

APART_S: Final = 0.13
"""Between the beginnings of simultaneous calls; no multiple of a frame."""


class Plan(msgspec.Struct, frozen=True):
    """One call to be held."""

    name: str
    turns: Sequence[Turn]
    seed: int
    manners: Manners = Manners()


class Load(msgspec.Struct):
    """How busy the two cores were, and whether the callers were on time."""

    system_core: float
    """Of the system's process: processor time by time."""
    callers_core: float
    """Of the callers and the wire servers together; well under 1, or they measure themselves."""
    late_p99_ms: float
    """By how much callers' frames were sent late."""
    broken: list[str] = []
    """Calls that did not end as planned, and why."""


class _Held(msgspec.Struct):
    plan: Plan
    party: ScriptedParty
    caller: TwilioCaller


async def hold(
    plans: Sequence[Plan],
    system: Running,
    wires: Wires,
    *,
    at_once: int,
    traces: Path | None = None,
    done: Callable[[int], None] = lambda turns: None,
) -> tuple[list[Measured], Load]:
    """Hold the calls, so many at once; `done` is told of the turns of each that is over."""
    waiting = iter(plans)
    held: list[_Held] = []
    broken: list[str] = []
    wires.delays.clear()
    loop = asyncio.get_running_loop()
    gc.collect()
    gc.freeze()
    began_s, system_s, own_ns = loop.time(), system.cpu_s(), cpu_time()

    async def work(number: int) -> None:
        await asyncio.sleep(number * APART_S)
        for plan in waiting:
            call = _call(plan, system, wires)
            try:
                async with asyncio.timeout(TURN_S * len(plan.turns)):
                    await call.caller.run()
            except (TransportError, TimeoutError) as error:
                broken.append(f"{plan.name}: {error or 'it went on for too long'}")
            finally:
                call.party.hang_up()
            if call.caller.ended == "server":
                broken.append(f"{plan.name}: the system hung up")
            held.append(call)
            done(len(plan.turns))

    await asyncio.gather(*(work(number) for number in range(at_once)))
    passed_s = loop.time() - began_s
    load = Load(
        round((system.cpu_s() - system_s) / passed_s, 4),
        round((cpu_time() - own_ns) / SECOND / passed_s, 4),
        round(float(np.percentile([call.caller.lateness_ms.p99 for call in held], 50)), 2) if held else 0.0,
        broken,
    )
    turns = itertools.chain.from_iterable(_measured(call, wires, traces) for call in held)
    return list(turns), load


def _call(plan: Plan, system: Running, wires: Wires) -> _Held:
    party = ScriptedParty(plan.turns, wires.lines, plan.seed, plan.manners)
    return _Held(plan, party, TwilioCaller(system.url, party, call_sid=plan.name))


def _measured(call: _Held, wires: Wires, traces: Path | None) -> list[Measured]:
    if not call.party.said:
        return []
    turns = measured(call.plan.name, call.caller.recording, call.party.said)
    for turn in turns:
        add_draws(turn, call.party.line, call.party.began_s, wires.delays.draws)
    if traces is not None:
        add_trace(turns, traces / f"{call.plan.name}.jsonl")
    return turns

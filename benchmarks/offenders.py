"""Who breaks the rules is closed with a reason: do the other calls notice?

A real `hocket serve` on core 0 holds calls by /ws whose agent speaks without end; an offender attacks it for a few
seconds from core 1, from addresses of its own. For each offender: how its connections ended, the p99 by which the
worker sent the other calls' frames late and the p99 by which they came late, before and meanwhile, what the attack cost
the worker and the front, and whether a call ended. `nobody` shows what the machine does by itself. Rounds are repeated,
and the median of the changes is shown. A change of more than 2 ms, or a call that ended, is a failure.

    python -m benchmarks.offenders [--calls 20] [--seconds 6] [--rounds 3] [--only NAME,NAME] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import msgspec
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.offending.calls import Call, begin
from benchmarks.offending.gateway import ORIGIN, Gateway, keep_off_the_gateways_core, put_first, running, used
from benchmarks.offending.offender import OFFENDERS
from benchmarks.offending.wire import Target
from hocket.sim.load import Pacer

RESULTS: Final = Path(__file__).parent / "results" / "offenders.json"
MAY_MOVE_MS: Final = 2.0
SETTLE_S: Final = 4.0
REST_S: Final = 1.0
TICKETS: Final = 8


class Measured(msgspec.Struct, frozen=True):
    """In a few seconds."""

    sent_p99_ms: float
    """How late the worker sent frames, by its own /metrics."""
    came_p99_ms: float
    """How late frames came to the callers."""
    worker_core: float
    front_core: float
    memory_mib: float
    """Of the worker, at the end."""


class Result(msgspec.Struct):
    """Of one offender."""

    offender: str
    ends: dict[str, int]
    """How its connections ended -> how many."""
    before: list[Measured]
    during: list[Measured]
    lost: list[str]
    """How live calls ended that should not have."""

    @property
    def sent_moved_ms(self) -> float:
        return median(d.sent_p99_ms - b.sent_p99_ms for b, d in zip(self.before, self.during, strict=True))

    @property
    def came_moved_ms(self) -> float:
        return median(d.came_p99_ms - b.came_p99_ms for b, d in zip(self.before, self.during, strict=True))

    @property
    def held(self) -> bool:
        return not self.lost and self.sent_moved_ms <= MAY_MOVE_MS


class Stored(msgspec.Struct):
    question: str
    calls: int
    seconds: float
    rounds: int
    results: list[Result]
    traceback_lines: int
    """Of the gateway's log."""


class Watch:
    """The gateway and its live calls, measured for a while."""

    def __init__(self, gateway: Gateway, calls: list[Call]) -> None:
        self._gateway = gateway
        self._calls = calls
        self._front, self._worker = gateway.process.pid, gateway.worker

    async def begin(self) -> None:
        self._since = asyncio.get_running_loop().time()
        self._used = used(self._worker), used(self._front)
        self._late = await self._gateway.lateness()

    async def end(self) -> Measured:
        seconds = asyncio.get_running_loop().time() - self._since
        worker, front = used(self._worker), used(self._front)
        pairs = zip(await self._gateway.lateness(), self._late, strict=False)
        late = [(bound, now - then) for (bound, now), (_, then) in pairs]
        came = [late for call in self._calls for late in call.late_ms(self._since)]
        for call in self._calls:
            call.arrivals.clear()
        return Measured(
            round(_p99(late) * 1000, 2),
            round(float(np.percentile(came, 99)), 2) if came else float("inf"),
            round((worker.cpu_s - self._used[0].cpu_s) / seconds, 3),
            round((front.cpu_s - self._used[1].cpu_s) / seconds, 3),
            round(worker.memory_mib, 1),
        )


def _p99(buckets: list[tuple[float, float]]) -> float:
    """Interpolated in its bucket; bounds and cumulative counts."""
    if not buckets:
        return float("inf")  # the worker did not even say
    rank = 0.99 * buckets[-1][1]
    low, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            share = (rank - before) / (count - before) if count > before else 0.0
            return low + share * (bound - low) if bound < float("inf") else low
        low, before = bound, count
    return low


class Offender:
    """A process that waits for its target."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, name: str) -> Offender:
        process = await asyncio.create_subprocess_exec(
            *("nice", "-n", "5", sys.executable, "-m", "benchmarks.offending.offender", name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        return cls(process)

    async def attack(self, target: Target) -> dict[str, int]:
        """How its connections ended."""
        printed, _ = await self._process.communicate(msgspec.json.encode(target))
        return msgspec.json.decode(printed, type=dict[str, int]) if printed.strip() else {"the offender failed": 1}


async def _target(gateway: Gateway, seconds: float) -> Target:
    places = [await gateway.place() for _ in range(TICKETS + 1)]
    webrtc = await gateway.place("webrtc")
    spent = places.pop()
    async with aiohttp.ClientSession() as http, http.ws_connect(spent.url, origin=ORIGIN) as socket:
        await socket.send_json({"type": "hello", "ticket": spent.ticket})
        await socket.receive()
        await socket.send_json({"type": "hang_up"})
    web = int(gateway.url.rpartition(":")[2])
    media = int(spent.url.rpartition(":")[2].partition("/")[0])
    return Target(web, media, seconds, [place.ticket for place in places], spent.ticket, webrtc.ticket)


async def measure(names: list[str], count: int, seconds: float, rounds: int) -> tuple[list[Result], str]:
    results = {name: Result(name, {}, [], [], []) for name in names}
    async with running() as gateway:
        pacer = Pacer()
        calls = [await begin(gateway, pacer) for _ in range(count)]
        gc.collect()
        gc.freeze()
        await asyncio.sleep(SETTLE_S)
        watch = Watch(gateway, calls)
        for _ in range(rounds):
            for name in names:
                result = results[name]
                target = await _target(gateway, seconds)
                offender = await Offender.start(name)
                await watch.begin()
                await asyncio.sleep(seconds)
                result.before.append(await watch.end())
                await watch.begin()
                ends, _ = await asyncio.gather(offender.attack(target), asyncio.sleep(seconds))
                result.during.append(await watch.end())
                for end, times in ends.items():
                    result.ends[end] = result.ends.get(end, 0) + times
                result.lost += [call.over for call in calls if call.over]
                for call in [call for call in calls if call.over]:
                    calls.remove(call)
                    calls.append(await begin(gateway, pacer))
                print(msgspec.json.encode(result).decode(), flush=True)
                await asyncio.sleep(REST_S)
        for call in calls:
            call.hang_up()
        await asyncio.sleep(REST_S)
    return list(results.values()), gateway.log


def show(stored: Stored) -> None:
    table = Table(title=f"{stored.calls} calls and one who breaks the rules")
    table.add_column("offender")
    table.add_column("how its connections ended", max_width=60)
    for column in ("sent late p99 ms", "moved", "came late p99 ms", "moved", "worker", "front", "MiB", "lost"):
        table.add_column(column, justify="right")
    for result in stored.results:
        before, during = result.before, result.during
        ends = [f"{times} x {end}" for end, times in sorted(result.ends.items(), key=lambda item: -item[1])]
        table.add_row(
            result.offender,
            "\n".join(ends[:6]),
            f"{median(m.sent_p99_ms for m in before):.1f} > {median(m.sent_p99_ms for m in during):.1f}",
            f"{result.sent_moved_ms:+.1f}",
            f"{median(m.came_p99_ms for m in before):.0f} > {median(m.came_p99_ms for m in during):.0f}",
            f"{result.came_moved_ms:+.0f}",
            f"{median(m.worker_core for m in before):.2f} > {median(m.worker_core for m in during):.2f}",
            f"{median(m.front_core for m in before):.2f} > {median(m.front_core for m in during):.2f}",
            f"{during[-1].memory_mib:.0f}",
            str(len(result.lost)),
            style="" if result.held else "bold red",
        )
    console = Console(width=180)
    console.print(table)
    console.print(f"lines of tracebacks in the gateway's log: {stored.traceback_lines}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each attack, and before it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names of offenders, with commas between")
    parser.add_argument("--quick", action="store_true", help="one short round, and store nothing")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 3.0, 1
    if not keep_off_the_gateways_core():
        print("There is only one core: everything shares it, and the figures say little.")
    put_first(0)
    names = [name for name in options.only.split(",") if name] or list(OFFENDERS)
    results, log = uvloop.run(measure(names, options.calls, options.seconds, options.rounds))
    tracebacks = sum("Traceback" in line or "exception" in line for line in log.splitlines())
    question = (__doc__ or "").splitlines()[0]
    stored = Stored(question, options.calls, options.seconds, options.rounds, results, tracebacks)
    if not options.quick and not options.only:
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(stored)) + b"\n")
    show(stored)


if __name__ == "__main__":
    main()

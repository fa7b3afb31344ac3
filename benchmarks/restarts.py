"""How many calls are lost when all workers are replaced over and over under load?

`hocket serve` with two workers and an agent of simulated stages; callers at /ws come one after the other and stay for
5 to 15 s. SIGHUP is sent as soon as the last replacement is over, until 100 workers have been replaced. A call is
dropped when it ends before the caller hangs up, or without a goodbye from the server; a caller does not reconnect here.

    python -m benchmarks.restarts            # 100 replacements, 20 calls at a time: about 15 minutes
    python -m benchmarks.restarts --short    # 6 replacements, 8 calls at a time
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table
from tests.gateway.caller import Caller, ticket
from tests.gateway.serve import serve

RESULT: Final = Path(__file__).parent / "results" / "restarts.json"
AGENT: Final = "tests.gateway.small_agent:agent"
WORKERS: Final = 2
SHORTEST_S: Final = 5.0
LONGEST_S: Final = 15.0


class Load:
    """Callers who come one after the other, a fixed number at a time."""

    def __init__(self, client: aiohttp.ClientSession, url: str, seed: int) -> None:
        self.held = self.dropped = 0
        self.refused = Counter[str]()
        """Reason -> starts that were refused; the caller tries again."""
        self.stopping = False
        self.reasons: list[str] = []
        self._client, self._url = client, url
        self._random = random.Random(seed)

    async def callers(self, count: int) -> None:
        """Until `stopping`; the calls that are held then are finished."""
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._caller(number / count * LONGEST_S))

    async def _caller(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while not self.stopping:
            placed = await ticket(self._client, self._url)
            if placed["status"] != 200:
                self.refused[placed["reason"]] += 1
                await asyncio.sleep(0.5)
                continue
            await self._call(placed)

    async def _call(self, placed: dict[str, Any]) -> None:
        caller = Caller()
        calling = asyncio.ensure_future(caller.call(self._client, placed))
        stays_s = self._random.uniform(SHORTEST_S, LONGEST_S)
        await asyncio.wait({calling}, timeout=stays_s)
        if calling.done() and caller.kinds == ["refused"]:
            self.refused["by the worker"] += 1
            return
        early = calling.done()
        caller.hang_up.set()
        with contextlib.suppress(aiohttp.ClientError, OSError):
            await calling
        if early or "bye" not in caller.kinds or not caller.audio_bytes:
            self.dropped += 1
            self.reasons.append(f"worker {placed['worker']}: {caller.kinds[-1:]} {caller.code}")
        else:
            self.held += 1


def complain(line: str) -> None:
    """Of what the gateway prints, what is wrong."""
    if " ERROR " in line:
        print(line.rstrip())


async def replace(process: asyncio.subprocess.Process, replacements: int, load: Load, console: Console) -> float:
    """Replace that many workers; returns the seconds it took."""
    loop = asyncio.get_running_loop()
    began, seen, told = loop.time(), set(children(process.pid)), 0
    with console.status("") as status:
        while (done := len(seen) - WORKERS) < replacements:
            process.send_signal(signal.SIGHUP)  # it is ignored while a replacement goes on
            await asyncio.sleep(0.5)
            seen.update(children(process.pid))
            if done > told:
                told = done
                status.update(f"{done} of {replacements} replaced; {load.held} calls held, {load.dropped} dropped")
    return loop.time() - began


def children(pid: int) -> list[int]:
    """The processes it has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def measure(replacements: int, calls: int, console: Console) -> dict[str, Any]:
    async with (
        serve(AGENT, "--dev", "--workers", str(WORKERS), tell=complain) as served,
        aiohttp.ClientSession() as client,
    ):
        load = Load(client, served.url, seed=1)
        calling = asyncio.ensure_future(load.callers(calls))
        await asyncio.sleep(LONGEST_S)  # until all callers are there
        took_s = await replace(served.process, replacements, load, console)
        load.stopping = True
        await calling
    for reason in load.reasons[:10]:
        print("dropped:", reason)
    return {
        "question": (__doc__ or "").splitlines()[0],
        "replacements": replacements,
        "workers": WORKERS,
        "calls_at_a_time": calls,
        "calls_held": load.held,
        "calls_dropped": load.dropped,
        "starts_refused": load.refused.total(),
        "refused_because": dict(load.refused),
        "seconds": round(took_s),
    }


def main() -> None:
    short = "--short" in sys.argv[1:]
    console = Console()
    result = asyncio.run(measure(6 if short else 100, 8 if short else 20, console))
    if not short:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    table = Table("replaced workers", "calls at a time", "held", "dropped", "starts refused", "s")
    row = ("replacements", "calls_at_a_time", "calls_held", "calls_dropped", "starts_refused", "seconds")
    table.add_row(*(str(result[name]) for name in row))
    console.print(table)
    console.print(f"refused, and tried again: {result['refused_because']}")
    if result["calls_dropped"]:
        sys.exit(1)


if __name__ == "__main__":
    main()

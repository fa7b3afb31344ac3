"""A real `hocket serve` on a core of its own, as the network sees it, and what its processes use."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec
from tests.gateway.serve import Served, serve

ORIGIN: Final = "https://talk.example"
CORE: Final = 0
TICKS: Final = os.sysconf("SC_CLK_TCK")
MAX_CALLS: Final = 60


class Place(msgspec.Struct, frozen=True):
    """A ticket and where to take it."""

    ticket: str
    url: str


class Used(msgspec.Struct, frozen=True):
    """By one process."""

    cpu_s: float
    memory_mib: float
    files: int


class Gateway:
    """A running one. Figures are those of its only worker."""

    def __init__(self, served: Served, http: aiohttp.ClientSession, key: str) -> None:
        self.process, self.url = served.process, served.url
        self._served = served
        self._http = http
        self._key = {"Authorization": f"Bearer {key}"}

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._served.printed

    async def place(self, kind: Literal["ws", "webrtc"] = "ws", expires_s: float = 600) -> Place:
        """Waits for as long as the worker is too late for more calls, which a noisy machine makes it."""
        body = {"kind": kind, "expires_s": expires_s}
        while True:
            async with self._http.post(f"{self.url}/v1/voice/session", json=body, headers=self._key) as answer:
                found = await answer.json()
                if answer.status == 200:
                    return Place(found["ticket"], found["urls"][kind])
            await asyncio.sleep(1)

    async def media_port(self) -> int:
        return urlsplit((await self.place()).url).port or 0

    async def lateness(self) -> list[tuple[float, float]]:
        """Of the worker's frames: seconds, how many were no later than that."""
        async with self._http.get(f"{self.url}/metrics", headers=self._key) as answer:
            text = await answer.text()
        rows = (line for line in text.splitlines() if line.startswith("hocket_frame_lateness_seconds_bucket"))
        return [(float(row.split('le="')[1].split('"')[0]), float(row.split()[-1])) for row in rows]

    @property
    def worker(self) -> int:
        """The worker's process."""
        front = self.process.pid
        return int(Path(f"/proc/{front}/task/{front}/children").read_text().split()[0])


def used(pid: int) -> Used:
    """So far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Used(
        (int(fields[11]) + int(fields[12])) / TICKS,
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(os.listdir(f"/proc/{pid}/fd")),
    )


def keep_off_the_gateways_core() -> bool:
    """Move this process and its children to the other cores; False where there is only one."""
    rest = os.sched_getaffinity(0) - {CORE}
    if not rest:
        return False
    os.sched_setaffinity(0, rest)
    return True


def put_first(pid: int) -> None:
    """Before what else the machine does, if this user may."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, -10)


@asynccontextmanager
async def running() -> AsyncIterator[Gateway]:
    """Start a gateway as for the open network: with an origin and a key, and all its limits."""
    key = secrets.token_urlsafe(24)
    async with (
        serve(
            "benchmarks.offending.agent:agent",
            *("--origin", ORIGIN, "--max-calls", str(MAX_CALLS), "--drain-timeout", "0"),
            env={"HOCKET_API_KEYS": key},
            begun=_prefer,
        ) as served,
        aiohttp.ClientSession() as http,
    ):
        yield Gateway(served, http, key)


def _prefer(pid: int) -> None:
    with suppress(OSError):  # where there is only one core
        os.sched_setaffinity(pid, {CORE})
    put_first(pid)

"""A real `hocket serve` on a core of its own, as the network sees it, and what its processes use."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec

ORIGIN: Final = "https://talk.example"
CORE: Final = 0
TICKS: Final = os.sysconf("SC_CLK_TCK")
READY_S: Final = 60.0
STOP_S: Final = 30.0
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

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession, key: str) -> None:
        self.process = process
        self.url = ""
        self.log = ""
        """All that it has printed."""
        self._http = http
        self._key = {"Authorization": f"Bearer {key}"}

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log += line.decode("utf-8", "replace")
            if not self.url and "takes calls at " in self.log:
                self.url = self.log.split("takes calls at ")[1].split()[0].replace("localhost", "127.0.0.1")

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
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hocket", "serve", "benchmarks.offending.agent:agent", "--port", "0"),
        *("--origin", ORIGIN, "--max-calls", str(MAX_CALLS), "--drain-timeout", "0"),
        env={**os.environ, "HOCKET_API_KEYS": key, "COLUMNS": "200", "NO_COLOR": "1"},
        stderr=asyncio.subprocess.PIPE,
    )
    with suppress(OSError):  # where there is only one
        os.sched_setaffinity(process.pid, {CORE})
    put_first(process.pid)
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(process, http, key)
        reading = asyncio.create_task(gateway.read())
        try:
            async with asyncio.timeout(READY_S):
                while not gateway.url:
                    if process.returncode is not None:
                        raise RuntimeError(f"hocket serve ended: {gateway.log}")
                    await asyncio.sleep(0.05)
            yield gateway
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            await reading

"""A real `hocket serve` in a process of its own, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
READY_S: Final = 60.0
STOP_S: Final = 30.0


class Served:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.url = ""
        """Where it takes calls; empty as long as it does not."""
        self.printed = ""
        self.told = asyncio.Event()
        """It takes calls, or has ended."""

    async def read(self, tell: Callable[[str], object]) -> None:
        """All that it prints until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode("utf-8", "replace")
            self.printed += text
            if self.url:
                tell(text)
            elif "takes calls at " in text:
                self.url = text.split("takes calls at ")[1].split()[0].replace("localhost", "127.0.0.1")
                self.told.set()
        self.told.set()

    async def stop(self) -> None:
        """Twice with patience, and then without."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.returncode is None:
                self.process.send_signal(number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(STOP_S):
                        await self.process.wait()


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens at, for a front and its workers."""
    for port in range(18_700, 19_700, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, one in enumerate(sockets):
                one.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no port is free")


@asynccontextmanager
async def serve(
    agent: str,
    *options: str,
    env: Mapping[str, str] | None = None,
    begun: Callable[[int], object] = int,
    tell: Callable[[str], object] = str,
) -> AsyncIterator[Served]:
    """Yields it when it takes calls, and stops it. Raises `RuntimeError` when it does not become ready.

    `begun` gets its process id at once, before it has workers; `tell` gets each line that it prints once it is ready.
    """
    served = Served(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hocket", "serve", agent, "--port", "0", *options),
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **(env or {})},
            stderr=asyncio.subprocess.PIPE,
        )
    )
    begun(served.process.pid)
    reading = asyncio.create_task(served.read(tell))
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await served.told.wait()
        if not served.url:
            raise RuntimeError(f"hocket serve did not become ready: {served.printed.strip()}")
        yield served
    finally:
        await served.stop()
        await reading

"""The systems under test: programs that answer calls on ws://127.0.0.1:PORT/twilio, each in a process on a core of its
own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.peers import venvs

START_S: Final = 60.0
"""Until a system says that it is ready: the slowest loads its models for 10."""

STOP_S: Final = 10.0

SYSTEM_CORE: Final = 0
OTHER_CORE: Final = 1

TICKS: Final = os.sysconf("SC_CLK_TCK")


class System(msgspec.Struct, frozen=True):
    """A program and its options."""

    name: str
    options: tuple[str, ...] = ()

    @property
    def is_hocket(self) -> bool:
        return self.name == "hocket"

    def command(self) -> list[str]:
        if self.is_hocket:
            return [sys.executable, "-m", "benchmarks.latency.hocket_server", *self.options]
        return [str(venvs.interpreter(self.name)), "-m", venvs.server(self.name), *self.options]


class Running(msgspec.Struct):
    """One that is ready."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """Processor time of it and of its processes that have ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def keep_off_the_systems_core() -> bool:
    """Move this process to the other core; False where there is only one."""
    cores = os.sched_getaffinity(0)
    if not {SYSTEM_CORE, OTHER_CORE} <= cores:
        return False
    os.sched_setaffinity(0, {OTHER_CORE})
    return True


@asynccontextmanager
async def running(system: System, wires: Sequence[str], traces: Path | None = None) -> AsyncIterator[Running]:
    """Start a system; it is ended when the block is left. Raises `RuntimeError` when it does not become ready."""
    port = _free_port()
    command = [*system.command(), "--port", str(port), *wires]
    if system.is_hocket and traces is not None:
        command += ["--traces", str(traces)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        _pin(process.pid)
        await _until_ready(process, system)
        yield Running(f"ws://127.0.0.1:{port}/twilio", process.pid)
    finally:
        await _stop(process)


async def _until_ready(process: asyncio.subprocess.Process, system: System) -> None:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            while (line := await process.stdout.readline()).strip() != b"ready":
                if not line:
                    raise RuntimeError(f"{system.name} ended before it was ready.")
    except TimeoutError:
        raise RuntimeError(f"{system.name} was not ready within {START_S:g} s.") from None


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def _pin(pid: int) -> None:
    if SYSTEM_CORE in os.sched_getaffinity(0) or len(os.sched_getaffinity(0)) == 1:
        try:
            os.sched_setaffinity(pid, {SYSTEM_CORE})
        except OSError:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])

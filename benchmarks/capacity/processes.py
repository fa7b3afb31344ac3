"""What a process has used: processor time, memory, sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.capacity import saying
from benchmarks.latency.systems import TICKS

WIRES_S: Final = 60.0
MIB: Final = 1 << 20


def cpu_s(pid: int) -> float:
    """Processor time, user and system, of a process and its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def descriptors(pid: int) -> int:
    """Open files and sockets of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


class Wires(msgspec.Struct, frozen=True):
    """The providers that run."""

    pid: int
    arguments: tuple[str, ...]


@asynccontextmanager
async def wires(calls: Path, seed: int) -> AsyncIterator[Wires]:
    """The simulated providers, for callers who say what is stored there. They inherit the cores of this process."""
    command = (sys.executable, "-m", "benchmarks.capacity.wires", str(calls), "--seed", str(seed))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WIRES_S):
            line = await process.stdout.readline()
        yield Wires(process.pid, tuple(msgspec.json.decode(line, type=list[str])))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def stored(folder: Path, calls: Sequence[saying.Said]) -> Path:
    """What is said, in a file of this folder for `wires`."""
    path = folder / "calls.msgpack"
    saying.store(path, calls)
    return path

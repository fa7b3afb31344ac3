"""A worker's figures as the front asks for them: what its calls came to, and how the process itself does."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import Final

import msgspec

from hocket.clock import SECOND, cpu_time
from hocket.gateway.pulse import Pulse
from hocket.observe.metrics import Meters, ProcessFigures
from hocket.resilience.slots import Slots
from hocket.session.load import LoadLevel

_STATM: Final = Path("/proc/self/statm")
_FILES: Final = "/proc/self/fd"
_PAGE: Final = resource.getpagesize()


class Figures:
    """Made once in a worker."""

    def __init__(self, meters: Meters, pulse: Pulse, load: LoadLevel, slots: Slots) -> None:
        self.meters = meters
        self._pulse = pulse
        self._load = load
        self._slots = slots

    def snapshot(self) -> bytes:
        """`observe.metrics.WorkerMetrics` as JSON."""
        pulse = self._pulse
        figures = self.meters.figures
        figures.process = ProcessFigures(
            loop_lag=pulse.lag,
            frame_lateness=pulse.frames,
            gc_pauses=pulse.gc.pauses,
            stalls=pulse.stalls,
            shed=self._load.level,
            memory_bytes=resident_bytes(),
            tasks=len(asyncio.all_tasks()),
            open_files=open_files(),
            cpu_s=cpu_time() / SECOND,
            slots=self._slots.in_use(),
        )
        return msgspec.json.encode(figures)


def resident_bytes() -> int:
    """Memory of this process that is in use now; the most it ever was where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def open_files() -> int:
    """Files and sockets that this process has open; 0 where the system does not tell."""
    try:
        return len(os.listdir(_FILES))
    except OSError:
        return 0

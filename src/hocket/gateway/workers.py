"""The front's workers: as many as there should be, each replaced when it ends, all replaced one by one on demand."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, Final

from hocket.clock import unix_time
from hocket.errors import InputError
from hocket.gateway.admission import Refusal
from hocket.gateway.calls import CLOSE_S, GOODBYE_S
from hocket.gateway.control import Report
from hocket.gateway.placing import Placement
from hocket.gateway.process import WorkerProcess
from hocket.gateway.settings import Settings
from hocket.gateway.tickets import EXPIRES_S, Kind, issue, source_of
from hocket.stages.bell import Bell

log = logging.getLogger(__name__)

BACKOFF_S: Final = 0.5
"""Before a worker that ended too soon is started again; doubled each time, up to `MAX_BACKOFF_S`."""

MAX_BACKOFF_S: Final = 30.0

SETTLED_S: Final = 60.0
"""A worker that has been ready for so long ends the doubling."""

REPLACED: Final = "the server is being replaced"


class StartError(InputError):
    """A worker could not start with what the user gave; it has said why on standard error."""


class Workers:
    """All the processes that hold calls. Numbers are 0 to 2N-1, so that each can be replaced while it drains."""

    def __init__(self, settings: Settings, secret: str, folder: Path) -> None:
        self._settings = settings
        self._secret = secret
        self._folder = folder
        self._running: dict[int, WorkerProcess] = {}
        """By number: all that have not ended."""
        self._posts: list[WorkerProcess | None] = [None] * settings.workers
        """Who takes new calls; None: its successor is being started."""
        self._keepers: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._freed = Bell()
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Start all; returns when all are ready. Raises `StartError` when one ends instead."""
        started = await asyncio.gather(*(self._start() for _ in self._posts))
        for post, worker in enumerate(started):
            if worker is not None:
                self._settle(post, worker)
        if None in started:
            raise StartError("A worker could not start.")

    @property
    def ready(self) -> int:
        """How many would be asked to take a call."""
        return 0 if self._stopping.is_set() else len(self._able())

    @property
    def running(self) -> tuple[WorkerProcess, ...]:
        """All that have not ended, draining ones too."""
        return tuple(self._running.values())

    def numbered(self, number: int) -> WorkerProcess | None:
        """The worker with this number."""
        return self._running.get(number)

    def place(
        self,
        kind: Kind,
        *,
        expires_s: float = EXPIRES_S,
        caller: str = "",
        parameters: dict[str, Any] | None = None,
        address: str = "",
    ) -> Placement | Refusal:
        """A place for one call on the worker with most room; or why there is none. The calls of an `address` are
        limited, where one is given."""
        if self._stopping.is_set():
            return Refusal("draining", 5)
        refusal = Refusal("starting", 2)
        best: tuple[float, WorkerProcess, Report] | None = None
        for worker in self._able():
            report = worker.report
            assert report is not None, "an able worker has reported"
            if report.refusal is not None:
                refusal = report.refusal
                continue
            share = (report.live + worker.promised) / report.max_calls
            if share >= 1:
                refusal = Refusal("busy", 5)
            elif best is None or share < best[0]:
                best = (share, worker, report)
        if best is None:
            return refusal
        _, worker, report = best
        worker.promised += 1
        ticket = issue(
            self._secret,
            kind=kind,
            worker=worker.id,
            now=unix_time(),
            expires_s=expires_s,
            caller=caller,
            parameters=parameters,
            source=source_of(self._secret, address) if address else "",
        )
        return Placement(ticket, worker.number, report.port, report.webrtc)

    async def replace(self) -> bool:
        """Start a successor for each worker and drain it once that is ready; returns when all have successors.

        False when a successor could not start: then the workers that are left go on as they are.
        """
        async with self._replacing:
            for post, old in enumerate(self._posts):
                if self._stopping.is_set():
                    return False
                if old is None:
                    continue  # its keeper is at it
                new = await self._start()
                if new is None:
                    if not self._stopping.is_set():
                        log.error("a new worker could not start; the running ones go on")
                    return False
                replaced = self._posts[post]  # another, where the old one has ended meanwhile
                self._settle(post, new)
                if replaced is not None:
                    await replaced.drain(self._settings.drain_timeout_s, REPLACED)
        return True

    async def stop(self, timeout_s: float, reason: str) -> None:
        """Take no more calls, let the live ones end within `timeout_s`, then end the rest for `reason`."""
        self._stopping.set()
        await asyncio.gather(*(worker.drain(timeout_s, reason) for worker in self.running))
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=timeout_s + GOODBYE_S + 2 * CLOSE_S)
        self.kill()
        if self._keepers:
            await asyncio.wait(self._keepers)

    def kill(self) -> None:
        """End all at once."""
        self._stopping.set()
        for worker in self.running:
            worker.kill()

    def _able(self) -> list[WorkerProcess]:
        return [
            worker
            for worker in self._posts
            if worker is not None and worker.state == "ready" and worker.report is not None
        ]

    async def _start(self) -> WorkerProcess | None:
        """A new worker that is ready; None when it could not start."""
        number = await self._free_number()
        worker = self._running[number] = WorkerProcess(number, self._secret, self._folder, self._settings)
        if await worker.start():
            return worker
        self._free(worker)
        return None

    async def _free_number(self) -> int:
        """The next number nobody has; a process that still drains keeps its own."""
        while True:
            for number in range(2 * self._settings.workers):
                if number not in self._running:
                    return number
            await self._freed.rung()

    def _free(self, worker: WorkerProcess) -> None:
        if self._running.get(worker.number) is worker:
            del self._running[worker.number]
        self._freed.ring()

    def _settle(self, post: int, worker: WorkerProcess, backoff_s: float = BACKOFF_S) -> None:
        self._posts[post] = worker
        keeper = asyncio.get_running_loop().create_task(self._keep(post, worker, backoff_s))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)

    async def _keep(self, post: int, worker: WorkerProcess, backoff_s: float) -> None:
        """Watch a worker to its end; if it was not told to end, start another in its place, later each time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        code = await worker.watch()
        self._free(worker)
        if self._posts[post] is not worker or self._stopping.is_set():
            return
        self._posts[post] = None
        if loop.time() - began > SETTLED_S:
            backoff_s = BACKOFF_S
        log.error("worker %d ended (%d): its calls are lost", worker.number, code)
        while not await self._stopped_within(backoff_s):
            backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
            new = await self._start()
            if new is None:
                log.error("a worker could not start; it is tried again in %g s", backoff_s)
            elif self._posts[post] is None and not self._stopping.is_set():
                self._settle(post, new, backoff_s)
                return
            else:
                await new.drain(0, REPLACED)
                return

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

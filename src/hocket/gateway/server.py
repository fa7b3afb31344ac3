"""The front process: its port, its workers, and the signals that end or renew them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from hocket.gateway.front import Front
from hocket.gateway.listening import HttpPort
from hocket.gateway.process import check_folder
from hocket.gateway.settings import Settings, check, origin_of
from hocket.gateway.tickets import new_secret
from hocket.gateway.web.pages import add_page
from hocket.gateway.webhooks import Webhooks
from hocket.gateway.worker import more_files, new_loop, tls_context
from hocket.gateway.workers import Workers
from hocket.observe.prometheus import render

log = logging.getLogger(__name__)

STOPPED: Final = "the server is shutting down"


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until told to stop; `ready` is called with the address once calls are taken.

    SIGTERM and SIGINT drain, a second one stops at once; SIGHUP replaces the workers one by one. Raises `ConfigError`
    for settings that are not safe, `StartError` when a worker cannot start, `MissingError` when a port is taken.
    """
    check(settings)
    tls_context(settings)  # what is wrong with it is said before anything is started
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    more_files()
    with asyncio.Runner(loop_factory=new_loop) as runner, _private_folder() as folder:
        runner.run(_serve(settings, folder, ready))


async def _serve(settings: Settings, folder: Path, ready: Callable[[str], None]) -> None:
    workers = Workers(settings, settings.secrets.secret or new_secret(), folder)
    front = Front(settings, workers, render)
    app = front.application()
    add_page(app, connect=_sources(settings))
    port = HttpPort(app, front.proxies, behind_proxy=bool(settings.trusted_proxies))
    app.router.add_routes(Webhooks(front.place, settings).routes())
    async with AsyncExitStack() as opened:
        opened.callback(workers.kill)
        await port.listen(settings.host, settings.port, tls_context(settings))
        opened.push_async_callback(port.close)
        signals = _Signals(workers, settings)
        await signals.unless_stopped(workers.start())
        if not signals.stop.is_set():
            ready(_address(settings, port.port))
        await signals.stop.wait()
        patience_s = 0.0 if settings.dev else settings.drain_timeout_s
        await signals.unless_hurried(workers.stop(patience_s, STOPPED))


class _Signals:
    """What the operator wants."""

    def __init__(self, workers: Workers, settings: Settings) -> None:
        self.stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._workers = workers
        self._renewing: set[asyncio.Task[bool]] = set()
        self._terminal = os.isatty(0)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)

    async def unless_stopped(self, work: Any) -> None:
        """Do it; give it up when told to stop."""
        await _unless(self.stop, work)

    async def unless_hurried(self, work: Any) -> None:
        """Do it; give it up when told a second time."""
        await _unless(self._hurry, work)

    def _ended(self) -> None:
        (self._hurry if self.stop.is_set() else self.stop).set()

    def _hung_up(self) -> None:
        if self._terminal and not os.isatty(0):  # the terminal it was started in is gone
            self._ended()
        elif not self.stop.is_set() and not self._renewing:
            renewing = asyncio.get_running_loop().create_task(self._workers.replace())
            self._renewing.add(renewing)
            renewing.add_done_callback(self._renewing.discard)


async def _unless(event: asyncio.Event, work: Any) -> None:
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})


@contextmanager
def _private_folder() -> Iterator[Path]:
    """For control sockets; only this user can look into it."""
    folder = Path(tempfile.mkdtemp(prefix="hocket-"))
    try:
        check_folder(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sources(settings: Settings) -> list[str]:
    """Where the page may connect to besides its own host."""
    if not settings.public_url:
        return []
    origin = origin_of(settings.public_url)
    return [origin, origin.replace("http", "ws", 1)]


def _address(settings: Settings, port: int) -> str:
    if settings.public_url:
        return settings.public_url
    host = "localhost" if settings.host in ("127.0.0.1", "::1", "localhost") else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{port}"

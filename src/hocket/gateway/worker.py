"""A worker: one process that holds calls. `python -m hocket.gateway.worker`, its orders on standard input.

Standard input stays open for as long as the front lives; when it ends, the worker does.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, TypeVar

import msgspec

from hocket.agent.loader import load_agent
from hocket.assembly import assemble
from hocket.errors import HocketError, InputError, MissingError
from hocket.gateway.admission import CALLS_PER_ADDRESS, CALLS_PER_CORE
from hocket.gateway.calls import Calls
from hocket.gateway.control import Control, Drain
from hocket.gateway.figures import Figures
from hocket.gateway.lines import Lines
from hocket.gateway.pulse import Pulse
from hocket.gateway.settings import Settings
from hocket.gateway.shedding import Shedding
from hocket.gateway.tickets import Tickets
from hocket.gateway.watchdog import Watchdog
from hocket.observe.metrics import Meters

log = logging.getLogger(__name__)

RATES: Final = ((8_000, 8_000), (16_000, 16_000), (16_000, 24_000))
"""Hertz, in and out, of carriers, of the page over a WebSocket and over WebRTC: nothing has to be made ready for their
calls any more."""

COLLECTED_AFTER: Final = (1_000, 10, 20)
"""Objects, and younger collections, until the next collection of each age. Young ones take 2 ms, and the oldest 10 for
a hundred calls, once in a minute or two: calls that are over are taken apart (`Session`), and tasks that are cancelled
keep no frames (`new_loop`), so that there is next to nothing to be found."""

T = TypeVar("T")

LEFT_ALONE: Final = "the server stopped"


class Orders(msgspec.Struct, frozen=True):
    """What the front tells a worker at its start."""

    number: int
    id: str
    """Of this very process: tickets name it."""
    secret: str
    socket: str
    """The path of the control socket."""
    settings: Settings

    @property
    def port(self) -> int:
        """Where it takes media; 0: any free one."""
        return self.settings.port and self.settings.port + 1 + self.number


def main() -> None:
    """Do what standard input orders. Exit code 2: what the user gave cannot work; the sentence is on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    lifeline = _take_over_stdin()
    orders = msgspec.json.decode(_first_line(lifeline), type=Orders)
    more_files()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(work(orders, lifeline))
    except HocketError as error:
        print(f"hocket: {error}", file=sys.stderr)  # noqa: T201 - the user's terminal
        sys.exit(2 if isinstance(error, InputError | MissingError) else 1)


async def work(orders: Orders, lifeline: int) -> None:
    """Take calls until told to drain, and until the last of them is over."""
    settings = orders.settings
    told = _Told(lifeline, settings.drain_timeout_s)
    agent = load_agent(settings.agent)
    async with AsyncExitStack() as opened:
        assembly = await opened.enter_async_context(assemble(agent))
        for rates in RATES:
            await assembly.prepare(*rates)
        pulse = Pulse(asyncio.get_running_loop(), assembly.wheel.lateness, Watchdog())
        meters = Meters()
        max_calls = settings.max_calls or CALLS_PER_CORE
        tickets = Tickets(orders.secret, orders.id)
        calls = Calls(
            assembly,
            tickets,
            max_calls=max_calls,
            max_calls_per_address=settings.max_calls_per_address or CALLS_PER_ADDRESS,
            pulse=pulse,
            meters=meters,
        )
        lines = Lines(calls, settings, orders.number)
        opened.push_async_callback(lines.close)
        port = await lines.open(orders.port, tls_context(settings))
        figures = Figures(meters, pulse, assembly.load, assembly.providers.slots)
        control = Control(calls, port, drain=told.drain, offer=lines.offer, metrics=figures.snapshot)
        settle_memory()
        shedding = Shedding(lambda: pulse.lag_p95_ms, assembly.load)
        for measuring in (pulse, shedding):
            measuring.start()
            opened.callback(measuring.stop)
        await control.listen(orders.socket)
        opened.push_async_callback(control.close)
        order = await told.stop
        if ended := await calls.drained(order.timeout_s, order.reason, hurry=told.alone):
            log.warning("worker %d ended %d calls that went on too long", orders.number, ended)


class _Told:
    """Whence a worker is told to end: by the front, by a signal, by the front's death."""

    def __init__(self, lifeline: int, drain_timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.stop: asyncio.Future[Drain] = loop.create_future()
        self.alone = asyncio.Event()
        """The front is dead: nobody would count on this process any more."""
        self._lifeline = lifeline
        loop.add_reader(lifeline, self._look)
        # A terminal sends its interrupt to all processes; what becomes of workers is the front's to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self.drain, Drain(drain_timeout_s, LEFT_ALONE))

    def drain(self, order: Drain) -> None:
        if not self.stop.done():
            self.stop.set_result(order)

    def _look(self) -> None:
        if not os.read(self._lifeline, 4096):
            asyncio.get_running_loop().remove_reader(self._lifeline)
            self.alone.set()
            self.drain(Drain(0, LEFT_ALONE))


def settle_memory() -> None:
    """To be called when all is ready: what is there now stays, and the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed; its tasks leave nothing behind that only the collector could find."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        pass
    loop = factory()
    loop.set_task_factory(_task)
    return loop


def _task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T] | Generator[Any, None, T], **options: Any
) -> asyncio.Task[T]:
    task = asyncio.Task(work, loop=loop, **options)
    task.add_done_callback(_forget_frames)
    return task


def _forget_frames(task: asyncio.Task[Any]) -> None:
    """A task that was cancelled keeps the error until it is asked for, and with it every frame it went through; whoever
    started it is in one of them, and mostly keeps the task."""
    if task.cancelled():
        with suppress(asyncio.CancelledError):
            task.exception()


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """For listeners; None without a certificate. Raises `MissingError` for files that cannot be used."""
    if not settings.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise MissingError(
            f"{settings.tls_cert} and {settings.tls_key} cannot be used ({error}): give a certificate and its key."
        ) from error
    return context


def more_files() -> None:
    """Have as many sockets as the system lets this user have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _take_over_stdin() -> int:
    """The orders' pipe, for this process only: what it starts gets an empty standard input."""
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return lifeline


def _first_line(pipe: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        part = os.read(pipe, 65_536)
        if not part:
            sys.exit(1)  # the front was gone before it could say anything
        line += part
    return bytes(line)


if __name__ == "__main__":
    main()

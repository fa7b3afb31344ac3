"""What all wire servers share: a port on loopback, keys, delays, faults and a log of what was asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Final, Self, TypeAlias

from aiohttp import web

from hocket.clock import SECOND
from hocket.errors import MissingError
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.exchange import CutOff, Exchange
from hocket.sim.wire.faults import Faults

Answer: TypeAlias = Callable[[Exchange], Awaitable[web.StreamResponse]]

EXCHANGES_KEPT: Final = 1_000
"""Requests that are remembered; the oldest are forgotten first."""


def no_delays() -> Delays:
    """Everything at once."""
    return Delays(Random(0), Even(0, 0), Even(0, 0), Even(0, 0))


class WireServer:
    """A server of one vendor's dialect. A dialect gives `routes`, `presented_key` and `error_body`."""

    def __init__(self, *, delays: Delays | None = None, key: str | None = None) -> None:
        self.delays = delays or no_delays()
        self.key = key
        """The only key that is accepted; None: any, and none."""
        self.faults = Faults()
        self.exchanges: deque[Exchange] = deque(maxlen=EXCHANGES_KEPT)
        """What has been asked, newest last."""
        self.url = ""
        """Where it listens, once started."""
        self._runner: web.AppRunner | None = None
        self._answering: set[asyncio.Task[object]] = set()

    def routes(self) -> dict[tuple[str, str], Answer]:
        """(HTTP method, path) -> what answers it. A WebSocket is a GET."""
        raise AssertionError("a dialect has routes")

    def presented_key(self, request: web.Request) -> str:
        """The key in a request, where this vendor's clients put it."""
        raise AssertionError("a dialect knows where its key is")

    def error_body(self, status: int, message: str) -> bytes:
        """An error as this vendor words it: JSON."""
        raise AssertionError("a dialect has errors")

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1, on a free port unless one is given; returns the address. Raises `MissingError`."""
        application = web.Application(client_max_size=1 << 26)
        for (method, path), answer in self.routes().items():
            application.router.add_route(method, path, partial(self._serve, answer))
        application.router.add_route("*", "/{anything:.*}", partial(self._serve, self._unknown))
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise MissingError(f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}): give another.") from error
        self._runner = runner
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Stop listening and cut what is being answered. Legal twice."""
        runner, self._runner = self._runner, None
        for task in tuple(self._answering):
            task.cancel()
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def refuse(self, exchange: Exchange, status: int, message: str, retry_after_s: float = 0.0) -> web.Response:
        """An error in the vendor's words, for a dialect to return."""
        exchange.state = "refused"
        headers = {"Retry-After": f"{retry_after_s:g}"} if retry_after_s else None
        body = self.error_body(status, message)
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    async def pause(self, delay_ns: int) -> None:
        """Let a delay drawn from `delays` pass."""
        if delay_ns:
            await asyncio.sleep(delay_ns / SECOND)

    async def _serve(self, answer: Answer, request: web.Request) -> web.StreamResponse:
        exchange = Exchange(request, self.faults.next())
        self.exchanges.append(exchange)
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        try:
            exchange.body = await request.read()
            if self.key is not None and self.presented_key(request) != self.key:
                return self.refuse(exchange, 401, "The API key is not valid.")
            fault = exchange.fault
            if fault is not None and fault.kind == "status":
                return self.refuse(exchange, fault.status, "Planned by the test.", fault.seconds)
            return await answer(exchange)
        except CutOff:
            return exchange.response
        except ConnectionError:
            exchange.state = "left"
            return exchange.response
        except asyncio.CancelledError:
            exchange.state = "left" if self._runner is not None else "cut"
            raise

    async def _unknown(self, exchange: Exchange) -> web.StreamResponse:
        return self.refuse(exchange, 404, f"There is no {exchange.request.path} here.")

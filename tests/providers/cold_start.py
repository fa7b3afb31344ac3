"""A proxy that makes connections slow to open, or lets them die unnoticed; and what warm adapters do about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Final, Protocol, TypeVar

from hocket.sim.wire.server import WireServer
from hocket.stages.notices import Notice, listen
from tests.providers.on_the_wire import Closable

HANDSHAKE_S: Final = 0.15
SLACK_S: Final = 0.02
STEP_S: Final = 0.01
REPLIES: Final = 3


class Proxy:
    """Bytes between clients and a server."""

    def __init__(self, handshake_s: float = 0.0) -> None:
        """`handshake_s`: every connection takes so long to open."""
        self.connections = 0
        self.url = ""
        self._handshake_s = handshake_s
        self._port = 0
        self._swallowed = 0
        self._serving: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        """From now on nothing passes over the connections there are, and nobody hears of it: they are half-open."""
        self._swallowed = self.connections

    @asynccontextmanager
    async def before(self, server: WireServer) -> AsyncIterator[None]:
        async with server:
            self._port = int(server.url.rpartition(":")[2])
            listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            try:
                yield
            finally:
                listening.close()
                for task in self._serving:
                    task.cancel()
                await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(self.connections, reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(writer.close)
            await asyncio.sleep(self._handshake_s)
            further, upstream = await asyncio.open_connection("127.0.0.1", self._port)
            stack.callback(upstream.close)
            ways = [
                asyncio.create_task(self._pump(number, reader, upstream)),
                asyncio.create_task(self._pump(number, further, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if number > self._swallowed:
                writer.write(data)
                await writer.drain()


class Warm(Closable, Protocol):
    name: str

    async def warm(self, rate: int) -> None: ...


A = TypeVar("A", bound=Warm)


def heard(adapter: Warm) -> list[str]:
    """The steps of the notices of this task, and of those it starts, from now on."""
    steps: list[str] = []

    def hear(notice: Notice) -> None:
        assert (notice.stage, notice.detail) == ("connect", adapter.name)
        steps.append(notice.step)

    listen(hear)
    return steps


def check_cold_start(
    server: Callable[[], WireServer], make: Callable[[str], A], use: Callable[[A], Awaitable[None]], rate: int = 16_000
) -> None:
    """Assert that the first use of a warm adapter is as quick as later ones, and that a cold one's says why it is not.

    `use` runs until the first result is there, and leaves the adapter as it was.
    """

    async def timed(adapter: A) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await use(adapter)
        return loop.time() - began

    async def scenario() -> None:
        proxy = Proxy(HANDSHAKE_S)
        firsts, later = [], []
        async with proxy.before(server()):
            for _ in range(REPLIES):
                adapter = make(proxy.url)
                await adapter.warm(rate)
                steps = heard(adapter)
                firsts.append(await timed(adapter))
                for _ in range(round((HANDSHAKE_S + SLACK_S) / STEP_S)):  # a machine that stands still takes one
                    await asyncio.sleep(STEP_S)
                later.append(await timed(adapter))
                assert steps == []
                await adapter.close()
            cold = make(proxy.url)
            steps = heard(cold)
            assert await timed(cold) >= HANDSHAKE_S
            assert steps == ["started", "ended"]
            await cold.close()
        assert median(firsts) <= median(later) + SLACK_S

    asyncio.run(scenario())

"""The network between browser and gateway, which tests can cut: one address for the front and its worker, and one for
the worker's UDP."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any, Final, Self, TypeAlias, cast

ANSWER_S: Final = 10.0
LOCAL: Final = "127.0.0.1"
CHUNK: Final = 64 * 1024

Address: TypeAlias = tuple[str, int]


class Wire:
    """Passes connections on, those under /w/ to the worker, and datagrams; runs in a thread of its own."""

    def __init__(self, front_port: int) -> None:
        self.port = 0
        self.udp_port = 0
        """What comes here goes to the worker's UDP port."""
        self._front = front_port
        self._media_cut = self._all_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: dict[asyncio.Task[None], bool] = {}
        """Connections -> whether they carry a call."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def cut(self, *, everything: bool = False) -> None:
        """Break all connections off, those of calls or every one; new ones are refused, and datagrams lost, until
        `mend`."""
        self._do(self._cut, everything)

    def silence(self) -> None:
        """Of connections that are there nothing comes through any more, nor is one broken off, until `mend`."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.set)
        self._do(self._cut, None)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(ANSWER_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut(everything=True)
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()

    def _do(self, act: object, argument: bool | None) -> None:
        async def now() -> None:
            self._cut(argument)

        asyncio.run_coroutine_threadsafe(now(), self._loop).result(ANSWER_S)

    def _cut(self, everything: bool | None) -> None:
        self._media_cut = self._datagrams.cut = everything is not None
        self._all_cut = bool(everything)
        for task, carries_call in self._open.items():
            if self._all_cut or (self._media_cut and carries_call):
                task.cancel()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, LOCAL, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._datagrams = _Datagrams((LOCAL, self._front + 1))
        transport, _ = await loop.create_datagram_endpoint(lambda: self._datagrams, (LOCAL, 0))
        self.udp_port = int(transport.get_extra_info("sockname")[1])

    async def _close(self) -> None:
        self._server.close()
        self._datagrams.close()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = False
        try:
            first = await reader.readline()
            carries_call = self._open[task] = b" /w/" in first
            if not self._all_cut and not (carries_call and self._media_cut):
                await self._pass(first, reader, writer, self._front + 1 if carries_call else self._front)
        except (asyncio.CancelledError, OSError):
            pass  # cut, or one side has gone
        finally:
            del self._open[task]
            writer.transport.abort()

    async def _pass(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOCAL, port)
        try:
            far_writer.write(first)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, far_writer))
                both.create_task(self._copy(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


class _Datagrams(asyncio.DatagramProtocol):
    """Passes datagrams on, and the answers back to whoever they are for: everybody has a port of their own at the far
    side."""

    def __init__(self, far: Address) -> None:
        self.cut = False
        self._far = far
        self._transport: asyncio.DatagramTransport | None = None
        self._ways: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        if address not in self._ways:
            self._ways[address] = asyncio.get_running_loop().create_task(self._way(address))
        way = self._ways[address]
        if not self.cut and way.done():  # what comes before is lost, as may happen to datagrams
            way.result().sendto(data)

    def back(self, data: bytes, address: Address) -> None:
        """An answer."""
        if not self.cut and self._transport is not None:
            self._transport.sendto(data, address)

    def close(self) -> None:
        for way in self._ways.values():
            way.cancel()
            if way.done() and not way.cancelled():
                way.result().close()
        if self._transport is not None:
            self._transport.close()

    async def _way(self, address: Address) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Back(self, address), remote_addr=self._far
        )
        return transport


class _Back(asyncio.DatagramProtocol):
    """The far side of one address."""

    def __init__(self, datagrams: _Datagrams, address: Address) -> None:
        self._datagrams = datagrams
        self._address = address

    def datagram_received(self, data: bytes, _: Any) -> None:
        self._datagrams.back(data, self._address)

    def error_received(self, _: Exception) -> None:
        """Nobody listens there just now."""

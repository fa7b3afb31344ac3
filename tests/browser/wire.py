"""The network between browser and gateway, which tests can cut: one address for the front and its worker."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Final, Self

ANSWER_S: Final = 10.0
CHUNK: Final = 64 * 1024


class Wire:
    """Passes connections on, those under /w/ to the worker; runs in a thread of its own."""

    def __init__(self, front_port: int) -> None:
        self.port = 0
        self._front = front_port
        self._media_cut = self._all_cut = False
        self._open: dict[asyncio.Task[None], bool] = {}
        """Connections -> whether they carry a call."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def cut(self, *, everything: bool = False) -> None:
        """Break all connections off, those of calls or every one; new ones are refused until `mend`."""
        self._do(self._cut, everything)

    def mend(self) -> None:
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
        self._media_cut = everything is not None
        self._all_cut = bool(everything)
        for task, carries_call in self._open.items():
            if self._all_cut or (self._media_cut and carries_call):
                task.cancel()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
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
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            far_writer.write(first)
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()

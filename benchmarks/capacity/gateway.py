"""A real `hocket serve` on a core of its own: where calls are asked for, and what its worker says of itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from xml.etree import ElementTree

import aiohttp
import msgspec

from benchmarks.latency.systems import SYSTEM_CORE

START_S: Final = 60.0
STOP_S: Final = 30.0
ASK_S: Final = 10.0
AGAIN_S: Final = 1.0


class Place(msgspec.Struct, frozen=True):
    """Where a call may be brought, and how long it took to be told. Without a place the call is refused."""

    asked_s: float
    url: str = ""
    ticket: str = ""


class Gateway:
    """One that runs, with one worker."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def place(self, call_sid: str) -> Place:
        """What a carrier asks when somebody dials."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        form = {"CallSid": call_sid, "From": "+15550100", "To": "+15550199"}
        async with self._http.post(f"{self._url}/twilio", data=form) as response:
            text = await response.text()
        asked_s = loop.time() - began_s
        if response.status != 200 or "<Stream" not in text:
            return Place(asked_s)
        stream = ElementTree.fromstring(text).find(".//Stream")
        assert stream is not None
        ticket = next(one.attrib["value"] for one in stream if one.attrib["name"] == "ticket")
        return Place(asked_s, stream.attrib["url"].replace("wss://", "ws://"), ticket)

    async def place_soon(self, call_sid: str) -> Place:
        """The same, as often as it takes: a noisy machine makes a worker too late for more calls for a moment."""
        while True:
            place = await self.place(call_sid)
            if place.url:
                return place
            await asyncio.sleep(AGAIN_S)

    async def figures(self) -> dict[str, float]:
        """Of its worker: what it counts under names without labels of their own."""
        async with self._http.get(f"{self._url}/metrics") as response:
            lines = (await response.text()).splitlines()
        found = (line.rpartition(" ") for line in lines if '{worker="' in line and '"front"' not in line)
        return {name.partition("{")[0]: float(value) for name, _, value in found if "," not in name}


@asynccontextmanager
async def serving(wires: Sequence[str], max_calls: int) -> AsyncIterator[Gateway]:
    """Start one, and end it when the block is left. Raises `RuntimeError` when it does not become ready."""
    addresses = [wires[index] for index in (1, 3, 5)]
    command = ("-m", "hocket", "serve", "benchmarks.capacity.agent:agent", "--dev", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--max-calls", str(max_calls)),
        env={**os.environ, "HOCKET_WIRES": msgspec.json.encode(addresses).decode(), "COLUMNS": "200"},
        stderr=subprocess.PIPE,
        preexec_fn=_pin,
    )
    reading: asyncio.Task[None] | None = None
    try:
        url = await _ready(process)
        reading = asyncio.create_task(_read_on(process))
        timeout = aiohttp.ClientTimeout(total=ASK_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            yield Gateway(url, http)
    finally:
        await _stop(process)
        if reading is not None:
            await reading


async def _ready(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(START_S):
            while "takes calls at " not in said:
                line = await process.stderr.readline()
                if not line:
                    raise RuntimeError(f"hocket serve ended before it was ready: {said.strip()}")
                said += line.decode()
    except TimeoutError:
        raise RuntimeError(f"hocket serve was not ready within {START_S:g} s.") from None
    return said.split("takes calls at ")[1].split()[0].replace("localhost", "127.0.0.1")


async def _read_on(process: asyncio.subprocess.Process) -> None:
    """What it has to say besides, for whoever looks at the terminal."""
    assert process.stderr is not None
    async for line in process.stderr:
        sys.stderr.write(line.decode())


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await process.wait()


def _pin() -> None:
    with suppress(OSError):
        os.sched_setaffinity(0, {SYSTEM_CORE})

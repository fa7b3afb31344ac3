"""A real `hocket serve` on a core of its own: where calls are asked for, and what its worker says of itself."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final
from xml.etree import ElementTree

import aiohttp
import msgspec
from tests.gateway.serve import serve

from benchmarks.latency.systems import SYSTEM_CORE

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
    async with (
        serve(
            "benchmarks.capacity.agent:agent",
            *("--dev", "--max-calls", str(max_calls)),
            env={"HOCKET_WIRES": msgspec.json.encode(addresses).decode()},
            begun=_pin,
            tell=sys.stderr.write,  # for whoever looks at the terminal
        ) as served,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S)) as http,
    ):
        yield Gateway(served.url, http)


def _pin(pid: int) -> None:
    with suppress(OSError):
        os.sched_setaffinity(pid, {SYSTEM_CORE})

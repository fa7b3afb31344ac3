"""`hocket serve` as it is run: calls from a ticket to the end, signals, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from hocket.audio.frame import Samples, silence
from hocket.client import Heard, connect
from hocket.errors import TransportError
from hocket.sim.twilio import FRAME, dial
from tests.gateway.caller import Caller, ticket
from tests.gateway.proxy import proxied
from tests.gateway.serve import Served, free_ports, serve
from tests.gateway.waiting import until


class Gateway:
    """A running `hocket serve`, and who asks it."""

    def __init__(self, served: Served, client: aiohttp.ClientSession) -> None:
        self.process, self.url, self.client = served.process, served.url, client
        self._served = served

    @property
    def printed(self) -> str:
        return self._served.printed

    async def ready(self) -> bool:
        async with self.client.get(f"{self.url}/readyz") as response:
            return response.status == 200

    async def drains(self) -> None:
        """Return when it says that it takes no more calls."""
        while await self.ready():  # noqa: ASYNC110 - another process's news are polled
            await asyncio.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, as sockets need."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@asynccontextmanager
async def serving(folder: Path, *options: str) -> AsyncIterator[Gateway]:
    async with (
        serve("tests.gateway.small_agent:agent", "--dev", *options, env={"TMPDIR": str(folder)}) as served,
        aiohttp.ClientSession() as client,
    ):
        yield Gateway(served, client)


def test_a_call_lives_through_a_replacement_and_a_drain(folder: Path) -> None:
    """In development a drain is not waited for: the calls that are left say goodbye."""

    async def scenario() -> None:
        async with serving(folder) as gateway:
            placed = await ticket(gateway.client, gateway.url)
            caller = Caller()
            calling = asyncio.ensure_future(caller.call(gateway.client, placed))
            await until(lambda: caller.audio_bytes)
            # Replaced: the call stays where it is, the next goes elsewhere.
            gateway.process.send_signal(signal.SIGHUP)
            later = placed
            while later.get("worker", 0) == placed["worker"]:  # a slow machine may have no time for a second call
                assert await gateway.ready()
                later = await ticket(gateway.client, gateway.url)
                await asyncio.sleep(0.05)
            assert not calling.done()
            second = Caller()
            calling_again = asyncio.ensure_future(second.call(gateway.client, later))
            await until(lambda: second.audio_bytes)
            # A ticket is used once.
            thief = Caller()
            await thief.call(gateway.client, later)
            assert thief.kinds == ["refused"]
            assert not calling_again.done()
            # Told to stop.
            caller.hang_up.set()
            await calling
            assert caller.last("bye")
            gateway.process.send_signal(signal.SIGTERM)
            await calling_again
            assert second.last("bye")
            assert await gateway.process.wait() == 0
            await until(lambda: gateway.printed.count("call_ended") == 2)
            assert "the server is shutting down" in gateway.printed
            assert later["ticket"] not in gateway.printed
            assert "Traceback" not in gateway.printed

    asyncio.run(scenario())
    assert not list(folder.iterdir())


def test_a_drain_waits_for_calls_and_readiness_says_so(folder: Path) -> None:
    """Without --dev; callers are let in by their origin."""

    async def scenario() -> None:
        origin = {"Origin": "https://talk.example"}
        async with serving(folder, "--no-dev", "--origin", "https://talk.example") as gateway:
            assert (await ticket(gateway.client, gateway.url))["status"] == 401
            async with aiohttp.ClientSession(headers=origin) as page:
                placed = await ticket(page, gateway.url)
                caller = Caller()
                calling = asyncio.ensure_future(caller.call(page, placed))
                await until(lambda: caller.audio_bytes)
                gateway.process.send_signal(signal.SIGTERM)
                await gateway.drains()
                refused = await ticket(page, gateway.url)
                assert (refused["status"], refused["reason"]) == (503, "draining")
                heard = caller.audio_bytes
                await asyncio.sleep(0.5)
                assert not calling.done()
                assert heard
                caller.hang_up.set()
                await calling
            assert await gateway.process.wait() == 0

    asyncio.run(scenario())


class Listener:
    """Says nothing, and hangs up when it has heard something."""

    def frame(self, heard: Samples) -> Samples | None:
        return None if heard.any() else silence(FRAME)


def test_behind_a_proxy_clients_carriers_and_strangers_get_what_is_theirs() -> None:
    key, token = "a key that is long enough", "a token of Twilio's"
    ports = free_ports(3)
    options = ["--port", str(ports), "--trusted-proxy", "127.0.0.1"]
    environment = {"HOCKET_API_KEYS": key, "TWILIO_AUTH_TOKEN": token}

    async def scenario() -> None:
        async with (
            proxied(ports) as proxy,
            serve("tests.gateway.small_agent:agent", *options, "--public-url", proxy.url, env=environment),
            aiohttp.ClientSession() as client,
        ):
            for url, status in ((proxy.url, 403), (f"http://127.0.0.1:{ports}", 200)):
                async with client.get(f"{url}/metrics") as response:
                    assert response.status == status
            async with connect(proxy.url, api_key=key) as call:
                async for event in call:
                    if isinstance(event, Heard):
                        break
                proxy.cut()
                async for _ in call:
                    if call.reconnected:
                        break
                assert call.reconnected
                assert not call.ended
            webhook = f"{proxy.url}/twilio"
            telephone = await dial(webhook, Listener(), auth_token=token)
            await telephone.run()
            assert telephone.ended == "caller"
            assert telephone.recording[:, 1].any()
            with pytest.raises(TransportError, match="403"):
                await dial(webhook, Listener(), auth_token="another")

    asyncio.run(scenario())


@pytest.mark.parametrize("ended", ["front", "twice"])
def test_workers_do_not_outlive_the_front(folder: Path, ended: str) -> None:
    async def scenario() -> None:
        async with serving(folder, "--no-dev", "--origin", "https://talk.example") as gateway:
            workers = _children(gateway.process.pid)
            assert workers
            if ended == "front":
                gateway.process.kill()
            else:
                async with aiohttp.ClientSession(headers={"Origin": "https://talk.example"}) as page:
                    caller = Caller()
                    calling = asyncio.ensure_future(caller.call(page, await ticket(page, gateway.url)))
                    await until(lambda: caller.audio_bytes)
                    gateway.process.send_signal(signal.SIGINT)
                    await gateway.drains()
                    gateway.process.send_signal(signal.SIGINT)
                    await asyncio.wait({calling})
            await gateway.process.wait()
            await until(lambda: not any(map(_runs, workers)))

    asyncio.run(scenario())


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

from __future__ import annotations

import asyncio

import pytest

from hocket.errors import TtsError
from hocket.providers import cloud, cloud_socket
from hocket.providers.cloud import Dialer
from hocket.sim.wire.faults import Fault
from tests.providers.test_cloud import account
from tests.sim.wire.echo import Echo
from tests.sim.wire.waiting import until
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing


def test_messages_go_both_ways() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            dialer = Dialer(account(server.url))
            socket = await dialer.open("/socket", [], "")
            await socket.send("text")
            await socket.send(b"binary")
            assert [await socket.receive(), await socket.receive()] == ["text", "binary"]
            await socket.close()
            await socket.close()
            assert not socket.alive
            with pytest.raises(TtsError, match="has been closed"):
                await socket.receive()
            with pytest.raises(TtsError, match="has been closed"):
                await socket.send("more")
            await dialer.close()

    asyncio.run(scenario())


def test_what_came_before_a_loss_can_still_be_read() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            server.faults.plan(Fault("close", after_messages=1))
            dialer = Dialer(account(server.url))
            socket = await dialer.open("/socket", [], "")
            await socket.send("one")
            await socket.send("two")
            await until(lambda: not socket.alive)
            assert await socket.receive() == "one"
            with pytest.raises(TtsError, match=r"closed the connection \(code 1011\)"):
                await socket.receive()
            assert socket.close_code == 1011
            await socket.close()
            await dialer.close()

    asyncio.run(scenario())


def test_a_handshake_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "CONNECT_S", 0.1)

    async def scenario() -> None:
        async with Echo() as server:
            server.faults.plan(Fault("late", seconds=60))
            dialer = Dialer(account(server.url))
            with pytest.raises(TtsError, match=r"within 0\.1 s"):
                await dialer.open("/socket", [], "")
            await dialer.close()

    asyncio.run(scenario())


def test_a_peer_that_reads_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pings would be answered by nobody either; the write deadline comes first."""
    monkeypatch.setattr(cloud_socket, "WRITE_S", 0.1)

    async def scenario() -> None:
        async with Echo() as server:
            server.faults.plan(Fault("stall", seconds=60))
            dialer = Dialer(account(server.url))
            socket = await dialer.open("/socket", [], "")

            async def send() -> None:
                for _ in range(100):
                    await socket.send(bytes(1 << 20))

            with pytest.raises(TtsError, match=r"took nothing for 0\.1 s"):
                await send()
            assert not socket.alive
            await socket.close()
            await dialer.close()

    asyncio.run(scenario())


def test_a_peer_that_sends_more_than_is_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "UNREAD_BYTES", 1000)

    async def scenario() -> None:
        async with Echo() as server:
            dialer = Dialer(account(server.url))
            socket = await dialer.open("/socket", [], "")
            for _ in range(3):
                await socket.send("x" * 600)
            await until(lambda: not socket.alive)
            assert len(await socket.receive()) == 600
            await socket.close()
            await dialer.close()

    asyncio.run(scenario())


def test_opening_can_be_cancelled_at_any_step_and_closing_leaves_nothing() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            dialer = Dialer(account(server.url))

            async def use() -> None:
                socket = await dialer.open("/socket", [], "")
                try:
                    await socket.send("one")
                    await socket.receive()
                finally:
                    await socket.close()

            await leaves_nothing(use, "a socket")
            await cancelled_anywhere(use, "a socket")
            await dialer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("status", "seconds"), [(429, 3.0), (503, 3.0), (400, 0.0)])
def test_a_refused_handshake_says_how_long_to_wait(status: int, seconds: float) -> None:
    async def scenario() -> None:
        async with Echo() as server:
            server.faults.plan(Fault("status", status=status, seconds=3))
            dialer = Dialer(account(server.url))
            with pytest.raises(TtsError) as caught:
                await dialer.open("/socket", [], "")
            assert caught.value.retry_after_s == seconds
            await dialer.close()

    asyncio.run(scenario())


def test_what_cannot_go_out_at_once_is_not_offered() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            dialer = Dialer(account(server.url))
            socket = await dialer.open("/socket", [], "")
            assert socket.offer("one")
            socket.pause_writing()
            assert not socket.offer("two")
            socket.resume_writing()
            assert socket.offer(b"three")
            assert [await socket.receive(), await socket.receive()] == ["one", "three"]
            await socket.close()
            assert not socket.offer("four")
            await dialer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "nonsense", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    async def scenario() -> None:
        with pytest.raises(TtsError, match="no address of a server") as caught:
            await Dialer(account(url)).open("/socket", [], "")
        assert not caught.value.retryable

    asyncio.run(scenario())


def test_nobody_listens() -> None:
    async def scenario() -> None:
        with pytest.raises(TtsError, match="could not be reached"):
            await Dialer(account()).open("/socket", [], "")

    asyncio.run(scenario())

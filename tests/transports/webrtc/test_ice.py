from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from aioice.candidate import Candidate
from aioice.ice import Connection
from aioice.stun import Class, Message, Method, parse_message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hocket.errors import MissingError
from hocket.transports.webrtc import ice
from hocket.transports.webrtc.ice import MAX_PAIRS, MAX_WAITING, IceConnection, Sockets

PASSWORD = "callerssecretcallerssecret"
WHERE = ("192.0.2.9", 4_000)


class World:
    """Sockets on loopback, one call, and what is heard of its caller."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.sockets = Sockets()

    async def __aenter__(self) -> World:
        await self.sockets.open(("127.0.0.1",))
        self.call = self.sockets.connection(self.heard.append)
        self.call.remote_username, self.call.remote_password = "caller", PASSWORD
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.call.close()
        self.sockets.close()

    def caller(self) -> Connection:
        """aioice's own agent, as the controlling side."""
        caller = Connection(ice_controlling=True, local_username="caller", local_password=PASSWORD)
        caller.remote_username, caller.remote_password = self.call.local_username, self.call.local_password
        return caller

    async def connected(self) -> Connection:
        caller = self.caller()
        await caller.gather_candidates()
        for candidate in self.call.local_candidates:
            await caller.add_remote_candidate(Candidate.from_sdp(candidate.to_sdp()))
        await caller.add_remote_candidate(None)
        await asyncio.gather(self.call.connect(), caller.connect())
        return caller

    def arrives(self, data: bytes, address: tuple[str, int] = WHERE) -> None:
        self.sockets._sockets[0].datagram_received(data, address)

    def check(self, *, name: str | None = None, key: str | None = None, priority: bool = True) -> bytes:
        message = Message(Method.BINDING, Class.REQUEST)
        message.attributes["USERNAME"] = name or f"{self.call.local_username}:caller"
        if priority:
            message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 5
        message.add_message_integrity((key or self.call.local_password).encode())
        return bytes(message)


async def arrived(heard: list[bytes], count: int) -> None:
    for _ in range(1_000):
        if len(heard) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{heard} has not {count}")


def test_who_answers_a_check_may_speak() -> None:
    async def scenario() -> None:
        async with World() as world:
            caller = await world.connected()
            await caller.send(b"\x80media")
            await arrived(world.heard, 1)
            assert world.heard == [b"\x80media"]
            await caller.send(b"\x16handshake")
            assert await world.call.recv() == b"\x16handshake"
            world.call.send_now(b"\x80back")
            assert await caller.recv() == b"\x80back"
            await caller.close()

    asyncio.run(scenario())


def test_nobody_is_heard_before_a_check_and_after_the_call() -> None:
    async def scenario() -> None:
        async with World() as world:
            for data in (b"\x80media", b"\x16handshake", b"", b"\xff", b"\x40"):
                world.arrives(data)
            caller = await world.connected()
            host, port = caller._nominated[1].local_addr
            world.arrives(b"\x80media", (host, port + 1))
            assert not world.heard
            world.arrives(b"\x80media", (host, port))
            assert len(world.heard) == 1
            await world.call.close()
            world.arrives(b"\x80media", (host, port))
            assert len(world.heard) == 1
            assert not world.sockets._calls
            assert not world.sockets._sockets[0].validated
            await caller.close()

    asyncio.run(scenario())


def test_a_check_that_is_not_signed_is_not_answered_and_begins_nothing() -> None:
    async def scenario() -> None:
        async with World() as world:
            where = ("127.0.0.1", world.sockets.port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                for data in (
                    world.check(name="nobody:caller"),
                    world.check(key="guessguessguessguessguess"),
                    world.check(name=f"{world.call.local_username}:other"),
                    bytes(Message(Method.BINDING, Class.REQUEST)),
                ):
                    stranger.sendto(data, where)
                await asyncio.sleep(0.1)
                with pytest.raises(BlockingIOError):
                    stranger.recv(2_000)
                stranger.sendto(world.check(), where)
                await asyncio.sleep(0.1)
                assert stranger.recv(2_000), "who knows the secret is answered"
            assert len(world.call._early_checks) == 1

    asyncio.run(scenario())


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda b: bytes.fromhex("000100142112a442") + b))
    )
)
def test_garbage_is_dropped_without_a_word(datagrams: list[bytes]) -> None:
    async def scenario() -> None:
        async with World() as world:
            for data in datagrams:
                world.arrives(data)
            assert not world.heard
            assert world.call._queue.empty()

    asyncio.run(scenario())


def test_checks_from_ever_new_addresses_are_bounded() -> None:
    async def scenario() -> None:
        async with World() as world:
            connecting = asyncio.ensure_future(world.call.connect())
            await asyncio.sleep(0)
            for port in range(1_000, 1_000 + 3 * MAX_PAIRS):
                world.arrives(world.check(), ("127.0.0.1", port))
            world.arrives(world.check(priority=False), ("127.0.0.1", 999))
            assert len(world.call._check_list) == MAX_PAIRS
            await world.call.close()
            with pytest.raises(ConnectionError):
                await connecting

    asyncio.run(scenario())


def test_datagrams_of_dtls_that_nobody_reads_are_bounded() -> None:
    async def scenario() -> None:
        async with World() as world:
            caller = await world.connected()
            address = caller._nominated[1].local_addr
            for _ in range(3 * MAX_WAITING):
                world.arrives(b"\x16", address)
            assert world.call._queue.qsize() == MAX_WAITING
            await caller.close()

    asyncio.run(scenario())


def test_callers_are_told_the_address_that_is_advertised() -> None:
    async def scenario() -> None:
        sockets = Sockets()
        await sockets.open(("127.0.0.1",), 0, ("203.0.113.5",))
        call: IceConnection = sockets.connection(lambda _: None)
        assert [(c.host, c.port) for c in call.local_candidates] == [("203.0.113.5", sockets.port)]
        await call.close()
        sockets.close()

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_said_so() -> None:
    async def scenario() -> None:
        sockets, again = Sockets(), Sockets()
        await sockets.open(("127.0.0.1",))
        with pytest.raises(MissingError, match=f"UDP port {sockets.port} of 127.0.0.1 cannot be used"):
            await again.open(("127.0.0.1",), sockets.port)
        sockets.close()
        sockets.close()

    asyncio.run(scenario())


def test_without_addresses_all_of_this_machine_are_listened_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice, "get_host_addresses", lambda **_: ["fe80::1", "203.0.113.77"])

    async def scenario() -> None:
        sockets = Sockets()
        assert ice._host_addresses() == ["203.0.113.77", "127.0.0.1"]
        monkeypatch.setattr(ice, "get_host_addresses", lambda **_: ["fe80::1"])
        await sockets.open()
        assert [each.told for each in sockets._sockets] == ["127.0.0.1"]
        sockets.close()

    asyncio.run(scenario())


def test_a_check_for_nobody_is_dropped_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def parse(data: bytes) -> Message:
        parsed.append(data)
        return parse_message(data)

    async def scenario() -> None:
        async with World() as world:
            slow = struct.pack("!HH", 0x0020, 20) + b"\0\2" + bytes(18)  # an address of IPv6 takes longest to read
            world.arrives(struct.pack("!HHI12s", 1, 50 * len(slow), 0x2112A442, bytes(12)) + 50 * slow)
            world.arrives(world.check(name="nobody:caller"))
            assert parsed == []
            world.arrives(world.check())
            assert len(parsed) == 1

    monkeypatch.setattr(ice, "parse_message", parse)
    asyncio.run(scenario())

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hocket.transports.webrtc.ice import Sockets
from hocket.transports.webrtc.peer import UNREAD_BYTES, Peer, make_certificate
from hocket.transports.webrtc.rtp import read_rtp, write_bye, write_rtp
from hocket.transports.webrtc.sdp import read_offer
from tests.transports.webrtc.caller import Caller


class Owner:
    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        self.texts: list[str] = []
        self.channels = 0
        self.reasons: list[str] = []

    def media(self, packet: bytes) -> None:
        self.packets.append(packet)

    def control(self, packet: bytes) -> None:
        self.reports.append(packet)

    def text(self, text: str) -> None:
        self.texts.append(text)

    def channel_open(self) -> None:
        self.channels += 1

    def broken(self, reason: str) -> None:
        self.reasons.append(reason)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


def with_peer(scene: Callable[[Peer, Owner, Caller], Awaitable[None]], *, data: bool = True) -> None:
    async def scenario() -> None:
        sockets = Sockets()
        await sockets.open(("127.0.0.1",))
        caller, owner = Caller(data=data), Owner()
        peer = Peer(read_offer(await caller.offer()), sockets, make_certificate(), 7, "hocket")
        try:
            await caller.accept(peer.answer)
            await peer.connect(owner)
            await scene(peer, owner, caller)
        finally:
            await peer.close()
            await peer.close()
            await caller.close()
            sockets.close()
            assert not sockets._calls

    asyncio.run(scenario())


def test_packets_and_reports_come_decrypted() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: len(owner.packets) > 5 and bool(owner.reports))
        read = read_rtp(owner.packets[0])
        assert read is not None
        assert read.payload_type == peer.offer.opus

    with_peer(scene)


def test_what_is_sent_is_encrypted_and_arrives() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        for number in range(30):
            peer.send_media(write_rtp(peer.offer.opus, False, number, number * 960, 7, b"\x48"))
        peer.send_control(write_bye(7))
        await until(lambda: len(caller.heard()) > 0)

    with_peer(scene)


def test_forged_packets_are_dropped() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: len(owner.packets) > 5)
        before = len(owner.packets)
        peer._received(write_rtp(peer.offer.opus, False, 1, 1, 9, bytes(60)))
        peer._received(bytes((0x80, 200)) + bytes(60))
        peer._received(b"\x80")
        peer._received(b"\x80" * 5_000)
        assert len(owner.packets) == before

    with_peer(scene)


def test_text_goes_both_ways_over_the_channel_that_is_named_for_it() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: owner.channels == 1)
        other = caller.peer.createDataChannel("other")
        await until(lambda: other.readyState in ("open", "closing", "closed"))
        assert peer.send_text('{"a":1}')
        assert caller.channel is not None
        caller.channel.send("hello")
        await until(lambda: owner.texts == ["hello"] and caller.messages == [{"a": 1}])
        assert not peer.send_text("x" * 300_000), "more than the far end takes"
        assert owner.channels == 1

    with_peer(scene)


def test_without_a_data_channel_nothing_is_said_over_it() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        assert not peer.send_text("hello")

    with_peer(scene, data=False)


def test_binary_messages_break_the_rules() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: owner.channels == 1)
        assert caller.channel is not None
        caller.channel.send(b"binary")
        await until(lambda: len(owner.reasons) == 1)
        assert "binary" in owner.reasons[0]

    with_peer(scene)


@pytest.mark.parametrize("data", [b"", b"garbage that is long enough to be a packet", bytes(100)])
def test_garbage_on_the_data_channels_transport_ends_this_connection_at_most(data: bytes) -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: owner.channels == 1)
        sctp = caller.peer.sctp
        assert sctp is not None
        if data:
            await sctp.transport._send_data(data)
        await until(lambda: len(owner.packets) > 20 or bool(owner.reasons))

    with_peer(scene)


def test_a_message_that_never_ends_is_not_kept() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: owner.channels == 1)
        assert peer._sctp is not None
        peer._sctp._advertised_rwnd -= UNREAD_BYTES + 1
        assert caller.channel is not None
        caller.channel.send("hello")
        await until(lambda: bool(owner.reasons))
        assert "more than one data channel may hold" in owner.reasons[0]

    with_peer(scene)


def test_who_ends_the_connection_is_noticed_once() -> None:
    async def scene(peer: Peer, owner: Owner, caller: Caller) -> None:
        await until(lambda: len(owner.packets) > 1)
        await caller.peer.close()
        await until(lambda: len(owner.reasons) == 1)
        assert not peer.connected
        peer.send_media(bytes(12))
        await asyncio.sleep(0.05)
        assert owner.reasons == ["The caller's connection ended."]

    with_peer(scene)

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest

from hocket.audio.frame import Samples, silence
from hocket.errors import TransportError
from hocket.sim.impairment import Impairment, UdpRelay
from hocket.stages.transport import Transport
from hocket.transports.client_messages import RESUME_S, AudioFormat, State, Welcome
from hocket.transports.webrtc import line, peer
from hocket.transports.webrtc.line import OUTPUT_RATE, WebRtc, WebRtcLine
from hocket.transports.webrtc.sdp import read_offer
from tests.stages.transport_contract import check_transport
from tests.transports.webrtc.caller import Caller, Ear, chirp, likeness

ANSWER_S = 30.0
FRAME = OUTPUT_RATE // 50


def welcome() -> Welcome:
    return Welcome("call-1", "token", RESUME_S, AudioFormat(rate=OUTPUT_RATE), WebRtcLine.ahead_ms, agent="Ann")


async def until(true: Callable[[], bool], otherwise: str) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + ANSWER_S
    while not true():
        assert loop.time() < end, otherwise
        await asyncio.sleep(0.01)


class Call:
    """A caller and the line that answered it."""

    def __init__(self, shared: WebRtc, caller: Caller, line: WebRtcLine) -> None:
        self.shared, self.caller, self.line = shared, caller, line
        self.ear = Ear()

    async def speak_until(self, sound: Samples, true: Callable[[], bool], otherwise: str) -> None:
        """Over and over: a starved machine may lose some of it once."""

        async def speaking() -> None:
            while True:
                await self.speak(sound)

        task = asyncio.create_task(speaking())
        try:
            await until(true, otherwise)
        finally:
            task.cancel()

    async def speak(self, sound: Samples) -> None:
        """At its pace, as a session does."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, start in enumerate(range(0, len(sound) - FRAME + 1, FRAME)):
            await asyncio.sleep(began + number * 0.02 - loop.time())
            self.line.send(sound[start : start + FRAME])


@asynccontextmanager
async def answered(caller: Caller, up: Impairment | None = None, down: Impairment | None = None) -> AsyncIterator[Call]:
    shared = WebRtc()
    await shared.open(("127.0.0.1",))
    relay = UdpRelay(("127.0.0.1", shared.sockets.port), up or Impairment(), down or Impairment(), 3)
    line: WebRtcLine | None = None
    try:
        peer = shared.answer(read_offer(await caller.offer()))
        line = WebRtcLine(shared, peer, welcome())
        answer = peer.answer
        if up or down:
            answer = (await relay.open()).through(answer)
        await caller.accept(answer)
        call = Call(shared, caller, line)
        await line.start(call.ear)
        yield call
    finally:
        if line is not None:
            await line.close()
        await caller.close()
        relay.close()
        shared.close()


def call(
    scene: Callable[[Call], Awaitable[None]], caller: Callable[[], Caller] = Caller, **network: Impairment
) -> None:
    async def scenario() -> None:
        async with answered(caller(), **network) as made:
            await scene(made)

    asyncio.run(scenario())


def test_both_sides_hear_what_the_other_says() -> None:
    async def scene(call: Call) -> None:
        said = np.concatenate((chirp(1.0, OUTPUT_RATE), silence(FRAME * 10)))
        heard = chirp(1.0, 48_000)
        await call.speak_until(
            said, lambda: likeness(call.caller.heard(), heard) > 0.8, "the caller hears nothing of it"
        )
        await until(lambda: likeness(call.ear.samples(), chirp(1.0, 16_000, 2_500, 400)) > 0.8, "they are not heard")
        sample, bound_ms = call.ear.reports[-1]
        assert 0 < sample <= call.line._sent.position
        assert 20 <= bound_ms < 1_000
        assert [report for report, _ in call.ear.reports] == sorted(report for report, _ in call.ear.reports)

    call(scene, lambda: Caller(np.concatenate((chirp(1.0, 48_000, 2_500, 400), silence(9_600)))))


def test_a_bad_network_is_survived_both_ways() -> None:
    bad = Impairment(20, 5, 0.05, reorders=True)

    async def scene(call: Call) -> None:
        await call.speak(np.concatenate((silence(FRAME * 25), chirp(1.0, OUTPUT_RATE), silence(FRAME * 25))))
        await until(
            lambda: likeness(call.ear.samples(), chirp(1.0, 16_000, 2_500, 400)) > 0.7, "the caller is not heard"
        )
        await until(lambda: call.line._hearing.concealed[1] > 0, "nothing was lost")

    call(scene, lambda: Caller(np.concatenate((silence(48_000), chirp(1.0, 48_000, 2_500, 400)))), up=bad, down=bad)


def test_the_messages_of_the_protocol_go_over_the_data_channel() -> None:
    async def scene(call: Call) -> None:
        await until(lambda: bool(call.caller.messages), "no welcome")
        first = call.caller.messages[0]
        assert (first["type"], first["call"], first["resume"], first["agent"]) == ("welcome", "call-1", "token", "Ann")
        assert first["audio"]["rate"] == OUTPUT_RATE
        call.line.tell(State("speaking"))
        call.caller.say(type="dtmf", digit="5")
        call.caller.say(type="played", sample=0)
        call.caller.say(type="buffered", ms=500)
        await until(lambda: call.ear.told == ["key 5"], "the key was not told")
        await until(
            lambda: call.caller.messages[-1] == {"type": "state", "state": "speaking"}, "the state was not told"
        )
        call.caller.say(type="hang_up")
        await until(lambda: call.ear.told[-1:] == ["left: The caller hung up."], "nobody left")
        await until(lambda: call.caller.messages[-1]["type"] == "bye", "no goodbye")
        call.line.send(silence(FRAME))
        assert call.line.clear() == 0

    call(scene)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[" * 10_000, '{"type":"dtmf","digit":"55"}', '{"type":"nonsense"}', '{"type":"dtmf"}', "x" * 20_000],
)
def test_what_is_no_message_ends_this_call_and_says_why(text: str) -> None:
    async def scene(call: Call) -> None:
        await until(lambda: bool(call.caller.messages), "no welcome")
        assert call.caller.channel is not None
        call.caller.channel.send(text)
        await until(lambda: bool(call.ear.told), "nobody left")
        assert call.ear.told[0].startswith("left: The client sent ")

    call(scene)


def test_a_flood_of_messages_ends_the_call() -> None:
    async def scene(call: Call) -> None:
        for _ in range(1_100):
            call.line.text('{"type":"played","sample":0}')
        assert "more than 200 messages a second" in call.ear.told[0]

    call(scene)


def test_who_comes_back_goes_on_in_the_same_call_and_hears_what_had_not_arrived() -> None:
    async def scene(call: Call) -> None:
        await call.speak(silence(FRAME * 25))
        await until(lambda: len(call.ear.frames) > 20, "the caller is not heard")
        await call.caller.peer.close()
        await until(lambda: call.ear.told == ["lost"], "the line was not lost")
        sent = call.line._sent.position
        dropped = call.line.clear()
        assert 0 <= dropped < sent
        frames = len(call.ear.frames)
        await call.speak(silence(FRAME * 5))
        await until(lambda: len(call.ear.frames) > frames + 30, "time does not go on without the caller")
        call.line.clear()

        again = Caller(np.concatenate((silence(24_000), chirp(1.0, 48_000, 2_500, 400))))
        try:
            peer = call.shared.answer(read_offer(await again.offer()))
            call.line.attach(peer)
            await again.accept(peer.answer)
            await until(lambda: call.ear.told == ["lost", "back"], "the caller is not back")
            heard = chirp(1.0, 48_000)
            said = np.concatenate((chirp(1.0, OUTPUT_RATE), silence(FRAME * 10)))
            await call.speak_until(said, lambda: likeness(again.heard(), heard) > 0.8, "the caller hears nothing")
            await until(
                lambda: likeness(call.ear.samples(), chirp(1.0, 16_000, 2_500, 400)) > 0.8, "they are not heard"
            )
            assert again.messages[0]["type"] == "welcome"
            samples = [sample for sample, _ in call.ear.reports]
            assert samples == sorted(samples)
        finally:
            await again.close()

    call(scene)


def test_a_caller_of_whom_nothing_comes_is_lost_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "LOST_S", 0.3)
    monkeypatch.setattr(line, "RESUME_S", 1.0)

    async def scene(call: Call) -> None:
        await until(lambda: len(call.ear.frames) > 20, "the caller is not heard")
        call.caller.vanish()
        await until(lambda: call.ear.told == ["lost"], "the line was not lost")
        await until(lambda: len(call.ear.told) == 2, "the caller was not given up")
        assert call.ear.told[1].startswith("left: The connection broke off")

    call(scene)


def test_what_is_said_while_nothing_comes_of_the_caller_is_not_taken_for_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "LOST_S", 1.0)

    async def scene(call: Call) -> None:
        await until(lambda: len(call.ear.frames) > 20, "the caller is not heard")
        speaking = asyncio.create_task(call.speak(silence(FRAME * 500)))
        await until(lambda: bool(call.ear.reports), "nothing is said to have sounded")
        call.caller.vanish()
        gone = call.line._sent.position
        await until(lambda: call.ear.told == ["lost"], "the line was not lost")
        heard, _ = call.ear.reports[-1]
        assert heard < gone + OUTPUT_RATE * 0.2
        assert call.line.clear() > OUTPUT_RATE * 0.7, "all that was said since can be said again"
        assert call.line._sent.position >= heard
        speaking.cancel()

    call(scene)


def test_a_connection_that_recovers_by_itself_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "LOST_S", 0.3)

    async def scene(call: Call) -> None:
        await until(lambda: len(call.ear.frames) > 20, "the caller is not heard")
        hearing = call.line._hearing
        take, hearing.take = hearing.take, lambda data: None  # type: ignore[method-assign]
        await until(lambda: call.ear.told[:1] == ["lost"], "the line was not lost")
        hearing.take = take  # type: ignore[method-assign]
        await until(lambda: call.ear.told[-1] == "back", "the caller is not back")

    call(scene)


def test_what_strangers_send_is_not_heard_not_answered_and_breaks_nothing() -> None:
    async def scene(call: Call) -> None:
        await until(lambda: len(call.ear.frames) > 10, "the caller is not heard")
        where = ("127.0.0.1", call.shared.sockets.port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            alert = bytes.fromhex("15fefd000000000000000000020228")
            hello = bytes.fromhex("16fefd0000000000000000000c010000000000000000000000")
            check = bytes.fromhex("000100002112a442" + "00" * 12)
            named = (
                bytes.fromhex("0001000c2112a442" + "00" * 12 + "00060008")
                + call.line._peer.link._ice.local_username[  # type: ignore[union-attr]
                    :8
                ].encode()
            )
            for data in (
                b"",
                b"\x80",
                bytes((0x80, 111)) + bytes(40),
                alert,
                hello,
                check,
                named,
                b"\x00" * 20,
                b"\xff" * 99,
            ):
                for _ in range(20):
                    stranger.sendto(data, where)
            frames = len(call.ear.frames)
            await until(lambda: len(call.ear.frames) > frames + 25, "the caller is not heard any more")
            with pytest.raises(BlockingIOError):
                stranger.recv(2_000)
        assert not call.ear.told
        peer = call.line._peer
        assert peer is not None
        assert peer.link.connected
        assert peer.link._ice._queue.empty()

    call(scene)


def test_a_stranger_who_replays_the_callers_packets_is_not_heard() -> None:
    """A relay in between copies each packet and sends it from another port."""

    async def scene(call: Call) -> None:
        heard: list[bytes] = []
        link = call.line._peer.link  # type: ignore[union-attr]
        received = link._ice.received
        link._ice.received = lambda data: (heard.append(data), received(data))[1]  # type: ignore[func-returns-value]
        await until(lambda: len(heard) > 10, "the caller is not heard")
        count = link._dtls.state, len(heard)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in heard[:10]:
                stranger.sendto(data, ("127.0.0.1", call.shared.sockets.port))
        await until(lambda: len(heard) > count[1] + 10, "the caller is not heard any more")
        assert len(set(heard)) == len(heard), "a copy came through the gate"

    call(scene)


def test_who_makes_an_offer_and_never_connects_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "CONNECT_S", 0.2)

    async def scenario() -> None:
        shared = WebRtc()
        await shared.open(("127.0.0.1",))
        caller = Caller()
        peer = shared.answer(read_offer(await caller.offer()))
        line = WebRtcLine(shared, peer, welcome())
        with pytest.raises(TransportError, match="did not connect"):
            await line.start(Ear())
        await line.close()
        assert not shared.sockets._calls
        await caller.close()
        shared.close()

    asyncio.run(scenario())


def test_a_certificate_that_was_not_offered_is_not_spoken_to() -> None:
    async def scenario() -> None:
        shared = WebRtc()
        await shared.open(("127.0.0.1",))
        caller, other = Caller(), Caller()
        offer = read_offer(await caller.offer())
        forged = read_offer(await other.offer())
        peer = shared.answer(msgspec.structs.replace(offer, fingerprints=forged.fingerprints))
        line = WebRtcLine(shared, peer, welcome())
        await caller.accept(peer.answer)
        with pytest.raises(TransportError, match="certificate"):
            await line.start(Ear())
        await line.close()
        await caller.close()
        await other.close()
        shared.close()

    asyncio.run(scenario())


def test_the_contract_of_transports_holds() -> None:
    @asynccontextmanager
    async def make() -> AsyncIterator[Transport]:
        async with answering(Caller(chirp(30.0, 48_000))) as line:
            yield line

    @asynccontextmanager
    async def hangs_up() -> AsyncIterator[Transport]:
        caller = Caller()
        async with answering(caller) as line:
            assert caller.channel is not None
            caller.channel.on("open", lambda: caller.say(type="hang_up"))
            yield line

    @asynccontextmanager
    async def answering(caller: Caller) -> AsyncIterator[WebRtcLine]:
        shared = WebRtc()

        async def prepared() -> WebRtcLine:
            await shared.open(("127.0.0.1",))
            peer = shared.answer(read_offer(await caller.offer()))
            await caller.accept(peer.answer)
            return WebRtcLine(shared, peer, welcome())

        # The caller's own preparations do not bear being cancelled.
        preparing = asyncio.ensure_future(prepared())
        try:
            yield await asyncio.shield(preparing)
        finally:
            await (await preparing).close()
            await caller.close()
            shared.close()

    check_transport(make, asyncio.run, hangs_up=hangs_up)

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import aiohttp
import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import InputError, TransportError
from hocket.gateway import carrier_socket, connection, media
from hocket.gateway.carrier_socket import CarrierSocket, CarrierSockets
from hocket.gateway.held import held
from hocket.gateway.media import MediaServer, Upgrade
from hocket.gateway.settings import Settings
from hocket.sim.telnyx import TelnyxCaller
from hocket.sim.twilio import FRAME, RATE, TwilioCaller, TwilioPhone
from hocket.transports.carrier import MAX_MESSAGE_BYTES, Carrier, CarrierLine
from hocket.transports.telnyx import TELNYX
from hocket.transports.twilio import TWILIO
from tests.gateway.raw import deaf, frame
from tests.stages.leftovers import leaves_nothing
from tests.stages.transport_contract import Ear

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))

Answering: TypeAlias = Callable[[CarrierLine], Coroutine[Any, Any, None]]


class Echo:
    """Answers calls by saying what is heard, until the caller leaves or `frames` have come."""

    def __init__(self, frames: int = 10_000) -> None:
        self.lines: list[CarrierLine] = []
        self.ears: list[Ear] = []
        self.over = 0
        self._frames = frames

    async def __call__(self, line: CarrierLine) -> None:
        ear = Ear()
        self.lines.append(line)
        self.ears.append(ear)
        await line.start(ear)
        said = 0
        try:
            while not ear.reasons and said < self._frames:
                await asyncio.sleep(0.001)
                for frame in ear.frames[said:]:
                    line.send(frame.samples)
                    said += 1
        finally:
            self.over += 1


class Talker:
    def __init__(self, frames: int) -> None:
        self._left = frames

    def frame(self, heard: Samples) -> Samples | None:
        self._left -= 1
        return LOUD if self._left else None


class Server:
    """A worker's media port, with nothing behind it but an answer; `before` is called before each."""

    def __init__(self, answer: Answering, before: Callable[[], object] = bool) -> None:
        self.sockets = CarrierSockets()
        self._answer = answer
        self._before = before
        paths = {f"/{it.name}": partial(self._take, it) for it in (TWILIO, TELNYX)}
        self.media = MediaServer(0, Settings(agent="", dev=True), 100, paths)

    @property
    def port(self) -> int:
        return self.media.port

    def _take(self, carrier: Carrier, _: Upgrade) -> CarrierSocket:
        return self.sockets.listener(carrier, self._held)

    def _held(self, line: CarrierLine) -> asyncio.Task[None]:
        self._before()
        return held(partial(self._answer, line), line, line.call_id)

    async def close(self) -> None:
        self.media.close()
        await self.sockets.close()


@asynccontextmanager
async def serving(answer: Answering, before: Callable[[], object] = bool) -> AsyncIterator[Server]:
    server = Server(answer, before)
    await server.media.listen("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def dialled(server: Server, path: str = "/twilio") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{server.port}{path}", heartbeat=None) as client,
    ):
        yield client


async def greet(client: aiohttp.ClientWebSocketResponse) -> TwilioPhone:
    phone = TwilioPhone("CA5", {})
    for text in phone.greeting():
        await client.send_str(text)
    return phone


async def closed_with(client: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        async for _ in client:
            pass
    return client.close_code


async def until(true: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + 5
    while not true():
        assert loop.time() < end
        await asyncio.sleep(0.002)


def test_a_call_from_dial_to_goodbye() -> None:
    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server:
            caller = TwilioCaller(
                f"ws://127.0.0.1:{server.port}/twilio?tenant=a",
                Talker(30),
                call_sid="CA3",
                parameters={"caller": "+15550100"},
            )
            await caller.run()
            await until(lambda: echo.over)
        (line,), (ear,) = echo.lines, echo.ears
        assert (line.call_id, line.caller) == ("CA3", "+15550100")
        assert ear.reasons == ["The caller hung up."]
        assert len(ear.frames) == 30
        assert ear.reports
        said, heard = caller.recording.T
        # What is said is sent when its 20 ms are over, and comes back at once.
        lag = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(said)[0])
        assert FRAME <= lag < FRAME + 30 * RATE // 1000

    asyncio.run(scenario())


@pytest.mark.parametrize("carrier", [TWILIO, TELNYX], ids=lambda carrier: carrier.name)
def test_many_calls_are_heard_in_longer_frames_read_at_once(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_socket, "CROWD", 2)
    monkeypatch.setattr(carrier_socket, "LOOK_S", 0.02)

    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server:

            async def call(number: int, frames: int) -> None:
                url = f"ws://127.0.0.1:{server.port}/{carrier.name}"
                if carrier is TWILIO:
                    await TwilioCaller(url, Talker(frames), call_sid=f"CA{number}").run()
                else:
                    await TelnyxCaller(url, Talker(frames), call_control_id=f"v3:{number}").run()

            await call(1, 10)
            await until(lambda: not len(server.sockets))
            await asyncio.gather(call(2, 40), call(3, 40))
            await until(lambda: not len(server.sockets))
            await asyncio.gather(*(call(number, 40) for number in range(4, 8)))
        alone, *others = echo.ears
        assert {len(frame.samples) for frame in alone.frames} == {FRAME}
        for number, ear in enumerate(others):
            size = (2 if number < 2 else 3) * FRAME
            sizes = [len(frame.samples) for frame in ear.frames]
            assert sizes.count(size) >= 5, "from the look that sees them all to the end of the first of them"
            assert ear.reasons == ["The caller hung up."]

    asyncio.run(scenario())


def test_in_a_crowd_what_comes_is_read_when_it_makes_a_frame_and_the_last_words_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrier_socket, "CROWD", 1)
    monkeypatch.setattr(carrier_socket, "LOOK_S", 1_000.0)
    read: list[bytes] = []
    receive = CarrierLine.receive

    def noted(line: CarrierLine, text: bytes) -> None:
        read.append(text)
        receive(line, text)

    monkeypatch.setattr(CarrierLine, "receive", noted)

    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server, dialled(server) as client:
            phone = await greet(client)

            async def brings(text: str, count: int) -> None:
                await client.send_str(text)
                if len(read) == count:
                    await asyncio.sleep(0.05)
                    assert len(read) == count
                await until(lambda: len(read) == count)

            await brings(phone.say(LOUD), 1)
            server.sockets._look()
            await brings(phone.say(LOUD), 1)
            await brings(phone.say(LOUD), 3)
            await brings(phone.goodbye(), 3)
            server.sockets._look()
            server.sockets._look()
            await until(lambda: len(read) == 4)

    asyncio.run(scenario())


def test_a_call_over_telnyx_from_dial_to_goodbye() -> None:
    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server:
            url = f"ws://127.0.0.1:{server.port}/telnyx?ticket=x"
            caller = TelnyxCaller(url, Talker(30), call_control_id="v3:3", caller="+15550100")
            await caller.run()
            await until(lambda: echo.over)
        (line,), (ear,) = echo.lines, echo.ears
        assert (line.name, line.call_id, line.caller) == ("telnyx", "v3:3", "+15550100")
        assert ear.reasons == ["The caller hung up."]
        assert len(ear.frames) == 30
        assert ear.reports
        assert np.count_nonzero(caller.recording[:, 1]) > 20 * FRAME

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("no leave"), 1008), (TransportError("no room"), 1013), (None, 1000)]
)
def test_who_is_not_answered_is_told_by_a_code(error: Exception | None, code: int) -> None:
    async def nobody(line: CarrierLine) -> None:
        await line.start(Ear())

    def turn_away() -> None:
        if error is not None:
            raise error

    async def scenario() -> None:
        async with serving(nobody, turn_away) as server, dialled(server) as client:
            await greet(client)
            assert await closed_with(client) == code
            await until(lambda: not len(server.sockets))

    asyncio.run(scenario())


def test_a_call_that_is_cancelled_before_its_first_step_leaves_nothing() -> None:
    async def scenario() -> None:
        echo = Echo()
        sockets: list[CarrierSocket] = []

        def stop() -> None:
            # Before the task's first step: that is put into the loop's queue after this.
            asyncio.get_running_loop().call_soon(sockets[0].stop)

        async with serving(echo, stop) as server, dialled(server) as client:
            await until(lambda: len(server.sockets))
            sockets.extend(server.sockets._open)
            await greet(client)
            await closed_with(client)
            assert echo.lines == []
            await until(lambda: not len(server.sockets))

    asyncio.run(scenario())


def test_an_answer_that_ends_hangs_up() -> None:
    async def scenario() -> None:
        async with serving(Echo(frames=3)) as server:
            caller = TwilioCaller(f"ws://127.0.0.1:{server.port}/twilio", Talker(100))
            await caller.run()
        assert caller.ended == "server"
        # The last frame has sounded before the end.
        assert np.count_nonzero(caller.recording[:, 1]) >= 2 * FRAME

    asyncio.run(scenario())


def test_only_its_own_path_is_answered() -> None:
    async def scenario() -> None:
        async with serving(Echo()) as server:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
                async with dialled(server, "/twilio/other"):
                    pass

    asyncio.run(scenario())


def test_who_sends_no_start_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_socket, "START_S", 0.1)

    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server, dialled(server) as client:
            await client.send_str('{"event": "connected", "protocol": "Call", "version": "1.0.0"}')
            assert await closed_with(client) == 1008
        assert echo.lines == []

    asyncio.run(scenario())


@pytest.mark.parametrize("text", ["{", '{"event": "media"}', "x" * MAX_MESSAGE_BYTES, "[" * 60_000])
def test_what_is_no_start_closes_the_connection(text: str) -> None:
    async def scenario() -> None:
        async with serving(Echo()) as server, dialled(server) as client:
            await client.send_str(text)
            assert await closed_with(client) == 1002

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "no message of a media stream"),
        (b"\x00", "a binary message"),
        ("x" * (MAX_MESSAGE_BYTES + 1), "65536 are the most|The connection to Twilio broke off"),
        ("x" * (3 * MAX_MESSAGE_BYTES), "65536 are the most|The connection to Twilio broke off"),
        ('{"event": "mark", "x": ' + "[" * 60_000, "no message of a media stream"),
    ],
)
def test_a_bad_message_ends_one_call_and_no_other(message: str | bytes, reason: str) -> None:
    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server, dialled(server) as good, dialled(server) as bad:
            phone = await greet(good)
            await until(lambda: echo.ears)
            await greet(bad)
            await until(lambda: len(echo.ears) == 2)
            await (bad.send_bytes(message) if isinstance(message, bytes) else bad.send_str(message))
            await closed_with(bad)
            await until(lambda: echo.over == 1)
            assert re.search(reason, echo.ears[1].reasons[0])
            await good.send_str(phone.say(LOUD))
            await until(lambda: echo.ears[0].frames)
            assert echo.ears[0].reasons == []

    asyncio.run(scenario())


def test_a_message_in_several_frames_is_put_together_up_to_its_limit() -> None:
    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server, dialled(server) as client:
            phone = await greet(client)
            await until(lambda: echo.ears)
            text = phone.say(LOUD).encode()
            kinds, last = aiohttp.WSMsgType, 0x80
            assert client._writer is not None
            write = client._writer.transport.write
            for opcode, part in ((kinds.TEXT, text[:50]), (kinds.CONTINUATION, text[50:90])):
                write(frame(int(opcode), part))
            write(frame(int(kinds.CONTINUATION) | last, text[90:]))
            await until(lambda: echo.ears[0].frames)
            assert np.array_equal(echo.ears[0].frames[0].samples, LOUD)
            write(frame(int(kinds.TEXT), b"x" * 60_000) + frame(int(kinds.CONTINUATION), b"x" * 60_000))
            await until(lambda: echo.ears[0].reasons)
            assert "120000 bytes" in echo.ears[0].reasons[0]

    asyncio.run(scenario())


def test_a_connection_that_breaks_off_is_told() -> None:
    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server:
            async with dialled(server) as client:
                await greet(client)
                await until(lambda: echo.ears)
                assert client._response.connection is not None
                assert client._response.connection.transport is not None
                client._response.connection.transport.abort()
                await until(lambda: echo.over)
            assert echo.ears[0].reasons == ["The connection to Twilio broke off."]

    asyncio.run(scenario())


def test_a_connection_that_is_silent_is_found_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "IDLE_S", 0.1)

    async def scenario() -> None:
        echo = Echo()
        async with serving(echo) as server, raw_call(server):
            await until(lambda: echo.over)
            assert echo.ears[0].reasons

    asyncio.run(scenario())


@asynccontextmanager
async def raw_call(server: Server) -> AsyncIterator[socket.socket]:
    """A client that sends its greeting and then neither reads nor answers pings."""
    async with deaf(server.port, "/twilio") as client:
        for text in TwilioPhone("CA6", {}).greeting():
            await asyncio.get_running_loop().sock_sendall(client, frame(0x81, text.encode()))
        yield client


@pytest.mark.parametrize("at_once", [True, False])
def test_who_does_not_read_is_closed(at_once: bool) -> None:
    async def flood(line: CarrierLine) -> None:
        ear = Ear()
        ears.append(ear)
        await line.start(ear)
        while not ear.reasons:
            for _ in range(400):
                line.send(np.tile(LOUD, 20))
                line.clear()  # or it would know that nothing has sounded
            await asyncio.sleep(0 if at_once else 0.001)

    async def scenario() -> None:
        async with serving(flood) as server, raw_call(server):
            await until(lambda: ears and ears[0].reasons)
            assert ears[0].reasons == ["Twilio does not read what it is sent; the call ends."]

    ears: list[Ear] = []
    asyncio.run(scenario())


def test_the_end_does_not_wait_for_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_S", 0.1)
    monkeypatch.setattr(carrier_socket, "UNSENT_BYTES", 1 << 30)

    async def say_too_much(line: CarrierLine) -> None:
        await line.start(Ear())
        for _ in range(1000):
            line.send(np.tile(LOUD, 100))
            line.clear()

    async def scenario() -> None:
        async with serving(say_too_much) as server, raw_call(server):
            await until(lambda: len(server.sockets))
            began = asyncio.get_running_loop().time()
            await until(lambda: not len(server.sockets))
            assert asyncio.get_running_loop().time() - began >= 0.1

    asyncio.run(scenario())


def test_an_answer_that_fails_ends_its_call_and_is_reported() -> None:
    async def fail(line: CarrierLine) -> None:
        raise ValueError("a bug")

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with serving(fail) as server, dialled(server) as client:
            await greet(client)
            assert await closed_with(client) == 1000
        (report,) = reports
        assert report["message"] == "call CA5 failed"
        assert isinstance(report["exception"], ValueError)

    reports: list[dict[str, Any]] = []
    asyncio.run(scenario())


def test_an_answer_that_goes_on_after_its_caller_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_socket, "FINISH_S", 0.1)

    async def dawdle(line: CarrierLine) -> None:
        try:
            await line.start(Ear())
            await asyncio.sleep(60)
        finally:
            ended.append(line.call_id)

    async def scenario() -> None:
        async with serving(dawdle) as server:
            async with dialled(server) as client:
                await greet(client)
                await asyncio.sleep(0.05)
            await until(lambda: ended)
            await until(lambda: not len(server.sockets))

    ended: list[str] = []
    asyncio.run(scenario())


def test_closing_the_server_ends_its_calls_and_leaves_nothing() -> None:
    async def use() -> None:
        echo = Echo()
        server = Server(echo)
        await server.media.listen("127.0.0.1", 0)
        async with dialled(server) as client, dialled(server):
            await greet(client)
            await until(lambda: echo.ears)
            code, *_ = await asyncio.gather(closed_with(client), server.close(), server.close())
            assert (code, echo.over) == (1000, 1)
        await server.close()
        assert len(server.sockets) == 0

    asyncio.run(leaves_nothing(use, "a server"))

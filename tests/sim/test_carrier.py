from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from hocket.audio.frame import Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.sim import carrier
from hocket.sim.carrier import BUFFER_S, FRAME, RATE, CarrierCaller
from hocket.sim.twilio import TwilioCaller, TwilioPhone
from tests.serving import served

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))


class Talker:
    """Says a loud frame at given frames, and hangs up after some."""

    def __init__(self, frames: int, loud: frozenset[int] = frozenset()) -> None:
        self.heard: list[Samples] = []
        self._frames = frames
        self._loud = loud

    def frame(self, heard: Samples) -> Samples | None:
        self.heard.append(heard)
        if len(self.heard) == self._frames:
            return None
        return LOUD if len(self.heard) in self._loud else silence(FRAME)


def media(samples: Samples) -> str:
    return TwilioPhone("CA1", {}).say(samples)


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", "streamSid": "MZ1"})


def names(echoes: list[str]) -> list[str]:
    return [json.loads(echo)["mark"]["name"] for echo in echoes]


@asynccontextmanager
async def server(talk: Callable[[web.WebSocketResponse], Awaitable[None]]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await talk(socket)
        return socket

    async with served(web.get("/twilio", answer)) as port:
        yield f"ws://127.0.0.1:{port}/twilio"


def test_what_is_sent_sounds_at_once_or_after_what_is_buffered_and_clear_drops_it() -> None:
    phone = TwilioPhone("CA1", {})
    assert phone.receive(media(LOUD), 37) == []
    phone.receive(media(LOUD), 100)
    assert phone.receive(mark("a"), 100) == []
    heard = phone.hear(FRAME)
    assert np.flatnonzero(heard)[0] == 37
    assert names(phone.passed(37 + 2 * FRAME - 1)) == []
    phone.receive(media(LOUD), 200)
    phone.receive(mark("b"), 200)
    assert names(phone.receive(CLEAR, 200)) == ["a", "b"]
    heard = phone.hear(2 * FRAME)
    assert np.count_nonzero(heard) == 200 - FRAME
    assert names(phone.receive(mark("c"), 300)) == ["c"]


def test_marks_come_back_when_playback_passes_them() -> None:
    phone = TwilioPhone("CA1", {})
    phone.receive(media(LOUD), 0)
    phone.receive(mark("a"), 0)
    phone.receive(mark("b"), 0)
    phone.receive(media(LOUD), 0)
    phone.receive(mark("c"), 0)
    assert names(phone.passed(FRAME - 1)) == []
    assert names(phone.passed(FRAME)) == ["a", "b"]
    assert names(phone.passed(2 * FRAME)) == ["c"]
    assert phone.passed(3 * FRAME) == []


def test_what_a_carrier_does_not_know_it_ignores() -> None:
    phone = TwilioPhone("CA1", {})
    for text in ("{", "[]", '{"event": "dance"}', '{"event": "media", "media": {"payload": "%"}}'):
        assert phone.receive(text, 0) == []
    assert not phone.hear(FRAME).any()


def test_no_more_than_ten_minutes_are_buffered() -> None:
    phone = TwilioPhone("CA1", {})
    half_minute = media(np.tile(LOUD, 1500))
    for _ in range(BUFFER_S // 30 + 3):
        phone.receive(half_minute, 0)
    phone.receive(mark("end"), 0)
    assert names(phone.passed(BUFFER_S * RATE - 1)) == []
    assert names(phone.passed(BUFFER_S * RATE)) == ["end"]


def test_a_call_is_sent_in_time_and_recorded_on_one_timeline() -> None:
    came: list[tuple[float, dict[str, Any]]] = []
    done = asyncio.Event()

    async def echo(socket: web.WebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        async for message in socket:
            event = json.loads(message.data)
            came.append((loop.time(), event))
            if event["event"] == "media" and decode_ulaw_any(event):
                await socket.send_str(message.data)
                await socket.send_str(mark("echoed"))
        done.set()

    async def scenario() -> tuple[Talker, TwilioCaller]:
        talker = Talker(20, frozenset({5, 6, 7}))
        async with server(echo) as url:
            caller = TwilioCaller(url, talker, call_sid="CA9", parameters={"from": "me"})
            await caller.run()
            await asyncio.wait_for(done.wait(), 2)
        return talker, caller

    talker, caller = asyncio.run(scenario())
    assert caller.ended == "caller"
    events = [event["event"] for _, event in came]
    assert events[:2] == ["connected", "start"]
    assert events.count("media") == 20
    assert events.count("mark") == 3
    assert events[-1] == "stop"
    times = [at for at, event in came if event["event"] == "media"]
    assert times[-1] - times[0] == pytest.approx(19 * 0.02, abs=0.015)
    recording = caller.recording
    assert recording.shape == (20 * FRAME, 2)
    assert np.array_equal(np.flatnonzero(recording[:, 0]), np.arange(5 * FRAME, 8 * FRAME))
    sounded = np.flatnonzero(recording[:, 1])
    assert len(sounded) == 3 * FRAME
    # Said until 120 ms, sent then, back at once.
    assert 6 * FRAME <= sounded[0] < 6 * FRAME + 20 * RATE // 1000
    assert np.array_equal(np.concatenate(talker.heard), recording[:, 1])
    late = caller.lateness_ms
    assert 0 <= late.p50 <= late.p95 <= late.p99 <= late.max
    assert late.p50 < 5


def decode_ulaw_any(event: dict[str, Any]) -> bool:
    return "/" not in event["media"]["payload"]  # silence is 0xff, which base64 writes as slashes


def test_a_server_that_hangs_up_ends_the_call() -> None:
    async def leave(socket: web.WebSocketResponse) -> None:
        for _ in range(5):
            await socket.receive()
        await socket.close()

    async def scenario() -> TwilioCaller:
        async with server(leave) as url:
            caller = TwilioCaller(url, Talker(500))
            await caller.run()
        return caller

    caller = asyncio.run(scenario())
    assert caller.ended == "server"
    assert 2 * FRAME <= len(caller.recording) <= 8 * FRAME


def test_no_server_and_a_wrong_path_are_plain_errors() -> None:
    async def deaf(_socket: web.WebSocketResponse) -> None:
        raise AssertionError("nobody comes here")

    async def scenario() -> None:
        async with server(deaf) as url:
            with pytest.raises(TransportError, match=r"No media-streams server answers at .*: check that it runs"):
                await TwilioCaller(url + "-not", Talker(5)).run()
        with pytest.raises(TransportError, match="No media-streams server answers"):
            await TwilioCaller(url, Talker(5)).run()

    asyncio.run(scenario())


def test_a_server_that_never_answers_the_handshake_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "ANSWER_S", 0.1)

    async def scenario() -> None:
        mute = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
        try:
            port = mute.sockets[0].getsockname()[1]
            with pytest.raises(TransportError, match="no answer in time"):
                await asyncio.wait_for(TwilioCaller(f"ws://127.0.0.1:{port}/twilio", Talker(5)).run(), 2)
        finally:
            mute.close()
            for writer in held:
                writer.close()

    held: list[asyncio.StreamWriter] = []
    asyncio.run(scenario())


def test_a_server_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "ANSWER_S", 0.2)

    class Flood:
        def frame(self, heard: Samples) -> Samples | None:
            return silence(1 << 23)  # more than fits into the buffers of any system

    async def stop_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", await reader.readuntil(b"\r\n\r\n"))
        assert key is not None
        accepted = b64encode(sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(head + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n")

    async def scenario() -> None:
        deaf = await asyncio.start_server(stop_reading, "127.0.0.1", 0, limit=1024)
        try:
            url = f"ws://127.0.0.1:{deaf.sockets[0].getsockname()[1]}/twilio"
            with pytest.raises(TransportError, match="does not read what it is sent"):
                await asyncio.wait_for(TwilioCaller(url, Flood()).run(), 3)
        finally:
            deaf.close()
            for writer in held:
                writer.transport.abort()

    held: list[asyncio.StreamWriter] = []
    asyncio.run(scenario())


def test_cancelling_leaves_nothing() -> None:
    async def listen(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            pass

    async def scenario() -> None:
        async with server(listen) as url:
            call = asyncio.create_task(TwilioCaller(url, Talker(5000)).run())
            await asyncio.sleep(0.1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.sleep(0.05)
            others = {task.get_name() for task in asyncio.all_tasks()}
            assert "carrier caller" not in others

    asyncio.run(scenario())


def test_a_call_without_frames_has_an_empty_recording() -> None:
    caller = TwilioCaller("ws://127.0.0.1:1/twilio", Talker(1))
    assert caller.recording.shape == (0, 2)
    assert caller.lateness_ms == (0, 0, 0, 0)


def asked_for(caller: Callable[[str], CarrierCaller]) -> tuple[str, dict[str, str]]:
    """The address that a caller of two frames is given, and the headers it asks with."""
    headers: dict[str, str] = {}

    async def scenario() -> str:
        async def answer(socket: web.WebSocketResponse) -> None:
            assert socket._req is not None
            headers.update(socket._req.headers)
            async for _ in socket:
                pass

        async with server(answer) as url:
            await caller(url).run()
        return url

    return asyncio.run(scenario()), headers

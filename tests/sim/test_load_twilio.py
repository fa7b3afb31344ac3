from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pytest

from hocket.audio.g711 import encode_ulaw
from hocket.gateway.carrier_socket import CarrierSocket, CarrierSockets
from hocket.gateway.held import held
from hocket.gateway.media import MediaServer, Upgrade
from hocket.gateway.settings import Settings
from hocket.sim.load import Pacer, Script, Sound, Turn
from hocket.sim.load_twilio import FRAME, RATE, LoadCall, LoadPhone, script
from hocket.transports.carrier import CarrierLine
from hocket.transports.twilio import TWILIO
from tests.sim.wire.waiting import until

LOUD = encode_ulaw(np.full(FRAME, 8_000, np.int16))
QUIET = encode_ulaw(np.full(FRAME, 30, np.int16))

Answering: TypeAlias = Callable[[CarrierLine], Coroutine[Any, Any, None]]


def said(seconds: float, turns: tuple[Turn, ...] = ()) -> Script:
    return script(QUIET * round(seconds * 50), turns)


def media(audio: bytes) -> bytes:
    return json.dumps({"event": "media", "media": {"payload": b64encode(audio).decode()}}).encode()


def mark(name: str) -> bytes:
    return json.dumps({"event": "mark", "mark": {"name": name}}).encode()


CLEAR = b'{"event":"clear"}'


class Phone:
    """A phone whose first sample is said at 100 s, and what it has sent."""

    def __init__(self, script: Script) -> None:
        self.sent: list[dict[str, Any]] = []
        self.phone = LoadPhone("CA1", script, lambda text: self.sent.append(json.loads(text)))
        self.phone.begin(100.02)

    @property
    def marks(self) -> list[str]:
        return [message["mark"]["name"] for message in self.sent if message["event"] == "mark"]


def test_a_script_is_what_a_server_understands() -> None:
    one = Phone(script(LOUD * 2 + QUIET + b"\xff", ()))
    one.phone.greet()
    assert [one.phone.frame(100.02 + number * 0.02) for number in range(3)] == [True, True, False]
    one.phone.hang_up()
    events = [message["event"] for message in one.sent]
    assert events == ["connected", "start", "media", "media", "media", "stop"]
    assert one.sent[1]["start"]["callSid"] == "CA1"
    assert [message["sequenceNumber"] for message in one.sent[1:5]] == ["1", "2", "3", "4"]
    assert [message["media"]["timestamp"] for message in one.sent[2:5]] == ["0", "20", "40"]
    assert [message["media"]["chunk"] for message in one.sent[2:5]] == ["1", "2", "3"]


def test_the_first_audible_sample_counts_where_it_sounds() -> None:
    one = Phone(said(6, (Turn(1.0, 2.0),)))
    for number in range(300):
        one.phone.frame(100.02 + number * 0.02)
        if number == 120:
            one.phone.receive(media(QUIET + QUIET[:80] + LOUD[80:]), 102.4)
            one.phone.receive(media(LOUD), 102.41)
    assert one.phone.heard.sounds == [pytest.approx(Sound(2.43, 2.46))]
    [answer] = one.phone.answers
    assert answer.latency_ms == pytest.approx(430.0)
    assert not answer.talked_over


def test_marks_come_back_when_their_audio_has_sounded() -> None:
    one = Phone(said(2))
    one.phone.receive(media(LOUD * 5), 100.0)
    one.phone.receive(mark("1"), 100.0)
    one.phone.receive(media(LOUD), 100.0)
    one.phone.receive(mark("2"), 100.0)
    one.phone.frame(100.09)
    assert one.marks == []
    one.phone.frame(100.11)
    assert one.marks == ["1"]
    one.phone.frame(100.13)
    assert one.marks == ["1", "2"]


def test_clear_silences_and_sends_all_marks_back() -> None:
    one = Phone(said(2))
    one.phone.receive(media(LOUD * 50), 100.0)
    one.phone.receive(mark("1"), 100.0)
    one.phone.receive(CLEAR, 100.3)
    assert one.marks == ["1"]
    assert one.phone.heard.sounds == [pytest.approx(Sound(0.0, 0.3))]
    one.phone.receive(media(LOUD), 100.5)
    assert one.phone.heard.sounds[-1] == pytest.approx(Sound(0.5, 0.52))


@pytest.mark.parametrize("text", [b"", b"{", b'{"event":"unknown"}', b'{"event":"media"}', b"\xff"])
def test_what_twilio_does_not_know_is_ignored(text: bytes) -> None:
    one = Phone(said(1))
    one.phone.receive(text, 100.0)
    assert one.sent == []
    assert one.phone.heard.sounds == []


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[str]:
    sockets = CarrierSockets()

    def take(_: Upgrade) -> CarrierSocket:
        return sockets.listener(TWILIO, lambda line: held(partial(answer, line), line, line.call_id))

    media = MediaServer(0, Settings(agent="", dev=True), 100, {"/twilio": take})
    await media.listen("127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{media.port}/twilio"
    finally:
        media.close()
        await sockets.close()


async def calling(answer: Answering, *calls: Script) -> list[LoadCall]:
    async with server(answer) as url:
        pacer = Pacer()
        held = [LoadCall(url, f"CA{number}", one, pacer) for number, one in enumerate(calls)]
        await asyncio.gather(*(call.run() for call in held))
        # A call that has just ended may be asked for one more frame.
        assert 0 <= pacer.lateness.count - sum(call.phone.said for call in held) <= len(held)
        return held


class Ear:
    """Counts what it hears and says something when it has heard enough."""

    def __init__(self, line: CarrierLine, speaks_at: int = -1) -> None:
        self.over = asyncio.Event()
        self.samples = 0
        self._line = line
        self._speaks_at = speaks_at

    def hear(self, frame: Any) -> None:
        self.samples += len(frame.samples)
        if self.samples == self._speaks_at:
            for _ in range(3):
                self._line.send(np.full(FRAME, 8_000, np.int16))

    def played(self, sample: int, bound_ms: float, source: str) -> None: ...

    def dtmf(self, digit: str) -> None: ...

    def left(self, reason: str) -> None:
        self.over.set()


def test_whole_calls_over_sockets() -> None:
    ears: list[Ear] = []

    async def answer(line: CarrierLine) -> None:
        ear = Ear(line, speaks_at=RATE // 2)
        ears.append(ear)
        await line.start(ear)  # type: ignore[arg-type]
        await ear.over.wait()

    calls = asyncio.run(calling(answer, *[said(1.0, (Turn(0.1, 0.4),))] * 3))
    assert [call.ended for call in calls] == ["caller"] * 3
    assert [call.phone.said for call in calls] == [50] * 3
    # Whatever comes before the line is started is not heard.
    assert all(RATE - 5 * FRAME <= ear.samples <= RATE for ear in ears)
    for call in calls:
        [found] = call.phone.answers
        assert found.latency_ms is not None
        assert found.latency_ms >= 80


def test_a_server_that_hangs_up_is_told_from_one_that_refuses() -> None:
    async def hang_up(line: CarrierLine) -> None:
        ear = Ear(line, speaks_at=FRAME * 5)
        await line.start(ear)  # type: ignore[arg-type]
        await until(lambda: ear.samples >= FRAME * 10)

    [call] = asyncio.run(calling(hang_up, said(5)))
    assert call.ended == "server"
    assert 10 <= call.phone.said < 250

    async def refuse(line: CarrierLine) -> None:
        return

    [call] = asyncio.run(calling(refuse, said(5)))
    assert call.ended == "refused"
    assert call.refused_s is not None


def test_nobody_there() -> None:
    async def scenario() -> LoadCall:
        call = LoadCall("ws://127.0.0.1:1/twilio", "CA1", said(1), Pacer())
        await call.run()
        return call

    assert asyncio.run(scenario()).ended == "refused"


def test_a_caller_may_hang_up_early() -> None:
    async def answer(line: CarrierLine) -> None:
        ear = Ear(line)
        await line.start(ear)  # type: ignore[arg-type]
        await ear.over.wait()

    async def scenario() -> LoadCall:
        async with server(answer) as url:
            call = LoadCall(url, "CA1", said(60), Pacer())
            task = asyncio.create_task(call.run())
            await until(lambda: call.phone.said >= 5)
            call.hang_up()
            await task
            return call

    call = asyncio.run(scenario())
    assert call.ended == "caller"
    assert call.phone.said < 3000

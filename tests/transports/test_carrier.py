from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hocket.audio.frame import Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.sim.loop import run
from hocket.transports.carrier import (
    ECHO_S,
    MARK_BOUND_MS,
    MAX_MESSAGE_BYTES,
    MAX_QUEUED_S,
    Carrier,
    CarrierLine,
)
from hocket.transports.carrier_audio import FRAME, RATE
from tests.stages.contract import check_transport
from tests.stages.transport_contract import Ear
from tests.transports.telephone import CARRIERS, Telephone, line_of, start_text

pytestmark = pytest.mark.parametrize("carrier", CARRIERS, ids=lambda it: it.name)

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))


class Wire:
    """A line without a far end: what it sends is kept, and how often it closed."""

    def __init__(self, carrier: Carrier) -> None:
        self.sent: list[str] = []
        self.closes = 0
        self.ear = Ear()
        self.line = line_of(carrier, self.sent.append, self._close)

    def _close(self) -> None:
        self.closes += 1


def media(chunk: int, timestamp: int, samples: Samples, track: str = "inbound") -> str:
    body = {
        "track": track,
        "chunk": str(chunk),
        "timestamp": str(timestamp),
        "payload": b64encode(encode_ulaw(samples)).decode(),
    }
    return json.dumps({"event": "media", "sequenceNumber": str(chunk + 1), "streamSid": "MZ1", "media": body})


def test_keeps_the_contract_of_a_transport(carrier: Carrier) -> None:
    frames = check_transport(
        lambda: Telephone(carrier).line, run, hangs_up=lambda: Telephone(carrier, hangs_up_s=0.5).line
    )
    assert np.array_equal(frames[0].samples, decode_ulaw(encode_ulaw(np.full(FRAME, 4_000, np.int16))))


def test_keeps_the_contract_with_a_slow_network(carrier: Carrier) -> None:
    check_transport(
        lambda: Telephone(carrier, delay_s=0.08).line,
        run,
        hangs_up=lambda: Telephone(carrier, delay_s=0.2, hangs_up_s=1).line,
    )


def test_keeps_the_contract_where_the_caller_has_gone_before(carrier: Carrier) -> None:
    def left() -> CarrierLine:
        wire = Wire(carrier)
        wire.line.receive('{"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA1"}}')
        return wire.line

    check_transport(lambda: Telephone(carrier).line, run, broken=left)


BAD: dict[str, str | bytes] = {
    "malformed": '{"event": "media", ',
    "not utf-8": b'{"event": "\xff"}',
    "half a character": '{"event": "\ud800"}',
    "no object": "[1, 2]",
    "no event": "{}",
    "no payload": '{"event": "media", "media": {"track": "inbound", "chunk": "1", "timestamp": "0"}}',
    "no base64": '{"event": "media", "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "%"}}',
    "no number": '{"event": "media", "media": {"track": "inbound", "chunk": "x", "timestamp": "0", "payload": ""}}',
    "outbound track": media(1, 0, LOUD, "outbound"),
    "a key nobody has": '{"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "x"}}',
    "too long": media(1, 0, silence(MAX_MESSAGE_BYTES)),
    "too deep": '{"event": "mark", "x": ' + "[" * 60_000,
}


def test_a_second_start_ends_the_call(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        wire.line.receive(start_text(carrier))
        assert "no message of a media stream" in wire.ear.reasons[0]

    run(scenario())


@pytest.mark.parametrize("name", BAD)
def test_what_a_carrier_would_not_send_ends_the_call_in_one_sentence(carrier: Carrier, name: str) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        wire.line.receive(media(1, 0, LOUD))
        wire.line.receive(BAD[name])
        (reason,) = wire.ear.reasons
        assert reason.startswith(f"{carrier.title}'s side sent ")
        assert reason.endswith("the call ends.")
        assert "\n" not in reason
        assert wire.closes == 1
        wire.line.receive(media(2, 20, LOUD))
        wire.line.receive(BAD[name])
        wire.line.send(LOUD)
        assert wire.line.clear() == 0
        wire.line.gone("The socket is lost.")
        await wire.line.close()
        assert (len(wire.ear.frames), len(wire.ear.reasons), wire.closes, wire.sent) == (1, 1, 1, [])

    run(scenario())


def test_an_event_that_a_carrier_may_add_one_day_is_passed_over(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        wire.line.receive('{"event": "weather", "weather": {"sky": "blue"}}')
        wire.line.receive(media(1, 0, LOUD))
        assert (len(wire.ear.frames), wire.ear.reasons) == (1, [])

    run(scenario())


@pytest.mark.parametrize(
    "text", ["{", "", '{"event": "media"}', '{"event": "start", "start": {}}', "null", "[" * 60_000]
)
def test_other_messages_before_the_start_are_refused(carrier: Carrier, text: str) -> None:
    with pytest.raises(TransportError, match="no message of a media stream"):
        carrier.answer(text, print, lambda: None)


def test_who_the_caller_is(carrier: Carrier) -> None:
    async def scenario() -> None:
        line = Wire(carrier).line
        assert (line.name, line.input_rate, line.output_rate, line.ahead_ms) == (carrier.name, 8000, 8000, 60)
        assert (line.call_id, line.caller, dict(line.parameters)) == ("CA1", "+15550100", {"caller": "+15550100"})

    run(scenario())


def test_a_line_that_is_over_cannot_be_started(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        wire.line.receive("{")
        with pytest.raises(TransportError, match="no message of a media stream"):
            await wire.line.start(wire.ear)

    run(scenario())


def test_keys_are_told(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        for digit in "1*#D":
            body = {"event": "dtmf", "streamSid": "MZ1", "dtmf": {"track": "inbound_track", "digit": digit}}
            wire.line.receive(json.dumps(body))
        assert wire.ear.digits == list("1*#D")

    run(scenario())


def test_what_is_said_before_the_start_is_not_heard(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        wire.line.receive(media(1, 0, LOUD))
        await wire.line.start(wire.ear)
        wire.line.receive(media(2, 20, LOUD))
        assert [frame.at for frame in wire.ear.frames] == [0]

    run(scenario())


def test_audio_faster_than_it_is_said_ends_the_call(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        for n in range(100):
            wire.line.receive(media(n + 1, n * 4000, np.resize(LOUD, 4 * RATE)))
        assert not wire.ear.frames
        assert wire.ear.reasons == [f"{carrier.title}'s side sent audio faster than it can be said; the call ends."]
        assert wire.closes == 1

    run(scenario())


async def talk(line: CarrierLine, frames: int, ahead: int = 1) -> None:
    """Send frames in real time, the first `ahead` of them at once."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for index in range(frames):
        await asyncio.sleep(max(0.0, began + (index + 1 - ahead) * 0.02 - loop.time()))
        line.send(LOUD)


def calling(carrier: Carrier, scenario: Callable[[Telephone, Ear], Any], **telephone: Any) -> None:
    async def call() -> None:
        far_end, ear = Telephone(carrier, **telephone), Ear()
        await far_end.line.start(ear)
        await scenario(far_end, ear)
        await far_end.line.close()

    run(call())


def test_marks_every_100_ms_and_when_sending_pauses(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, ear: Ear) -> None:
        await talk(telephone.line, 12)
        await asyncio.sleep(0.2)
        expected = ["media"] * 5 + ["mark"] + ["media"] * 5 + ["mark"] + ["media"] * 2 + ["mark"]
        assert telephone.events() == expected
        assert ear.reports == [(5 * FRAME, MARK_BOUND_MS), (10 * FRAME, MARK_BOUND_MS), (12 * FRAME, MARK_BOUND_MS)]

    calling(carrier, scenario)


def test_pieces_are_longer_where_messages_are_gathered(carrier: Carrier) -> None:
    async def scenario() -> None:
        line = Wire(carrier).line
        assert line.frame_ms == 50
        line.gather(2)
        assert line.frame_ms == 100
        line.gather(1)
        assert line.frame_ms == 50

    run(scenario())


def test_no_mark_comes_while_sending_goes_on(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, ear: Ear) -> None:
        await talk(telephone.line, 4)
        assert ear.reports == []
        assert telephone.events() == ["media"] * 4

    calling(carrier, scenario)


@pytest.mark.parametrize("delay_s", [0.0, 0.07])
def test_clear_takes_back_what_has_not_sounded(carrier: Carrier, delay_s: float) -> None:
    async def scenario(telephone: Telephone, ear: Ear) -> None:
        await talk(telephone.line, 30, ahead=3)
        await asyncio.sleep(0.013)
        dropped = telephone.line.clear()
        assert dropped == round((0.06 - 0.02 + 0.02 - 0.013) * RATE)
        await asyncio.sleep(0.3)
        sounded = int(np.count_nonzero(telephone.sounded()))
        assert sounded == 30 * FRAME - dropped
        # The marks that clear sends back acknowledge nothing that never sounded.
        assert max(sample for sample, _ in ear.reports) <= sounded
        telephone.line.send(LOUD)
        await asyncio.sleep(0.3)
        assert ear.reports[-1] == (sounded + FRAME, MARK_BOUND_MS)

    calling(carrier, scenario, delay_s=delay_s)


def test_clear_after_a_stall_counts_by_the_marks_that_came_late(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, _: Ear) -> None:
        await talk(telephone.line, 10)
        await asyncio.sleep(0.3)
        telephone.stall(0.3)
        await talk(telephone.line, 40, ahead=3)  # 0.74 s; it sounds from 0.3 s on
        dropped = telephone.line.clear()
        await asyncio.sleep(0.5)
        sounded = int(np.count_nonzero(telephone.sounded()))
        assert 50 * FRAME - dropped == pytest.approx(sounded, abs=FRAME + 1)
        assert dropped == pytest.approx(round((0.8 - 0.44) * RATE), abs=FRAME + 1)

    calling(carrier, scenario)


def test_clear_twice_and_with_nothing_sent_takes_back_nothing(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, _: Ear) -> None:
        assert telephone.line.clear() == 0
        assert telephone.sent == []
        telephone.line.send(LOUD)
        assert telephone.line.clear() == FRAME
        assert telephone.line.clear() == 0
        assert telephone.events() == ["media", "clear"]

    calling(carrier, scenario)


def test_what_may_still_sound_is_cleared_even_when_its_time_is_over(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, _: Ear) -> None:
        telephone.line.send(LOUD)
        await asyncio.sleep(0.05)  # its mark is still on the way
        assert telephone.line.clear() == 0
        assert "clear" in telephone.events()

    calling(carrier, scenario, delay_s=0.2)


def test_marks_of_others_say_nothing(carrier: Carrier) -> None:
    async def scenario(telephone: Telephone, ear: Ear) -> None:
        telephone.line.send(LOUD)
        for name in ("intro", "", "7", "-1", "9" * 5000, "²"):
            telephone.line.receive(json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}))
        assert ear.reports == []
        assert ear.reasons == []

    calling(carrier, scenario)


def test_close_waits_for_the_last_mark_and_not_for_ever(carrier: Carrier) -> None:
    async def closed_after(**telephone: Any) -> tuple[float, list[tuple[int, float]]]:
        far_end, ear = Telephone(carrier, **telephone), Ear()
        await far_end.line.start(ear)
        for _ in range(10):
            far_end.line.send(LOUD)
        await asyncio.gather(far_end.line.close(), far_end.line.close())
        await far_end.line.close()
        (at,) = far_end.closed_at
        assert ear.reasons == []
        return at, ear.reports

    at, reports = run(closed_after())
    assert at == pytest.approx(0.2, abs=0.001)
    assert reports[-1] == (10 * FRAME, MARK_BOUND_MS)
    at, reports = run(closed_after(delay_s=0.3))
    assert at == pytest.approx(0.8, abs=0.021)
    at, reports = run(closed_after(echoes=False))
    assert at == pytest.approx(0.2 + ECHO_S, abs=0.001)
    assert reports == []


def test_a_caller_who_leaves_ends_the_wait_of_close(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        wire.line.send(LOUD)
        asyncio.get_running_loop().call_later(0.1, wire.line.gone, "The socket is lost.")
        began = asyncio.get_running_loop().time()
        await wire.line.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.1)
        assert (wire.closes, wire.ear.reasons) == (1, [])

    run(scenario())


def test_nothing_is_sent_when_the_line_is_over(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        wire.line.send(LOUD)
        wire.line.gone("The socket is lost.")
        await asyncio.sleep(0.1)
        assert len(wire.sent) == 1
        assert wire.ear.reasons == ["The socket is lost."]

    run(scenario())


def test_who_sends_faster_than_it_sounds_is_stopped(carrier: Carrier) -> None:
    async def scenario() -> None:
        wire = Wire(carrier)
        await wire.line.start(wire.ear)
        for _ in range(MAX_QUEUED_S * 50 + 1):
            wire.line.send(LOUD)
        with pytest.raises(TransportError, match="send audio when it is due"):
            wire.line.send(LOUD)
        assert wire.line.clear() == (MAX_QUEUED_S * 50 + 1) * FRAME

    run(scenario())

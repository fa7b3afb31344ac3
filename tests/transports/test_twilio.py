from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.sim.loop import run
from hocket.transports.carrier_audio import FRAME
from hocket.transports.twilio import TWILIO, StartMessage, TwilioLine, read_start
from tests.stages.transport_contract import Ear
from tests.transports.telephone import Telephone, start_text

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))


def _start(**changes: Any) -> StartMessage:
    start = read_start(start_text(TWILIO, **changes))
    assert start is not None
    return start


def test_what_twilio_says_at_the_start() -> None:
    assert read_start('{"event": "connected", "protocol": "Call", "version": "1.0.0"}') is None
    start = _start(customParameters={"From": "+15550123", "clinic": "harbour"})

    async def scenario() -> None:
        line = TwilioLine(start, print, lambda: None)
        assert (line.call_id, line.caller, line.parameters["clinic"]) == ("CA1", "+15550123", "harbour")
        assert TwilioLine(_start(customParameters={}), print, lambda: None).caller == ""

    run(scenario())


@pytest.mark.parametrize(
    "format",
    [
        {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
    ],
)
def test_another_encoding_is_refused(format: dict[str, Any]) -> None:
    with pytest.raises(TransportError, match="only audio/x-mulaw at 8000 Hz with one can be used"):
        TwilioLine(_start(mediaFormat=format), print, lambda: None)


def test_messages_go_out_as_twilio_reads_them() -> None:
    async def scenario() -> None:
        telephone = Telephone(TWILIO)
        await telephone.line.start(Ear())
        telephone.line.send(LOUD)
        await telephone.line.close()
        assert np.array_equal(telephone.sounded()[telephone.sounded() != 0], LOUD)
        assert [json.loads(text) for text in telephone.sent] == [
            {"event": "media", "streamSid": "MZ1", "media": {"payload": b64encode(encode_ulaw(LOUD)).decode()}},
            {"event": "mark", "streamSid": "MZ1", "mark": {"name": "1"}},
        ]

    run(scenario())


def test_a_call_is_cleared_as_twilio_reads_it() -> None:
    async def scenario() -> None:
        telephone = Telephone(TWILIO)
        await telephone.line.start(Ear())
        telephone.line.send(LOUD)
        telephone.line.clear()
        assert json.loads(telephone.sent[-1]) == {"event": "clear", "streamSid": "MZ1"}
        await telephone.line.close()

    run(scenario())


def test_a_gap_is_told_by_the_time() -> None:
    """The count has a gap of three messages here, and the time one of 20 ms."""

    async def scenario() -> None:
        telephone = Telephone(TWILIO)
        ear = Ear()
        await telephone.line.start(ear)
        for chunk, timestamp in ((1, 0), (5, 20), (6, 60)):
            media = {"track": "inbound", "chunk": chunk, "timestamp": timestamp, "payload": "/" * 212 + "/w=="}
            telephone.line.receive(json.dumps({"event": "media", "media": media}))
        assert len(ear.frames) == 4
        await telephone.line.close()

    run(scenario())

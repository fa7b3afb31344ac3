from __future__ import annotations

import json
import logging
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.errors import TransportError
from hocket.sim.loop import run
from hocket.transports.carrier import MAX_FAULTS
from hocket.transports.carrier_audio import FRAME
from hocket.transports.telnyx import TELNYX, StartMessage, TelnyxLine, read_start
from tests.stages.transport_contract import Ear
from tests.transports.telephone import Telephone, line_of, start_text

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))

DOCUMENTED = """{
  "event": "start", "sequence_number": "1", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
  "start": {
    "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
    "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
    "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
    "from": "+13122010094", "to": "+13122123456", "tags": ["TAG1"], "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
    "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
  }
}"""


def _start(**changes: Any) -> StartMessage:
    start = read_start(start_text(TELNYX, **changes))
    assert start is not None
    return start


def test_what_telnyx_says_at_the_start() -> None:
    assert read_start('{"event": "connected", "version": "1.0.0"}') is None

    async def scenario() -> None:
        line = TELNYX.answer(DOCUMENTED, print, lambda: None)
        assert line is not None
        assert line.call_id == "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ"
        assert (line.caller, dict(line.parameters)) == ("+13122010094", {})
        line = TelnyxLine(_start(custom_parameters={"clinic": "harbour"}), print, lambda: None)
        assert line.parameters["clinic"] == "harbour"

    run(scenario())


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "usable"),
    [
        ("PCMU", 8000, 1, True),
        ("audio/x-mulaw", 8000, 1, True),
        ("PCMA", 8000, 1, False),
        ("L16", 16000, 1, False),
        ("G722", 8000, 1, False),
        ("OPUS", 16000, 1, False),
        ("PCMU", 16000, 1, False),
        ("PCMU", 8000, 2, False),
    ],
)
def test_only_mu_law_at_8_khz_is_taken(encoding: str, rate: int, channels: int, usable: bool) -> None:
    async def scenario() -> None:
        start = _start(media_format={"encoding": encoding, "sample_rate": rate, "channels": channels})
        if usable:
            TelnyxLine(start, print, lambda: None)
            return
        with pytest.raises(TransportError, match=f"Telnyx announces {encoding} at {rate} Hz.*only PCMU at 8000 Hz"):
            TelnyxLine(start, print, lambda: None)

    run(scenario())


def test_messages_go_out_as_telnyx_reads_them() -> None:
    async def scenario() -> None:
        telephone = Telephone(TELNYX)
        await telephone.line.start(Ear())
        telephone.line.send(LOUD)
        telephone.line.clear()
        telephone.line.send(LOUD)
        await telephone.line.close()
        audio = {"event": "media", "media": {"payload": b64encode(encode_ulaw(LOUD)).decode()}}
        assert [json.loads(text) for text in telephone.sent] == [
            audio,
            {"event": "clear"},
            audio,
            {"event": "mark", "mark": {"name": "1"}},
        ]

    run(scenario())


def test_messages_out_of_order_are_put_in_order_whatever_their_timestamps_count() -> None:
    async def scenario() -> None:
        ear = Ear()
        line = line_of(TELNYX, print, lambda: None)
        await line.start(ear)
        for chunk in (2, 4, 3, 5):
            payload = b64encode(encode_ulaw(np.full(FRAME, 100 * chunk, np.int16))).decode()
            media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(160 * chunk), "payload": payload}
            line.receive(json.dumps({"event": "media", "media": media, "stream_id": "x"}))
        levels = [int(frame.samples[0]) for frame in ear.frames]
        assert levels == sorted(levels)
        assert len(levels) == 4
        await line.close()

    run(scenario())


def error(**payload: Any) -> str:
    return json.dumps({"event": "error", "stream_id": "x", "payload": payload})


@pytest.mark.parametrize("text", [error(code=100003, title="malformed_frame", detail="+15550100"), error(code="odd")])
def test_a_refused_message_is_logged_and_many_end_the_call(text: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        ear = Ear()
        line = line_of(TELNYX, print, lambda: None)
        await line.start(ear)
        for _ in range(MAX_FAULTS - 1):
            line.receive(text)
        assert ear.reasons == []
        line.receive(text)
        (reason,) = ear.reasons
        assert reason.startswith(f"Telnyx refused {MAX_FAULTS} messages (")

    with caplog.at_level(logging.WARNING):
        run(scenario())
    assert len(caplog.records) == MAX_FAULTS
    assert "5550" not in caplog.text


@pytest.mark.parametrize("text", ['{"event": "error"}', error(code=1, title="two\nlines"), error(title="x" * 5_000)])
def test_an_error_without_much_sense_is_still_one_line(text: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        line = line_of(TELNYX, print, lambda: None)
        await line.start(Ear())
        line.receive(text)
        await line.close()

    with caplog.at_level(logging.WARNING):
        run(scenario())
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 150

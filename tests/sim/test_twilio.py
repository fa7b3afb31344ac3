from __future__ import annotations

import json

import numpy as np

from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.sim.twilio import FRAME, TwilioCaller, TwilioPhone, sign
from tests.sim.test_carrier import Talker, asked_for

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))


def test_messages_of_a_stream_as_twilio_writes_them() -> None:
    phone = TwilioPhone("CA7", {"caller": "+15550100"})
    connected, start = map(json.loads, phone.greeting())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert (start["event"], start["sequenceNumber"], start["streamSid"]) == ("start", "1", "MZ7")
    assert start["start"]["callSid"] == "CA7"
    assert start["start"]["customParameters"] == {"caller": "+15550100"}
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    phone.say(LOUD)
    second = json.loads(phone.say(LOUD))
    assert second["sequenceNumber"] == "3"
    assert {k: second["media"][k] for k in ("track", "chunk", "timestamp")} == {
        "track": "inbound",
        "chunk": "2",
        "timestamp": "20",
    }
    assert json.loads(phone.press("#"))["dtmf"] == {"track": "inbound_track", "digit": "#"}
    assert json.loads(phone.goodbye())["stop"]["callSid"] == "CA7"


def test_a_request_is_signed_as_in_twilios_documentation() -> None:
    form = {
        "To": "+18005551212",
        "From": "+14158675309",
        "Digits": "1234",
        "Caller": "+14158675309",
        "CallSid": "CA1234567890ABCDE",
    }
    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_a_caller_signs_the_address_it_was_given() -> None:
    url, headers = asked_for(lambda url: TwilioCaller(url, Talker(2), auth_token="t"))
    assert headers["X-Twilio-Signature"] == sign("t", url)
    public = "wss://voice.example/w/0/twilio"
    _, headers = asked_for(lambda url: TwilioCaller(url, Talker(2), auth_token="t", public_url=public))
    assert headers["X-Twilio-Signature"] == sign("t", public)
    _, headers = asked_for(lambda url: TwilioCaller(url, Talker(2)))
    assert "X-Twilio-Signature" not in headers

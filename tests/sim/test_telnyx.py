from __future__ import annotations

import json
from base64 import b64decode

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hocket.audio.g711 import decode_ulaw, encode_ulaw
from hocket.sim.telnyx import FRAME, TelnyxAccount, TelnyxCaller, TelnyxPhone
from tests.sim.test_carrier import Talker, asked_for

LOUD = decode_ulaw(encode_ulaw(np.full(FRAME, 8_000, np.int16)))


def test_messages_of_a_stream_as_telnyx_writes_them() -> None:
    phone = TelnyxPhone("v3:7", {"clinic": "harbour"}, "+15550123")
    connected, start = map(json.loads, phone.greeting())
    assert connected == {"event": "connected", "version": "1.0.0"}
    assert (start["event"], start["sequence_number"], start["stream_id"]) == ("start", "1", "stream-sim")
    about = start["start"]
    assert (about["call_control_id"], about["from"]) == ("v3:7", "+15550123")
    assert about["custom_parameters"] == {"clinic": "harbour"}
    assert about["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
    phone.say(LOUD)
    second = json.loads(phone.say(LOUD))
    assert second["sequence_number"] == "3"
    assert (second["media"]["track"], second["media"]["chunk"]) == ("inbound", "2")
    assert json.loads(phone.press("#"))["dtmf"]["digit"] == "#"
    assert json.loads(phone.goodbye())["stop"]["call_control_id"] == "v3:7"


def test_what_is_sent_without_the_streams_name_sounds() -> None:
    phone = TelnyxPhone("v3:7", {})
    said = json.loads(phone.say(LOUD))["media"]["payload"]
    assert phone.receive(json.dumps({"event": "media", "media": {"payload": said}}), 0) == []
    assert np.array_equal(phone.hear(FRAME), LOUD)
    (echo,) = phone.receive(json.dumps({"event": "mark", "mark": {"name": "1"}}), FRAME)
    assert json.loads(echo)["mark"] == {"name": "1"}


def test_a_webhook_is_signed_with_the_accounts_key() -> None:
    account = TelnyxAccount(bytes(range(32)))
    headers = account.headers(b"CallSid=v3", 1_795_000_000)
    assert headers["telnyx-timestamp"] == "1795000000"
    key = Ed25519PublicKey.from_public_bytes(b64decode(account.public_key))
    key.verify(b64decode(headers["telnyx-signature-ed25519"]), b"1795000000|CallSid=v3")


def test_a_caller_does_not_sign() -> None:
    _, headers = asked_for(lambda url: TelnyxCaller(url, Talker(2)))
    assert not [name for name in headers if "signature" in name.lower()]

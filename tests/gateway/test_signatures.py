from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from hocket.errors import ConfigError
from hocket.gateway.signatures import TOLERANCE_S, TelnyxKey, is_twilio, twilio_signature
from hocket.sim.telnyx import TelnyxAccount
from hocket.sim.twilio import sign

TOKEN = "12345"
WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
NOW = 1_795_000_000.0


def test_the_example_of_twilios_documentation() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert twilio_signature(TOKEN, url, form.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert is_twilio(TOKEN, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, form.items())


@given(st.dictionaries(WORDS, WORDS, max_size=6), WORDS.filter(bool))
def test_signatures_are_those_of_twilios_own_package(form: dict[str, str], token: str) -> None:
    url = "https://voice.example/twilio?agent=a%20b"
    theirs = RequestValidator(token).compute_signature(url, form)
    assert twilio_signature(token, url, form.items()) == theirs == sign(token, url, form)
    assert is_twilio(token, theirs, url, form.items())
    assert not is_twilio(token + "x", theirs, url, form.items())
    assert not is_twilio(token, theirs, url, [*form.items(), ("a name that is new", "1")])


@pytest.mark.parametrize(
    ("signed", "known"),
    [
        ("https://voice.example/twilio", "https://voice.example:443/twilio"),
        ("https://voice.example:443/twilio", "https://voice.example/twilio"),
        ("https://voice.example:8443/twilio", "https://voice.example:8443/twilio"),
        ("https://voice.example/twilio", "https://voice.example:8443/twilio"),
        ("wss://voice.example/w/0/twilio", "wss://voice.example/w/0/twilio"),
        ("wss://voice.example/w/0/twilio/", "wss://voice.example/w/0/twilio"),
        ("wss://voice.example:443/w/0/twilio/", "wss://voice.example/w/0/twilio"),
        ("wss://[2001:db8::1]:443/twilio", "wss://[2001:db8::1]/twilio"),
    ],
)
def test_ports_and_slashes_as_twilio_writes_them(signed: str, known: str) -> None:
    assert is_twilio(TOKEN, sign(TOKEN, signed), known)


@pytest.mark.parametrize(
    ("signed", "known"),
    [
        ("https://voice.example/twilio/", "https://voice.example/twilio"),
        ("http://voice.example/twilio", "https://voice.example/twilio"),
        ("https://voice.example/twilio?x=1", "https://voice.example/twilio"),
        ("wss://voice.example/w/1/twilio", "wss://voice.example/w/0/twilio"),
        ("wss://other.example/w/0/twilio", "wss://voice.example/w/0/twilio"),
    ],
)
def test_another_address_is_another_signature(signed: str, known: str) -> None:
    assert not is_twilio(TOKEN, sign(TOKEN, signed), known)


@pytest.mark.parametrize("signature", ["", "x", "é", "\ud800", "A" * 100_000])
@pytest.mark.parametrize("url", ["https://voice.example/twilio", "wss://[/x", "https://h:99999999/"])
def test_no_signature_is_none(signature: str, url: str) -> None:
    assert not is_twilio(TOKEN, signature, url)


ACCOUNT = TelnyxAccount(bytes(range(32)))
BODY = b"CallSid=v3%3Aabc&From=%2B15550100"


def signed(body: bytes, headers: dict[str, str], now: float = NOW) -> bool:
    key = TelnyxKey(ACCOUNT.public_key)
    return key.signed(body, headers["telnyx-timestamp"], headers["telnyx-signature-ed25519"], now)


@pytest.mark.parametrize(
    ("late_s", "right"), [(0, True), (TOLERANCE_S, True), (-TOLERANCE_S, True), (301, False), (-301, False)]
)
def test_telnyx_webhooks_are_signed_and_not_old(late_s: int, right: bool) -> None:
    assert signed(BODY, ACCOUNT.headers(BODY, int(NOW)), NOW + late_s) is right


@given(st.binary(max_size=60))
def test_what_telnyx_did_not_sign_is_not_its(body: bytes) -> None:
    headers = ACCOUNT.headers(body, int(NOW))
    assert signed(body, headers)
    assert not signed(body + b"x", headers)
    assert not signed(body, TelnyxAccount(bytes(32)).headers(body, int(NOW)))
    assert not signed(body, {**headers, "telnyx-timestamp": str(int(NOW) + 1)})


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "9" * 5_000, "²", "1795000000.5", " 1795000000"])
def test_a_timestamp_is_seconds(timestamp: str) -> None:
    assert not signed(BODY, {**ACCOUNT.headers(BODY, int(NOW)), "telnyx-timestamp": timestamp})


@pytest.mark.parametrize("signature", ["", "%", "é", b64encode(bytes(63)).decode(), b64encode(bytes(64)).decode()])
def test_a_signature_is_64_bytes_in_base64(signature: str) -> None:
    assert not signed(BODY, {**ACCOUNT.headers(BODY, int(NOW)), "telnyx-signature-ed25519": signature})


@pytest.mark.parametrize("key", ["", "KEY", "é", b64encode(bytes(31)).decode(), "KEY0" * 20])
def test_a_key_that_is_none_is_one_sentence(key: str) -> None:
    with pytest.raises(ConfigError, match="TELNYX_PUBLIC_KEY is no Ed25519 key"):
        TelnyxKey(key)

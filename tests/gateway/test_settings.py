"""What an operator may ask for: safe where it listens, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hocket.errors import ConfigError
from hocket.gateway.settings import Secrets, Settings, check, is_loopback, origin_of, secrets_of

KEY = "a key that is long enough"


def settings(**given: Any) -> Settings:
    return Settings(agent="agent.py", **given)


ORIGINS = ("https://talk.example",)


@pytest.mark.parametrize(
    "given",
    [
        {"dev": True},
        {"dev": True, "host": "localhost"},
        {"dev": True, "host": "::1"},
        {"origins": ORIGINS},
        {"secrets": Secrets(api_keys=(KEY,))},
        {"secrets": Secrets(twilio_auth_token="t")},
        {"secrets": Secrets(telnyx_public_key="t")},
        {"host": "0.0.0.0", "origins": ORIGINS, "trusted_proxies": ("10.0.0.0/8",)},
        {"port": 0, "dev": True},
    ],
)
def test_what_is_safe(given: dict[str, Any]) -> None:
    check(settings(**given))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "Nobody may call"),
        ({"host": "0.0.0.0"}, "Nobody may call"),
        ({"dev": True, "host": "0.0.0.0"}, "localhost only"),
        ({"dev": True, "host": "192.0.2.1"}, "localhost only"),
        ({"host": "0.0.0.0", "origins": ORIGINS}, "unencrypted"),
        ({"host": "voice.example", "origins": ORIGINS}, "unencrypted"),
        ({"dev": True, "tls_cert": "a.pem"}, "belong together"),
        ({"dev": True, "tls_cert": "no.pem", "tls_key": "no.pem"}, "There is no file no.pem"),
        ({"dev": True, "port": 65_534}, "--port"),
        ({"dev": True, "workers": 0}, "--workers"),
        ({"dev": True, "max_calls": 0}, "--max-calls"),
        ({"dev": True, "metrics_from": ("10.0.0.0/8", "near")}, '--metrics-from is "near"'),
        ({"dev": True, "max_calls_per_address": 0}, "--max-calls-per-address"),
        ({"dev": True, "drain_timeout_s": -1}, "--drain-timeout"),
        ({"dev": True, "drain_timeout_s": float("nan")}, "--drain-timeout"),
        ({"origins": ("talk.example",)}, "--origin"),
        ({"origins": ("https://talk.example/",)}, "--origin"),
        ({"origins": ("*",)}, "--origin"),
        ({"dev": True, "public_url": "voice.example"}, "--public-url"),
        ({"dev": True, "public_url": "https://voice.example?x=1"}, "--public-url"),
        ({"dev": True, "trusted_proxies": ("proxy.example",)}, "--trusted-proxy"),
        ({"dev": True, "secrets": Secrets(secret="short")}, "HOCKET_SECRET"),
        ({"dev": True, "secrets": Secrets(api_keys=("1234",))}, "HOCKET_API_KEYS"),
    ],
)
def test_what_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        check(settings(**given))
    assert "\n" not in str(refused.value)


def test_with_a_certificate_a_public_address_is_safe(tmp_path: Path) -> None:
    (tmp_path / "some.pem").write_text("")
    path = str(tmp_path / "some.pem")
    check(settings(host="0.0.0.0", origins=ORIGINS, tls_cert=path, tls_key=path))


def test_secrets_come_from_the_environment_and_are_not_shown() -> None:
    found = secrets_of({"HOCKET_SECRET": "s", "HOCKET_API_KEYS": "one, two,,", "TWILIO_AUTH_TOKEN": "t"})
    assert found == Secrets(secret="s", api_keys=("one", "two"), twilio_auth_token="t")
    assert "two" not in repr(settings(secrets=found))


def test_settings_survive_the_way_to_a_worker() -> None:
    given = settings(secrets=Secrets(api_keys=(KEY,)), origins=ORIGINS, max_calls=3)
    assert msgspec.json.decode(msgspec.json.encode(given), type=Settings) == given


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://talk.example/a?b#c", "https://talk.example"),
        ("https://talk.example:443", "https://talk.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://talk.example:99999", ""),
        ("null", ""),
        ("file:///etc", ""),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_what_stays_on_this_machine() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "")))

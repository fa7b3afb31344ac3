"""What an operator does wrong: one sentence and exit code 2, before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.test_call import agent_file, hocket


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Nobody may call"),
        (("--dev", "--host", "0.0.0.0"), "localhost only"),
        (("--host", "0.0.0.0", "--origin", "https://talk.example"), "unencrypted"),
        (("--dev", "--workers", "0"), "--workers is 0"),
        (("--dev", "--tls-cert", "a.pem", "--tls-key", "b.pem"), "There is no file a.pem"),
    ],
)
def test_a_gateway_that_would_not_be_safe(
    options: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("HOCKET_API_KEYS", "HOCKET_SECRET", "TWILIO_AUTH_TOKEN", "TELNYX_PUBLIC_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert hocket(monkeypatch, "serve", agent_file(tmp_path), *options) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err + printed.out


def test_a_certificate_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pem = agent_file(tmp_path)
    assert hocket(monkeypatch, "serve", pem, "--dev", "--tls-cert", pem, "--tls-key", pem) == 2
    assert "give a certificate and its key" in capsys.readouterr().err


def test_an_agent_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert hocket(monkeypatch, "serve", "nowhere.py", "--dev") == 2
    assert "There is no file nowhere.py" in capsys.readouterr().err


def test_a_port_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert hocket(monkeypatch, "serve", agent_file(tmp_path), "--dev", "--port", port) == 2
    assert f"Port {port} of 127.0.0.1 cannot be used" in capsys.readouterr().err

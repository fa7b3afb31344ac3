"""The addresses that callers are given."""

from __future__ import annotations

import pytest

from hocket.gateway.placing import Placement, media_url, web_url
from hocket.gateway.settings import Settings

PLACED = Placement("ticket", 3, 8084)


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:8080", "localhost"), ("voice.example", "voice.example"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]")],
)
def test_media_is_at_the_port_of_the_worker(host: str, name: str) -> None:
    plain = Settings(agent="")
    assert media_url(plain, host, PLACED, "/ws") == f"ws://{name}:8084/ws"
    assert web_url(plain, host, "/webrtc/offer") == f"http://{host}/webrtc/offer"
    tls = Settings(agent="", tls_cert="c", tls_key="k")
    assert media_url(tls, host, PLACED, "/ws") == f"wss://{name}:8084/ws"
    assert web_url(tls, host, "/webrtc/offer") == f"https://{host}/webrtc/offer"


def test_behind_a_proxy_a_prefix_leads_to_the_worker() -> None:
    public = Settings(agent="", public_url="https://voice.example/talk/")
    assert media_url(public, "inside:8080", PLACED, "/twilio") == "wss://voice.example/talk/w/3/twilio"
    assert web_url(public, "inside:8080", "/webrtc/offer") == "https://voice.example/talk/webrtc/offer"

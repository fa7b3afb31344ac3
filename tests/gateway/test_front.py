"""What the front answers: who gets a ticket, what bad requests get, what operators see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from hocket.gateway import front
from hocket.gateway.admission import Refusal
from hocket.gateway.control import Answer
from hocket.gateway.front import Front
from hocket.gateway.listening import HttpPort
from hocket.gateway.placing import Placement
from hocket.gateway.settings import Secrets, Settings

KEY = "a key that is long enough"
BEARER = {"Authorization": f"Bearer {KEY}"}
ORIGIN = "https://talk.example"
PUBLIC = Settings(agent="", origins=(ORIGIN,), secrets=Secrets(api_keys=("another key, as long", KEY)))
DEV = Settings(agent="", dev=True)


class Worker:
    """A worker that answers offers with what it was asked."""

    number = 1

    def __init__(self) -> None:
        self.offers: list[bytes] = []

    async def offer(self, body: bytes) -> Answer | None:
        self.offers.append(body)
        return Answer(503, b'{"reason":"busy"}', 7) if body == b"too many" else Answer(200, b'{"type":"answer"}')

    async def metrics(self) -> bytes | None:
        return b"17"


class Workers:
    """Places every call on worker 1, unless it refuses all."""

    def __init__(self) -> None:
        self.ready = 1
        self.webrtc = True
        self.refusal: Refusal | None = None
        self.asked: list[dict[str, Any]] = []
        self.worker = Worker()
        self.running = (self.worker,)

    def place(self, kind: str, **about: Any) -> Placement | Refusal:
        self.asked.append({"kind": kind, **about})
        return self.refusal or Placement("the ticket", 1, 8082, self.webrtc)

    def numbered(self, number: int) -> Worker | None:
        return self.worker if number == 1 else None


class Served:
    def __init__(self, url: str, workers: Workers, client: aiohttp.ClientSession) -> None:
        self.url, self.workers, self._client = url, workers, client

    async def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        async with self._client.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.read()
            is_json = response.content_type == "application/json"
            return response.status, msgspec.json.decode(text) if is_json and text else text, response.headers

    async def session(self, body: object = None, **headers: str) -> tuple[int, Any, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", "/v1/voice/session", body, named)


@asynccontextmanager
async def served(settings: Settings = PUBLIC) -> AsyncIterator[Served]:
    workers = Workers()
    made = Front(settings, workers, lambda figures: msgspec.json.encode({k: v.decode() for k, v in figures.items()}))  # type: ignore[arg-type]
    port = HttpPort(made.application(), made.proxies, behind_proxy=False)
    await port.listen("127.0.0.1", 0, None)
    async with aiohttp.ClientSession() as client:
        try:
            yield Served(f"http://127.0.0.1:{port.port}", workers, client)
        finally:
            await port.close()


# -- tickets


def test_a_server_with_a_key_gets_a_ticket_and_may_say_who_calls() -> None:
    async def scenario() -> None:
        async with served() as at:
            asked = {"kind": "webrtc", "expires_s": 300, "caller": "+44", "parameters": {"clinic": "harbour"}}
            status, answer, headers = await at.session(asked, **BEARER)
            assert status == 200
            assert headers["Cache-Control"] == "no-store"
            assert answer == {
                "ticket": "the ticket",
                "expires_s": 300,
                "worker": 1,
                "urls": {"ws": "ws://127.0.0.1:8082/ws", "webrtc": f"{at.url}/webrtc/offer?worker=1"},
                "region": "local",
            }
            assert at.workers.asked == [asked | {"address": ""}]
            at.workers.webrtc = False
            _, answer, _ = await at.session(asked, **BEARER)
            assert answer["urls"] == {"ws": "ws://127.0.0.1:8082/ws"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "key"),
        ({"Authorization": "Bearer wrong"}, 401, "key"),
        ({"Authorization": "Bearer "}, 401, "key"),
        ({"Authorization": f"Basic {KEY}"}, 401, "key"),
        ({"Authorization": "Bearer wrong", "Origin": ORIGIN}, 401, "key"),
        ({"Origin": "https://evil.example"}, 403, "origin"),
        ({"Origin": "http://localhost:8080"}, 403, "origin"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Origin": ORIGIN}, 200, None),
        (BEARER, 200, None),
        ({**BEARER, "Origin": "https://evil.example"}, 200, None),
    ],
)
def test_who_gets_a_ticket(headers: dict[str, str], status: int, reason: str | None) -> None:
    async def scenario() -> None:
        async with served() as at:
            found, answer, answered = await at.session(None, **headers)
            assert (found, answer.get("reason")) == (status, reason)
            assert len(at.workers.asked) == (status == 200)
            allowed = answered.get("Access-Control-Allow-Origin")
            assert allowed == (ORIGIN if headers.get("Origin") == ORIGIN else None)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:5173"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
    ],
)
def test_in_development_this_machine_may_call(headers: dict[str, str], status: int) -> None:
    async def scenario() -> None:
        async with served(DEV) as at:
            assert (await at.session({"parameters": {"a": 1}}, **headers))[0] == status

    asyncio.run(scenario())


@pytest.mark.parametrize("refusal", [Refusal("busy", 10), Refusal("draining", 5)])
def test_a_refusal_says_why_and_when_to_come_back(refusal: Refusal) -> None:
    async def scenario() -> None:
        async with served() as at:
            at.workers.refusal = refusal
            status, answer, headers = await at.session(None, **BEARER)
            assert (status, headers["Retry-After"]) == (503, str(refusal.retry_after_s))
            assert answer["reason"] == refusal.reason
            assert answer["retry_after_s"] == refusal.retry_after_s
            assert answer["message"] == refusal.sentence
            assert answer["sip"] == refusal.sip
            _, figures, _ = await at.ask("GET", "/metrics")
            assert msgspec.json.decode(msgspec.json.decode(figures)["front"])["calls"]["refused"] == {refusal.reason: 1}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"kind": "sip"}',
        b'{"kind": 1}',
        b'{"expires_s": 0}',
        b'{"expires_s": 601}',
        b'{"expires_s": 1e999}',
        b'{"parameters": []}',
        b'{"parameters": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b"[" * 60_000,
        b'{"caller": "' + b"a" * 201 + b'"}',
        b'{"parameters": {"a": "' + b"a" * 2_048 + b'"}}',
    ],
)
def test_bad_bodies_get_a_sentence(body: bytes) -> None:
    async def scenario() -> None:
        async with served() as at:
            status, answer, _ = await at.session(body, **BEARER)
            assert (status, answer["reason"]) == (400, "body")
            assert not at.workers.asked
            assert (await at.session(None, **BEARER))[0] == 200

    asyncio.run(scenario())


def test_a_page_may_not_say_who_calls() -> None:
    async def scenario() -> None:
        async with served() as at:
            for asked in ({"caller": "+44"}, {"parameters": {"vip": True}}):
                status, answer, _ = await at.session(asked, Origin=ORIGIN)
                assert status == 400
                assert "API key" in answer["message"]

    asyncio.run(scenario())


def test_a_body_that_is_too_big_or_too_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_S", 0.2)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with served() as at:
            assert (await at.session(b" " * 100_000, **BEARER))[0] == 413
            async with at._client.post(f"{at.url}/v1/voice/session", data=slowly(), headers=BEARER) as response:
                assert response.status == 408

    asyncio.run(scenario())


def test_pages_of_one_address_get_tickets_at_a_rate_and_servers_as_many_as_they_need() -> None:
    async def scenario() -> None:
        async with served() as at:
            statuses = [(await at.session(None, Origin=ORIGIN))[0] for _ in range(front.TICKETS_AT_ONCE + 1)]
            assert statuses[0] == 200
            status, answer, headers = await at.session(None, Origin=ORIGIN)
            assert (status, answer["reason"]) == (429, "too_many_requests")
            assert int(headers["Retry-After"]) >= 1
            assert (await at.session(None, **BEARER))[0] == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("settings", "headers", "address"),
    [(PUBLIC, {"Origin": ORIGIN}, "127.0.0.1"), (PUBLIC, BEARER, ""), (DEV, {}, "")],
)
def test_calls_are_limited_by_address_for_pages(settings: Settings, headers: dict[str, str], address: str) -> None:
    async def scenario() -> None:
        async with served(settings) as at:
            assert (await at.session(None, **headers))[0] == 200
            assert at.workers.asked[0]["address"] == address

    asyncio.run(scenario())


def test_an_address_may_ask_at_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "REQUESTS_PER_S", 0.01)
    monkeypatch.setattr(front, "REQUESTS_AT_ONCE", 5)

    async def scenario() -> None:
        async with served() as at:
            statuses = [(await at.ask("GET", "/healthz"))[0] for _ in range(7)]
            assert statuses == [200] * 5 + [429] * 2

    asyncio.run(scenario())


def test_a_page_of_another_origin_may_ask_whether_it_may_ask() -> None:
    async def scenario() -> None:
        async with served() as at:
            status, _, headers = await at.ask("OPTIONS", "/v1/voice/session", None, {"Origin": ORIGIN})
            assert (status, headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
            status, _, headers = await at.ask("OPTIONS", "/webrtc/offer", None, {"Origin": "https://evil.example"})
            assert (status, headers.get("Access-Control-Allow-Origin")) == (403, None)

    asyncio.run(scenario())


# -- offers


@pytest.mark.parametrize(
    "query", ["", "?worker=", "?worker=2", "?worker=-1", "?worker=1e3", "?worker=²", "?worker=11111"]
)
def test_an_offer_names_a_worker_that_is_there(query: str) -> None:
    async def scenario() -> None:
        async with served() as at:
            status, answer, _ = await at.ask("POST", f"/webrtc/offer{query}", b"offer")
            assert (status, answer["reason"]) == (404, "worker")
            assert not at.workers.worker.offers

    asyncio.run(scenario())


def test_an_offer_is_handed_on_and_so_is_the_answer() -> None:
    async def scenario() -> None:
        async with served() as at:
            assert (await at.ask("POST", "/webrtc/offer?worker=1", b"offer"))[:2] == (200, {"type": "answer"})
            status, _, headers = await at.ask("POST", "/webrtc/offer?worker=1", b"too many")
            assert (status, headers["Retry-After"]) == (503, "7")
            evil = {"Origin": "https://evil.example"}
            assert (await at.ask("POST", "/webrtc/offer?worker=1", b"offer", evil))[0] == 403
            assert at.workers.worker.offers == [b"offer", b"too many"]

    asyncio.run(scenario())


# -- operators


def test_health_and_readiness() -> None:
    async def scenario() -> None:
        async with served() as at:
            assert (await at.ask("GET", "/healthz"))[0] == 200
            assert (await at.ask("GET", "/readyz"))[:2] == (200, {"ready": True, "workers": 1})
            at.workers.ready = 0
            assert (await at.ask("GET", "/readyz"))[:2] == (503, {"ready": False, "workers": 0})
            assert (await at.ask("GET", "/healthz"))[0] == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        (PUBLIC, {}, 200),  # from this machine
        (PUBLIC, {"X-Forwarded-For": "203.0.113.1"}, 403),  # through a proxy that is not known
        (PUBLIC, {"X-Forwarded-For": "10.0.0.1"}, 403),
        (PUBLIC, {"Forwarded": "for=10.0.0.1"}, 403),
        (PUBLIC, {"X-Forwarded-For": "203.0.113.1", **BEARER}, 200),
    ],
)
def test_figures_are_for_who_is_near_or_has_a_key(settings: Settings, headers: dict[str, str], status: int) -> None:
    async def scenario() -> None:
        async with served(settings) as at:
            found, text, _ = await at.ask("GET", "/metrics", None, headers)
            assert found == status
            assert (b'"1":"17"' in text) is (status == 200) if isinstance(text, bytes) else status == 403

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("93.184.216.34", 403),
        ("172.17.0.1", 403),  # Docker's gateway, for all that come through it
        ("192.168.0.1", 403),
        ("fd00::1", 403),
        ("10.0.0.1", 200),
        ("::ffff:10.0.0.1", 200),
        ("127.0.0.1", 200),
        ("::1", 200),
    ],
)
def test_figures_behind_a_known_proxy_are_for_who_is_near_it(address: str, status: int) -> None:
    async def scenario() -> None:
        near = msgspec.structs.replace(PUBLIC, trusted_proxies=("127.0.0.1",), metrics_from=("10.0.0.0/24",))
        async with served(near) as at:
            assert (await at.ask("GET", "/metrics", None, {"X-Forwarded-For": address}))[0] == status

    asyncio.run(scenario())


def test_what_is_not_there_is_said_in_json_and_nothing_tells_of_the_software() -> None:
    async def scenario() -> None:
        async with served() as at:
            for method, path, status in (("GET", "/nothing", 404), ("PUT", "/healthz", 405)):
                found, answer, headers = await at.ask(method, path)
                assert (found, answer["reason"], headers["Server"]) == (status, "http", "hocket")
                assert headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(scenario())


@pytest.mark.parametrize(("dev", "tls", "strict"), [(False, True, True), (False, False, False), (True, True, False)])
def test_browsers_stay_with_tls_where_it_is_the_gateways_own(dev: bool, tls: bool, strict: bool) -> None:
    async def scenario() -> None:
        async with served(Settings(agent="", dev=dev, tls_cert="chain.pem" if tls else "")) as at:
            assert ("Strict-Transport-Security" in (await at.ask("GET", "/healthz"))[2]) is strict

    asyncio.run(scenario())


def test_a_path_cannot_write_lines_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served() as at:
            at.workers.numbered = None  # type: ignore[assignment, method-assign]
            assert (await at.ask("POST", "/webrtc/offer?worker=1", b""))[0] == 500
        assert "POST '/webrtc/offer' failed" in caplog.text

    asyncio.run(scenario())


def test_a_failure_shows_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served() as at:
            at.workers.place = None  # type: ignore[assignment, method-assign]
            status, answer, _ = await at.session(None, **BEARER)
            assert (status, answer["reason"]) == (500, "error")
            assert "Traceback" not in answer["message"]
            assert "TypeError" in caplog.text
            assert KEY not in caplog.text

    asyncio.run(scenario())

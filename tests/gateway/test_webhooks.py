from __future__ import annotations

import asyncio
import logging
import string
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import aiohttp
import pytest

from hocket.clock import unix_time
from hocket.errors import ConfigError
from hocket.gateway import webhooks
from hocket.gateway.admission import Refusal
from hocket.gateway.placing import Placement
from hocket.gateway.settings import Secrets, Settings
from hocket.gateway.signatures import TOLERANCE_S
from hocket.gateway.tickets import EXPIRES_S, Kind, issue, new_secret
from hocket.gateway.webhooks import MAX_BODY_BYTES, Webhooks
from hocket.sim.telnyx import TelnyxAccount
from hocket.sim.twilio import sign
from tests.serving import served

TOKEN = "a token of Twilio's"
ACCOUNT = TelnyxAccount(bytes(range(32)))
PUBLIC = "https://voice.example"
FORM = {"CallSid": "CA1", "From": "+15550100", "To": "+15550199", "CallerName": "", "City": "Zürich & <x>"}
BOTH = Secrets(twilio_auth_token=TOKEN, telnyx_public_key=ACCOUNT.public_key)


class Front:
    """Places calls as a front does, on one worker, or refuses."""

    def __init__(self, secrets: Secrets, *, dev: bool = False, public_url: str = PUBLIC) -> None:
        self.refusal: Refusal | None = None
        self.asked: list[tuple[Kind, str, dict[str, Any]]] = []
        self.tickets: list[str] = []
        self.port = 0
        self.webhooks = Webhooks(self.place, Settings(agent="", secrets=secrets, dev=dev, public_url=public_url))

    def place(
        self, kind: Kind, *, expires_s: float = EXPIRES_S, caller: str = "", parameters: dict[str, Any] | None = None
    ) -> Placement | Refusal:
        self.asked.append((kind, caller, parameters or {}))
        if self.refusal is not None:
            return self.refusal
        ticket = issue(
            new_secret(), kind=kind, worker="w0-0123456789abcdef", now=unix_time(), caller=caller, parameters=parameters
        )
        self.tickets.append(ticket)
        return Placement(ticket, 0, 8081)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        usual = {"Content-Type": "application/x-www-form-urlencoded"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{self.port}{path}", data=body, headers={**usual, **headers}) as answer,
        ):
            return answer.status, await answer.text()

    async def twilio(
        self, form: Mapping[str, str] = FORM, *, path: str = "/twilio", signature: str | None = None
    ) -> tuple[int, str]:
        given = sign(TOKEN, PUBLIC + path, form) if signature is None else signature
        return await self.post(path, urlencode(form).encode(), {"X-Twilio-Signature": given})

    async def telnyx(self, late_s: int = 0, account: TelnyxAccount = ACCOUNT) -> tuple[int, str]:
        body = urlencode(FORM).encode()
        return await self.post("/telnyx", body, account.headers(body, int(unix_time()) - late_s))


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[Front]:
    async with served(*front.webhooks.routes()) as front.port:
        yield front


def verbs(text: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(text)
    assert root.tag == "Response"
    return list(root)


def test_twilio_is_told_the_stream_and_its_ticket() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            status, text = await front.twilio()
            assert status == 200
            (connect,) = verbs(text)
            (stream,) = connect
            (parameter,) = stream
            assert (connect.tag, stream.tag, parameter.tag) == ("Connect", "Stream", "Parameter")
            assert stream.attrib == {"url": "wss://voice.example/w/0/twilio"}
            assert parameter.attrib == {"name": "ticket", "value": front.tickets[0]}
            assert front.asked == [("twilio", "+15550100", {"to": "+15550199"})]

    asyncio.run(scenario())


def test_a_ticket_fits_into_a_parameter_of_twilios() -> None:
    longest = {**FORM, "From": "9" * webhooks.NUMBER_CHARACTERS, "To": "sip:" + "9" * (webhooks.NUMBER_CHARACTERS - 4)}

    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            await front.twilio(longest)
            assert len("ticket" + front.tickets[0]) < 500
            assert front.asked[0][1] == longest["From"]
            await front.twilio({**FORM, "From": longest["From"] + "9"})
            assert front.asked[1][1] == ""

    asyncio.run(scenario())


def test_telnyx_is_told_the_stream_with_its_ticket_and_to_hang_up_after_it() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            status, text = await front.telnyx()
            assert status == 200
            connect, hangup = verbs(text)
            (stream,) = connect
            assert hangup.tag == "Hangup"
            url = urlsplit(stream.attrib.pop("url"))
            assert url._replace(query="").geturl() == "wss://voice.example/w/0/telnyx"
            assert parse_qs(url.query) == {"ticket": [front.tickets[0]]}
            assert stream.attrib == {
                "track": "inbound_track",
                "codec": "PCMU",
                "bidirectionalMode": "rtp",
                "bidirectionalCodec": "PCMU",
                "bidirectionalSamplingRate": "8000",
            }
            assert front.asked == [("telnyx", "+15550100", {"to": "+15550199"})]

    asyncio.run(scenario())


def test_without_room_the_line_is_busy() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            front.refusal = Refusal("busy", 10)
            for status, text in (await front.twilio(), await front.telnyx()):
                (reject,) = verbs(text)
                assert (status, reject.tag, reject.attrib) == (200, "Reject", {"reason": "busy"})
            # A caller who is told so may dial again, and a carrier asks again.
            front.refusal = None
            _, text = await front.twilio()
            assert verbs(text)[0].tag == "Connect"

    asyncio.run(scenario())


def test_what_comes_again_gets_the_same_ticket_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            first, again, other = (
                await front.twilio(),
                await front.twilio(),
                await front.twilio({**FORM, "CallSid": "2"}),
            )
            assert first == again != other
            assert len(front.tickets) == 2
            monkeypatch.setattr(webhooks, "unix_time", lambda: unix_time() + TOLERANCE_S + 1)
            assert await front.twilio() != first
            assert len(front.tickets) == 3

    asyncio.run(scenario())


def test_another_spelling_of_a_signature_gets_the_same_ticket() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            body = urlencode(FORM).encode()
            headers = ACCOUNT.headers(body, round(unix_time()))
            name = "telnyx-signature-ed25519"
            alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
            other = alphabet[alphabet.index(headers[name][-3]) + 1]
            respelt = {**headers, name: f"{headers[name][:-3]}{other}=="}
            first, again = await front.post("/telnyx", body, headers), await front.post("/telnyx", body, respelt)
            assert first[0] == 200
            assert first == again
            assert len(front.tickets) == 1

    asyncio.run(scenario())


def test_no_more_answers_are_kept_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "REMEMBERED", 3)

    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            for number in range(6):
                await front.twilio({**FORM, "CallSid": str(number)})
            assert len(front.webhooks._answers) == 3

    asyncio.run(scenario())


def test_what_a_carrier_did_not_sign_is_refused_and_nobody_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            forged = sign("another token", f"{PUBLIC}/twilio", FORM)
            for signature in (forged, "", sign(TOKEN, "https://other.example/twilio", FORM)):
                assert (await front.twilio(signature=signature))[0] == 403
            right = sign(TOKEN, f"{PUBLIC}/twilio", FORM)
            assert (await front.twilio({**FORM, "From": "+15550111"}, signature=right))[0] == 403
            assert (await front.telnyx(account=TelnyxAccount(bytes(32))))[0] == 403
            assert (await front.telnyx(late_s=400))[0] == 403
            assert (await front.telnyx(late_s=-400))[0] == 403
            assert (await front.post("/telnyx", urlencode(FORM).encode(), {}))[0] == 403
            assert front.asked == []

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert len([record for record in caplog.records if "did not sign" in record.message]) == 2
    assert "5550" not in caplog.text


def test_the_query_of_the_address_is_signed_too() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            assert (await front.twilio(path="/twilio?agent=a%20b"))[0] == 200

    asyncio.run(scenario())


def test_without_a_public_address_it_is_the_one_that_was_asked() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH, public_url="")) as front:
            signature = sign(TOKEN, f"http://127.0.0.1:{front.port}/twilio", FORM)
            status, text = await front.twilio(signature=signature)
            assert status == 200
            assert verbs(text)[0][0].attrib == {"url": "ws://127.0.0.1:8081/twilio"}

    asyncio.run(scenario())


@pytest.mark.parametrize("dev", [False, True])
def test_without_keys_only_a_developer_is_called(dev: bool) -> None:
    async def scenario() -> None:
        async with serving(Front(Secrets(), dev=dev)) as front:
            body = urlencode(FORM).encode()
            answers = [await front.post(path, body, {}) for path in ("/twilio", "/telnyx")]
            assert [status for status, _ in answers] == [200 if dev else 403] * 2
            if not dev:
                assert "TWILIO_AUTH_TOKEN is not set" in answers[0][1]
                assert "TELNYX_PUBLIC_KEY is not set" in answers[1][1]

    asyncio.run(scenario())


def test_with_a_key_a_developer_is_called_by_the_carrier_only() -> None:
    async def scenario() -> None:
        async with serving(Front(BOTH, dev=True)) as front:
            assert (await front.twilio(signature=""))[0] == 403

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), "application/x-www-form-urlencoded", 413),
        (b"x" * 900_000, "application/x-www-form-urlencoded", 413),
        (b"From=%2B15550100", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=%d" % n for n in range(1_000)), "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
        (b'{"CallSid": "CA1"}', "application/json", 415),
        (b"[" * 30_000, "application/json", 415),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str, status: int) -> None:
    async def scenario() -> None:
        async with serving(Front(Secrets(), dev=True)) as front:
            for path in ("/twilio", "/telnyx"):
                assert (await front.post(path, body, {"Content-Type": content_type}))[0] == status
            assert front.asked == []

    asyncio.run(scenario())


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BODY_S", 0.1)

    async def scenario() -> None:
        async with serving(Front(BOTH)) as front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
            writer.write(b"POST /twilio HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nCallSid=")
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_other_methods_are_none() -> None:
    async def scenario() -> None:
        async with (
            serving(Front(BOTH)) as front,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{front.port}/twilio") as answer,
        ):
            assert answer.status == 405

    asyncio.run(scenario())


def test_a_wrong_key_is_found_at_the_start() -> None:
    with pytest.raises(ConfigError, match="TELNYX_PUBLIC_KEY"):
        Front(Secrets(telnyx_public_key="nonsense"))

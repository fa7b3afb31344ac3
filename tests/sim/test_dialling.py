from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from hocket.errors import TransportError
from hocket.sim import dialling, telnyx, twilio
from hocket.sim.telnyx import TelnyxAccount
from tests.serving import served
from tests.sim.test_carrier import Talker

STREAM = (
    '<Response><Connect><Stream url="wss://a/b?c=1&amp;d=2"><Parameter name="x" value="&lt;y&gt;"/></Stream></Connect>'
    "</Response>"
)


@asynccontextmanager
async def webhook(answer: str, status: int = 200, seen: list[web.Request] | None = None) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        if seen is not None:
            await request.read()
            seen.append(request)
        return web.Response(text=answer, status=status)

    async with served(web.post("/hook", take)) as port:
        yield f"http://127.0.0.1:{port}/hook"


def test_the_answer_says_where_the_call_goes() -> None:
    async def scenario() -> None:
        async with webhook(STREAM) as url:
            order = await dialling.ask(url, b"CallSid=CA1", {})
            assert order == ("wss://a/b?c=1&d=2", {"x": "<y>"})

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ('<Response><Reject reason="busy"/></Response>', 200, "The line is busy"),
        ("<Response><Say>Hello</Say></Response>", 200, "does not connect the call with a stream"),
        ("<Response>", 200, "does not answer with XML"),
        ("The signature is not Twilio's.", 403, r"status 403 \(The signature is not Twilio's.\)"),
    ],
)
def test_other_answers_are_one_sentence(answer: str, status: int, reason: str) -> None:
    async def scenario() -> None:
        async with webhook(answer, status) as url:
            with pytest.raises(TransportError, match=reason):
                await dialling.ask(url, b"CallSid=CA1", {})

    asyncio.run(scenario())


def test_no_webhook_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with webhook(STREAM) as url:
            pass
        with pytest.raises(TransportError, match="No webhook answers at"):
            await dialling.ask(url, b"CallSid=CA1", {})

    asyncio.run(scenario())


def test_carriers_ask_with_their_signature() -> None:
    async def scenario() -> None:
        seen: list[web.Request] = []
        account = TelnyxAccount(bytes(range(32)))
        async with webhook(STREAM, seen=seen) as url:
            await twilio.dial(url, Talker(1), auth_token="t", caller="+15550123")
            await telnyx.dial(url, Talker(1), account=account)
            await twilio.dial(url, Talker(1))
            await telnyx.dial(url, Talker(1))
        forms = [dict(parse_qsl((await request.read()).decode())) for request in seen]
        assert forms[0]["From"] == "+15550123"
        assert seen[0].headers["X-Twilio-Signature"] == twilio.sign("t", url, forms[0])
        stamp = int(seen[1].headers["telnyx-timestamp"])
        expected = account.headers(await seen[1].read(), stamp)
        assert seen[1].headers["telnyx-signature-ed25519"] == expected["telnyx-signature-ed25519"]
        assert not [name for request in seen[2:] for name in request.headers if "signature" in name.lower()]

    asyncio.run(scenario())

from __future__ import annotations

import asyncio
import sys

import pytest

from hocket.errors import MissingError, StageError, SttError, TtsError
from hocket.providers import cloud
from hocket.providers.cartesia import Cartesia
from hocket.providers.cloud import Account, Dialer, Inbox, Setting, retry_after_s
from hocket.providers.deepgram import Deepgram, DeepgramFlux
from hocket.providers.elevenlabs import ElevenLabs
from hocket.sim.loop import run
from tests.sim.wire.echo import Echo


def account(base_url: Setting[str] = "http://127.0.0.1:1", key: Setting[str] | None = "secret") -> Account:
    return Account(
        vendor="Echo",
        variable="ECHO_API_KEY",
        error=TtsError,
        base_url=base_url,
        key=key,
        headers={},
        auth=lambda key: {"X-Key": key},
    )


def test_values_and_functions_are_asked_at_every_connection() -> None:
    async def scenario() -> None:
        keys = iter(["first", "second"])
        async with Echo() as server:
            dialer = Dialer(account(lambda: server.url + "/", lambda: next(keys)))
            for _ in range(2):
                await (await dialer.open("/socket", [("a", "b c")], "")).close()
            assert [exchange.request.headers["X-Key"] for exchange in server.exchanges] == ["first", "second"]
            assert server.exchanges[0].request.query["a"] == "b c"
            await dialer.close()
            await dialer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("make", [Deepgram, DeepgramFlux, lambda: ElevenLabs("v"), lambda: Cartesia("v")])
def test_without_picows_it_says_what_to_install(make: type[Deepgram], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picows", None)
    with pytest.raises(MissingError, match=r"pip install hocket\[cloud\]"):
        make()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 503])
def test_a_refusal_is_of_the_stage_and_says_what_to_do(status: int) -> None:
    error = account().refusal(status, 'the model "m"', "no reason at all")
    assert isinstance(error, TtsError)
    assert error.retryable == (status == 429 or status >= 500)
    assert f"HTTP {status}" in str(error)
    assert '"no reason at all"' in str(error)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("", 0.0),
        ("-1", 0.0),
        ("inf", 0.0),
        ("nan", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_how_long_a_refusal_asks_to_be_waited(said: str, seconds: float) -> None:
    assert retry_after_s({"Retry-After": said}) == seconds
    assert retry_after_s({}) == 0


def test_a_setting_that_cannot_be_used_is_the_stages_own_error() -> None:
    def raising() -> str:
        raise LookupError("no key today")

    with pytest.raises(TtsError, match="a function that raised LookupError") as caught:
        account(key=raising).request("/")
    assert not caught.value.retryable
    with pytest.raises(TtsError, match="line break") as caught:
        account(key="secret\n").request("/")
    assert not caught.value.retryable
    assert "secret" not in str(caught.value)


def test_an_inbox_hands_out_in_order_and_ends() -> None:
    async def scenario() -> None:
        inbox: Inbox[int] = Inbox()
        taking = asyncio.create_task(inbox.take())
        await asyncio.sleep(0)
        assert inbox.put(1, 10)
        assert inbox.put(2, 10)
        assert not inbox.put(3, cloud.UNREAD_BYTES)
        assert await taking == 1
        inbox.end(SttError("first"))
        inbox.end(SttError("second"))
        assert [await inbox.take(), await inbox.take()] == [2, 3]
        with pytest.raises(StageError, match="first"):
            await inbox.take()

    run(scenario())


def test_an_inbox_that_ends_at_once_forgets() -> None:
    async def scenario() -> None:
        inbox: Inbox[int] = Inbox()
        inbox.put(1, 10)
        inbox.end(SttError("now"), at_once=True)
        with pytest.raises(SttError, match="now"):
            await inbox.take()

    run(scenario())

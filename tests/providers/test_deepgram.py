from __future__ import annotations

import asyncio
from random import Random

import pytest

from hocket.errors import SttError
from hocket.providers import deepgram_stream
from hocket.providers.deepgram import Deepgram, DeepgramFlux
from hocket.sim.delays import Delays
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.faults import Fault
from tests.providers.on_the_wire import against, maker, push_speech, until_final
from tests.sim.wire.scripted import RATE, SAID, SCRIPT, SPEECH, plain
from tests.stages.contract import check_stt


def scripted() -> DeepgramServer:
    return DeepgramServer(SCRIPT, delays=Delays.reference(Random(1)))


def nova(url: str) -> Deepgram:
    return Deepgram(key="secret", base_url=url)


def flux(url: str) -> DeepgramFlux:
    return DeepgramFlux(key="secret", base_url=url)


def test_nova_keeps_the_contract() -> None:
    def broken() -> DeepgramServer:
        server = scripted()
        server.faults.standing = Fault("reset", after_messages=2)
        return server

    heard = check_stt(maker(scripted, nova), SPEECH, RATE, asyncio.run, maker(broken, nova))
    assert plain(heard) == SAID


def test_flux_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.1)  # outside of a turn Flux leaves it to us

    def broken() -> DeepgramServer:
        server = scripted()
        server.faults.standing = Fault("garbage", after_messages=2)
        return server

    heard = check_stt(maker(scripted, flux), SPEECH, RATE, asyncio.run, maker(broken, flux))
    assert plain(heard) == SAID


def test_what_is_asked_of_nova_is_in_the_query_and_the_key_in_a_header() -> None:
    async def scenario() -> None:
        def make(url: str) -> Deepgram:
            return Deepgram(
                key=lambda: "secret",
                base_url=lambda: url,
                headers=lambda: {"X-Call": "17"},
                keyterms=("Kayak", "Anneke de Vries"),
                options={"numerals": "true"},
            )

        async with against(DeepgramServer(key="secret"), make) as (server, stt):
            stream = await stt.open(8000, "nl")
            await stream.close()
            (exchange,) = server.exchanges
            query = exchange.request.query
            assert exchange.request.path == "/v1/listen"
            assert query.getall("keyterm") == ["Kayak", "Anneke de Vries"]
            asked = {name: query[name] for name in query if name != "keyterm"}
            assert asked == {
                "model": "nova-3",
                "encoding": "linear16",
                "sample_rate": "8000",
                "channels": "1",
                "interim_results": "true",
                "punctuate": "true",
                "endpointing": "false",
                "language": "nl",
                "numerals": "true",
            }
            assert exchange.request.headers["Authorization"] == "Token secret"
            assert exchange.request.headers["X-Call"] == "17"
            assert "secret" not in str(exchange.request.url)

    asyncio.run(scenario())


def test_what_is_asked_of_flux_is_in_the_query() -> None:
    async def scenario() -> None:
        def make(url: str) -> DeepgramFlux:
            return DeepgramFlux(
                "flux-general-multi",
                key="k",
                base_url=url,
                eot_threshold=0.8,
                eager_eot_threshold=0.4,
                keyterms=("Kayak",),
            )

        async with against(DeepgramServer(), make) as (server, stt):
            stream = await stt.open(16_000, "de")
            await stream.close()
            assert dict(server.exchanges[0].request.query) == {
                "model": "flux-general-multi",
                "encoding": "linear16",
                "sample_rate": "16000",
                "language_hint": "de",
                "eot_threshold": "0.8",
                "eager_eot_threshold": "0.4",
                "keyterm": "Kayak",
            }

    asyncio.run(scenario())


def test_mulaw_is_sent_in_half_the_bytes() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), lambda url: Deepgram(key="k", base_url=url, encoding="mulaw")) as (
            server,
            stt,
        ):
            stream = await stt.open(RATE)
            await push_speech(stream)
            stream.finalize()
            assert plain((await until_final(stream))[-1].text) == SAID
            await stream.close()
            assert server.exchanges[0].audio_bytes == RATE

    asyncio.run(scenario())


@pytest.mark.parametrize("stt", [Deepgram(), DeepgramFlux()], ids=["nova", "flux"])
def test_without_a_key_it_says_where_to_put_one(stt: Deepgram | DeepgramFlux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)

    async def scenario() -> None:
        with pytest.raises(SttError, match="DEEPGRAM_API_KEY") as caught:
            await stt.open(RATE)
        assert not caught.value.retryable
        await stt.close()

    asyncio.run(scenario())


def test_the_key_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "from outside")

    async def scenario() -> None:
        async with against(DeepgramServer(key="from outside"), lambda url: Deepgram(base_url=url)) as (_, stt):
            await (await stt.open(RATE)).close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "words", "retryable"),
    [
        (401, "refused the key .HTTP 401.: check DEEPGRAM_API_KEY", False),
        (403, "refused the key .HTTP 403.", False),
        (402, "no credit left", False),
        (429, "limit of simultaneous streams", True),
        (500, "failed .HTTP 500.", True),
        (503, "failed .HTTP 503.", True),
    ],
)
def test_a_refused_handshake_is_one_sentence(status: int, words: str, retryable: bool) -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(), nova) as (server, stt):
            server.faults.plan(Fault("status", status=status))
            with pytest.raises(SttError, match=words) as caught:
                await stt.open(RATE)
            assert caught.value.retryable is retryable
            assert "secret" not in str(caught.value)
            await (await stt.open(RATE)).close()

    asyncio.run(scenario())


def test_an_unknown_model_is_named_with_what_deepgram_says() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(), lambda url: Deepgram("novum-9", key="k", base_url=url)) as (_, stt):
            with pytest.raises(SttError, match=r'the model "novum-9".*No such model') as caught:
                await stt.open(RATE)
            assert not caught.value.retryable

    asyncio.run(scenario())


def test_a_server_that_is_not_there_is_said_so() -> None:
    async def scenario() -> None:
        stt = nova("http://127.0.0.1:1")
        with pytest.raises(SttError, match="could not be reached"):
            await stt.open(RATE)
        await stt.close()
        lost = nova("http://:x")
        with pytest.raises(SttError, match="base_url"):
            await lost.open(RATE)
        await lost.close()

    asyncio.run(scenario())

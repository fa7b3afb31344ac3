from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from hocket.audio.frame import Frame
from hocket.errors import SttError
from hocket.providers import cloud_socket, deepgram, deepgram_stream
from hocket.providers.deepgram import Deepgram, DeepgramFlux
from hocket.resilience import pool
from hocket.sim.delays import Delays, Even
from hocket.sim.script import Word
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.faults import Fault
from tests.providers.cold_start import Proxy, check_cold_start, heard
from tests.providers.on_the_wire import Reader, against, maker, push_speech, until_final
from tests.sim.wire.scripted import RATE, SAID, SCRIPT, SPEECH, plain
from tests.sim.wire.waiting import until
from tests.stages.contract import check_stt
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing


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

    found = check_stt(maker(scripted, nova), SPEECH, RATE, asyncio.run, maker(broken, nova))
    assert plain(found) == SAID


def test_flux_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.1)  # outside of a turn Flux leaves it to us

    def broken() -> DeepgramServer:
        server = scripted()
        server.faults.standing = Fault("garbage", after_messages=2)
        return server

    found = check_stt(maker(scripted, flux), SPEECH, RATE, asyncio.run, maker(broken, flux))
    assert plain(found) == SAID


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


def test_a_stream_over_a_warm_connection_waits_for_none_and_keeps_the_contract() -> None:
    @asynccontextmanager
    async def warmed() -> AsyncIterator[Deepgram]:
        async with against(scripted(), nova) as (_, stt):
            await stt.warm(RATE)
            yield stt

    found = check_stt(warmed, SPEECH, RATE, asyncio.run)
    assert plain(found) == SAID


@pytest.mark.parametrize("make", [nova, flux])
def test_a_warm_stream_opens_at_once(make: Callable[[str], Deepgram | DeepgramFlux]) -> None:
    async def use(stt: Deepgram | DeepgramFlux) -> None:
        await (await stt.open(RATE)).close()

    check_cold_start(DeepgramServer, make, use)


@pytest.mark.parametrize(("make", "encoding", "silence"), [(nova, "linear16", 3200), (flux, "mulaw", 1600)])
def test_what_waits_has_been_sent_a_tenth_of_a_second_of_silence_and_is_kept_alive(
    make: Callable[[str], Deepgram | DeepgramFlux], encoding: str, silence: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHECK_S", 0.02)
    monkeypatch.setattr(deepgram, "KEEPALIVE_S", 0.1)

    async def scenario() -> None:
        def made(url: str) -> Deepgram | DeepgramFlux:
            stt = make(url)
            return type(stt)(key="k", base_url=url, encoding=encoding)  # type: ignore[arg-type]

        async with against(DeepgramServer(idle_s=1.5), made) as (server, stt):
            await stt.warm(RATE)
            await until(lambda: len(server.exchanges) == pool.SIZE)
            await until(lambda: all(exchange.audio_bytes >= silence for exchange in server.exchanges))
            await asyncio.sleep(1.8)
            assert [exchange.state for exchange in server.exchanges] == ["open"] * pool.SIZE
            assert all(bool(exchange.texts) == (make is nova) for exchange in server.exchanges)
            assert all((exchange.audio_bytes > silence) == (make is flux) for exchange in server.exchanges)

    asyncio.run(scenario())


@pytest.mark.parametrize(("make", "first"), [(nova, "could you move it"), (flux, "Could you move it")])
def test_times_are_counted_from_the_first_sample_of_the_call(
    make: Callable[[str], Deepgram | DeepgramFlux], first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes late repeats nothing, and answers no later request, although the connection has heard three
    seconds of silence before."""
    monkeypatch.setattr(deepgram, "PRIMED_MS", 3000)
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.2)
    later = [Word(word.text, word.start_ms + 3000, word.end_ms + 3000) for word in SCRIPT]

    async def scenario() -> None:
        late = Delays(Random(0), Even(400, 400), Even(0, 0), Even(0, 0))
        async with against(DeepgramServer(later, delays=late), make) as (_, stt):
            await stt.warm(RATE)
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await push_speech(stream, 640, pace_s=0.002)
            stream.finalize()
            assert (await reader.finalized())[-1].text == first
            for at in range(640, 1200, 20):
                stream.push(Frame(SPEECH[:320], RATE, at * RATE // 1000))
                await asyncio.sleep(0.004)
            stream.finalize()
            second = [plain(transcript.text) for transcript in await reader.finalized()]
            assert second[-1] == "to friday"
            assert not any("could" in text for text in second)
            await reader.close()

    asyncio.run(scenario())


def test_other_languages_are_warm_from_the_second_stream_on_and_not_without_limit() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(), nova) as (server, stt):
            steps = heard(stt)

            async def opened(language: str) -> None:
                await (await stt.open(RATE, language)).close()

            await opened("nl")
            assert steps == ["started", "ended"]
            await asyncio.sleep(0.05)
            assert len(server.exchanges) == 1, "an adapter that was not warmed keeps nothing"
            await stt.warm(RATE)
            steps.clear()
            for language in ("nl", "de"):
                await opened(language)
                assert steps == ["started", "ended"]
                await asyncio.sleep(0.1)
                await opened(language)
                assert steps == ["started", "ended"]
                steps.clear()
            await opened("fr")
            await asyncio.sleep(0.1)
            await opened("fr")
            assert steps == ["started", "ended"] * 2
            await opened("en")
            assert len(steps) == 4
            await stt.close()
            await until(lambda: all(exchange.state != "open" for exchange in server.exchanges))

    asyncio.run(scenario())


def test_a_waiting_connection_that_is_half_open_is_noticed_and_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloud_socket.HEARTBEAT_S * 1.5 + pool.CHECK_S <= 5.5
    monkeypatch.setattr(cloud_socket, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(pool, "CHECK_S", 0.05)
    monkeypatch.setattr(pool, "FIRST_WAIT_S", 0.05)

    async def scenario() -> None:
        proxy = Proxy()
        async with proxy.before(DeepgramServer(SCRIPT)):
            stt = nova(proxy.url)
            await stt.warm(RATE)
            (kept,) = stt._sockets._pools.values()
            await until(lambda: kept.ready == pool.SIZE)
            proxy.swallow()
            await until(lambda: proxy.connections == 2 * pool.SIZE and kept.ready == pool.SIZE, 1)
            steps = heard(stt)
            stream = await stt.open(RATE)
            await push_speech(stream)
            stream.finalize()
            assert plain((await until_final(stream))[-1].text) == SAID
            assert steps == []
            await stream.close()
            await stt.close()

    asyncio.run(scenario())


def test_a_rush_that_empties_the_pool_does_not_make_another() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), nova) as (_, stt):
            await stt.warm(RATE)
            (kept,) = stt._sockets._pools.values()
            for _ in range(3):
                streams = await asyncio.gather(*(stt.open(RATE) for _ in range(2 * pool.SIZE)))
                assert kept.ready < pool.SIZE
                await asyncio.gather(*(stream.close() for stream in streams))
                await until(lambda: kept.ready == pool.SIZE)
            assert list(stt._sockets._pools.values()) == [kept]
            await until(lambda: len(stt._sockets._dialer._open) == pool.SIZE)

    asyncio.run(scenario())


def test_warming_can_be_cancelled_and_closing_leaves_nothing() -> None:
    async def scenario() -> None:
        async with DeepgramServer() as server:

            async def use() -> None:
                stt = nova(server.url)
                try:
                    await stt.warm(RATE)
                finally:
                    await stt.close()
                    await stt.close()
                assert not [task for task in asyncio.all_tasks() if task.get_name().endswith("pool")]

            await leaves_nothing(use, "warm connections")
            await cancelled_anywhere(use, "warming")

    asyncio.run(scenario())

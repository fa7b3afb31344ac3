from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from hocket.errors import TtsError
from hocket.providers import elevenlabs
from hocket.providers.elevenlabs import ElevenLabs
from hocket.sim.wire.elevenlabs import ElevenLabsServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.tone import CHARACTER_MS
from tests.providers.on_the_wire import against, maker, said, text_of, words
from tests.sim.wire.waiting import until
from tests.stages.contract import check_tts
from tests.stages.leftovers import leaves_nothing

TEXT = "We are open from nine to five, and on Saturdays until noon."


def server() -> ElevenLabsServer:
    return ElevenLabsServer(speed=100)


def voice(url: str) -> ElevenLabs:
    return ElevenLabs("rachel", key="secret", base_url=url)


def test_it_keeps_the_contract() -> None:
    def broken() -> ElevenLabsServer:
        made = server()
        made.faults.standing = Fault("reset", after_messages=2)
        return made

    chunks = check_tts(maker(server, voice), asyncio.run, maker(broken, voice))
    assert [chunk.text for chunk in chunks if chunk.text][:3] == ["We ", "are ", "open "]


def test_words_begin_where_the_alignment_says() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (_, tts):
            for rate in (8000, 16_000, 11_025, 48_000):
                at, begins = 0, {}
                for chunk in await said(tts, TEXT, rate):
                    if chunk.text:
                        begins[chunk.text.strip()] = at * 1000 / rate
                    at += len(chunk.samples)
                expected = {word: TEXT.index(word) * CHARACTER_MS for word in TEXT.split()}
                assert begins == pytest.approx(expected, abs=20)

    asyncio.run(scenario())


def test_what_is_asked_is_in_the_query_and_the_key_in_a_header() -> None:
    async def scenario() -> None:
        def make(url: str) -> ElevenLabs:
            return ElevenLabs(
                "rachel",
                "eleven_turbo_v2_5",
                key=lambda: "secret",
                base_url=lambda: url,
                headers={"X-Call": "17"},
                settings={"stability": 0.4, "speed": 1.1},
                language="nl",
                options={"enable_logging": "false"},
            )

        async with against(ElevenLabsServer(key="secret", speed=100), make) as (wire, tts):
            await said(tts, "Yes, of course. ", 8000)
            (exchange,) = wire.exchanges
            assert exchange.request.path == "/v1/text-to-speech/rachel/stream-input"
            assert dict(exchange.request.query) == {
                "model_id": "eleven_turbo_v2_5",
                "auto_mode": "true",
                "sync_alignment": "true",
                "inactivity_timeout": "180",
                "language_code": "nl",
                "enable_logging": "false",
                "output_format": "ulaw_8000",
            }
            assert exchange.request.headers["X-Call"] == "17"
            assert "secret" not in str(exchange.request.url)
            messages = [json.loads(text) for text in exchange.texts]
            assert messages[0] == {"text": " ", "voice_settings": {"stability": 0.4, "speed": 1.1}}
            assert [message["text"] for message in messages[1:]] == ["Yes, of course. ", ""]

    asyncio.run(scenario())


def test_tokens_are_sent_as_phrases_that_end_in_a_space() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            tokens = ["We", " are", " open", " from", " ni", "ne", " to", " five", "."]
            async with aclosing(tts.speak(words(tokens, 0.001), 16_000)) as chunks:
                assert text_of([chunk async for chunk in chunks]) == "We are open from nine to five."
            texts = [json.loads(text)["text"] for text in wire.exchanges[0].texts]
            assert texts == [" ", "We are open ", "from nine to five. ", ""]
        async with against(server(), lambda url: ElevenLabs("rachel", key="k", base_url=url, first_phrase=1)) as (
            wire,
            tts,
        ):
            async with aclosing(tts.speak(words(tokens, 0.001), 16_000)) as chunks:
                assert text_of([chunk async for chunk in chunks]) == "We are open from nine to five."
            texts = [json.loads(text)["text"] for text in wire.exchanges[0].texts]
            assert texts == [" ", "We ", "are open from nine to five. ", ""]

    asyncio.run(scenario())


def test_closing_ends_the_connection_and_the_synthesis() -> None:
    async def scenario() -> None:
        async with against(ElevenLabsServer(speed=5), voice) as (wire, tts):
            stream = tts.speak(words([TEXT * 5]), 16_000)
            await anext(stream)
            await stream.aclose()
            await until(lambda: wire.exchanges[0].state != "open")
            sent = wire.exchanges[0].sent
            await asyncio.sleep(0.1)
            assert wire.exchanges[0].sent == sent < 10

    asyncio.run(scenario())


def test_a_warm_connection_is_used_and_a_dead_one_is_not() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            await tts.warm(16_000, 2)
            await until(lambda: len(wire.exchanges) == 2)
            assert text_of(await said(tts, TEXT)) == TEXT
            assert len(wire.exchanges) == 2
            await until(lambda: sum(exchange.state != "open" for exchange in wire.exchanges) == 1)
            await wire.stop()
            await wire.start(int(wire.url.rpartition(":")[2]))
            await asyncio.sleep(0.05)
            assert text_of(await said(tts, TEXT)) == TEXT
            await tts.warm(16_000)
            await leaves_nothing(lambda: tts.warm(16_000), "keeping a connection warm")

    asyncio.run(scenario())


def test_without_a_key_it_says_where_to_put_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)

    async def scenario() -> None:
        with pytest.raises(TtsError, match="ELEVENLABS_API_KEY") as caught:
            await said(ElevenLabs("rachel"), TEXT)
        assert not caught.value.retryable

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (401, "refused the key .HTTP 401.: check ELEVENLABS_API_KEY", False),
        (403, "refused the key", False),
        (429, "limit of simultaneous streams", True),
        (500, "failed .HTTP 500.", True),
    ],
)
def test_a_refused_handshake_is_one_sentence(status: int, expected: str, retryable: bool) -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            wire.faults.plan(Fault("status", status=status))
            with pytest.raises(TtsError, match=expected) as caught:
                await said(tts, TEXT)
            assert caught.value.retryable is retryable
            assert "secret" not in str(caught.value)
            assert TEXT not in str(caught.value)
            assert text_of(await said(tts, TEXT)) == TEXT

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (ElevenLabsServer(voices=("bella",)), 'the voice "rachel".*does not exist'),
        (ElevenLabsServer(models=("eleven_v9",)), 'the model "eleven_flash_v2_5".*does not exist'),
        (ElevenLabsServer(credits=5), "no credit left"),
    ],
)
def test_a_refusal_over_the_open_connection_is_one_sentence(wire: ElevenLabsServer, expected: str) -> None:
    async def scenario() -> None:
        async with against(wire, voice) as (_, tts):
            with pytest.raises(TtsError, match=expected) as caught:
                await said(tts, TEXT)
            assert not caught.value.retryable

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("reset", "broke off"), ("close", "closed the connection .code 1011"), ("garbage", "cannot be read")],
)
@pytest.mark.parametrize("after", [0, 1, 20])
def test_a_lost_connection_is_raised_and_the_next_reply_is_whole(kind: str, expected: str, after: int) -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            wire.faults.plan(Fault(kind, after_messages=after))  # type: ignore[arg-type]
            with pytest.raises(TtsError, match=expected) as caught:
                await said(tts, TEXT)
            assert caught.value.retryable
            assert text_of(await said(tts, TEXT)) == TEXT

    asyncio.run(scenario())


def test_a_voice_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs, "SILENT_S", 0.1)

    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            wire.faults.plan(Fault("stall", after_messages=3, seconds=60))
            with pytest.raises(TtsError, match="no sound"):
                await said(tts, TEXT)

            async def slow() -> AsyncGenerator[str, None]:
                yield "We are open "
                await asyncio.sleep(0.3)
                yield "from nine."

            async with aclosing(tts.speak(slow(), 16_000)) as chunks:
                assert text_of([chunk async for chunk in chunks]) == "We are open from nine."

    asyncio.run(scenario())


def test_text_without_a_word_is_given_back_in_silence() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (_, tts):
            chunks = await said(tts, " … ")
            assert text_of(chunks) == " … "
            assert all(np.abs(chunk.samples).max() == 0 for chunk in chunks)

    asyncio.run(scenario())

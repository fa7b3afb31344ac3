from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from hocket.errors import TtsError
from hocket.providers import elevenlabs
from hocket.providers.cloud_socket import Socket
from hocket.providers.elevenlabs import ElevenLabs
from hocket.resilience import pool
from hocket.sim.wire.elevenlabs import ElevenLabsServer
from tests.providers.cloud_voices import TEXT, VoiceTests
from tests.providers.on_the_wire import against, said, text_of, words
from tests.sim.wire.waiting import until


def server() -> ElevenLabsServer:
    return ElevenLabsServer(speed=100)


def voice(url: str) -> ElevenLabs:
    return ElevenLabs("rachel", key="secret", base_url=url)


class TestVoice(VoiceTests):
    variable = "ELEVENLABS_API_KEY"
    waiting = pool.SIZE

    def server(self) -> ElevenLabsServer:
        return server()

    def voice(self, base_url: str, key: str | None = "secret") -> ElevenLabs:
        return ElevenLabs("rachel", key=key, base_url=base_url)

    def waits(self, voice: ElevenLabs, rate: int = 16_000) -> int:
        return voice._pools[rate].ready


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
            assert texts == [" ", "We ", "are open from ", "nine to five. ", ""]

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


def test_what_waits_has_been_told_how_to_speak_and_is_used_once() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            await tts.warm(16_000)
            await until(lambda: len(wire.exchanges) == pool.SIZE and all(e.texts for e in wire.exchanges))
            assert [list(exchange.texts) for exchange in wire.exchanges] == [['{"text":" "}']] * pool.SIZE
            for _ in range(2):
                assert text_of(await said(tts, TEXT)) == TEXT
            used = [list(exchange.texts) for exchange in wire.exchanges if len(exchange.texts) > 1]
            assert len(used) == 2
            assert used[0] == used[1]
            assert used[0].count('{"text":" "}') == 1
            await until(lambda: tts._pools[16_000].ready == pool.SIZE)
            assert len(wire.exchanges) == pool.SIZE + 2
            assert text_of(await said(tts, TEXT, 8000)) == TEXT
            assert len(wire.exchanges) == pool.SIZE + 3, (
                "another rate is another connection, which nobody had asked for"
            )

    asyncio.run(scenario())


def test_a_connection_that_takes_no_first_message_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: Socket, __: str | bytes) -> None:
        raise TtsError("It takes nothing.", retryable=False)

    monkeypatch.setattr(Socket, "send", refuse)

    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            with pytest.raises(TtsError, match="takes nothing"):
                await tts.warm(16_000)
            await until(lambda: wire.exchanges[0].state != "open")

    asyncio.run(scenario())


def test_what_waits_is_replaced_before_elevenlabs_hangs_up() -> None:
    assert elevenlabs.MAX_AGE_S + pool.LONGEST_WAIT_S <= elevenlabs.INACTIVITY_S


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

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from hocket.errors import TtsError
from hocket.providers import cartesia, feeding
from hocket.providers.cartesia import Cartesia
from hocket.resilience import pool
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.tone import CHARACTER_MS
from tests.providers.cloud_voices import TEXT, VoiceTests
from tests.providers.cold_start import heard
from tests.providers.on_the_wire import against, said, text_of, words
from tests.sim.wire.waiting import until


def server() -> CartesiaServer:
    return CartesiaServer(speed=100)


def voice(url: str) -> Cartesia:
    return Cartesia("katie", key="secret", base_url=url)


class TestVoice(VoiceTests):
    variable = "CARTESIA_API_KEY"
    waiting = 1

    def server(self) -> CartesiaServer:
        return server()

    def voice(self, base_url: str, key: str | None = "secret") -> Cartesia:
        return Cartesia("katie", key=key, base_url=base_url)

    def waits(self, voice: Cartesia, rate: int = 16_000) -> int:
        return voice._lines.ready


def asked(wire: CartesiaServer) -> list[dict[str, object]]:
    return [json.loads(text) for text in wire.exchanges[-1].texts]


def test_what_is_asked_is_in_every_message_and_the_key_in_a_header() -> None:
    async def scenario() -> None:
        def make(url: str) -> Cartesia:
            return Cartesia(
                "katie",
                "sonic-3",
                key=lambda: "secret",
                base_url=lambda: url,
                headers={"X-Call": "17"},
                language="nl",
                settings={"speed": 1.2},
            )

        async with against(CartesiaServer(key="secret", speed=100), make) as (wire, tts):
            await said(tts, "Yes, of course. ", 8000)
            (exchange,) = wire.exchanges
            assert exchange.request.path == "/tts/websocket"
            assert exchange.request.headers["X-Call"] == "17"
            assert exchange.request.headers["Cartesia-Version"] == cartesia.VERSION
            assert "secret" not in str(exchange.request.url)
            first, last = asked(wire)
            head = {
                "model_id": "sonic-3",
                "voice": {"mode": "id", "id": "katie"},
                "language": "nl",
                "add_timestamps": True,
                "max_buffer_delay_ms": 0,
                "generation_config": {"speed": 1.2},
                "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000},
                "context_id": first["context_id"],
            }
            assert first == {**head, "transcript": "Yes, of course. ", "continue": True}
            assert last == {**head, "transcript": "", "continue": False}

    asyncio.run(scenario())


def test_tokens_are_sent_as_phrases_or_as_they_are_where_cartesia_collects_them() -> None:
    tokens = ["We", " are", " open", " from", " ni", "ne", " to", " five", "."]

    async def scenario(delay_ms: int) -> list[object]:
        def make(url: str) -> Cartesia:
            return Cartesia("katie", key="k", base_url=url, max_buffer_delay_ms=delay_ms)

        async with against(server(), make) as (wire, tts):
            async with aclosing(tts.speak(words(tokens, 0.001), 16_000)) as chunks:
                assert text_of([chunk async for chunk in chunks]) == "".join(tokens)
            return [message["transcript"] for message in asked(wire)]

    assert asyncio.run(scenario(0)) == ["We ", "are open from ", "nine to five.", ""]
    assert asyncio.run(scenario(200)) == [*tokens, ""]


def test_replies_share_one_connection_and_keep_apart() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            texts = [f"This is reply {number}, and it goes on." for number in range(8)]
            spoken = await asyncio.gather(*(said(tts, text, 8000 + 8000 * (i % 2)) for i, text in enumerate(texts)))
            assert [text_of(chunks) for chunks in spoken] == texts
            lengths = [sum(len(chunk.samples) for chunk in chunks) for chunks in spoken]
            expected = [CHARACTER_MS * len(text) * (8 + 8 * (i % 2)) for i, text in enumerate(texts)]
            assert lengths == pytest.approx(expected, rel=0.02)
            assert len(wire.exchanges) == 1

    asyncio.run(scenario())


def test_closing_cancels_the_context_and_leaves_the_connection_to_others() -> None:
    async def scenario() -> None:
        async with against(CartesiaServer(speed=5), voice) as (wire, tts):
            stream = tts.speak(words([TEXT * 5]), 16_000)
            await anext(stream)
            await stream.aclose()
            await until(lambda: bool(asked(wire)[-1].get("cancel")))
            assert asked(wire)[-1]["context_id"] == asked(wire)[0]["context_id"]
            await asyncio.sleep(0.05)
            sent = wire.exchanges[0].sent
            await asyncio.sleep(0.1)
            assert wire.exchanges[0].sent == sent < 20
            assert text_of(await said(tts, "Yes.")) == "Yes."
            assert len(wire.exchanges) == 1
            assert not any(message.get("cancel") for message in asked(wire)[-2:])

    asyncio.run(scenario())


def test_a_model_that_pauses_longer_than_a_context_lives_is_spoken_to_its_end() -> None:
    async def scenario() -> None:
        async with against(CartesiaServer(speed=100, expiry_s=0.05), voice) as (wire, tts):

            async def text() -> AsyncGenerator[str, None]:
                yield "We are open. "
                await asyncio.sleep(0.4)
                yield "From nine to five."

            async with aclosing(tts.speak(text(), 16_000)) as chunks:
                spoken = [chunk async for chunk in chunks]
            assert text_of(spoken) == "We are open. From nine to five."
            at, begins = 0, {}
            for chunk in spoken:
                begins[chunk.text.strip()] = at / 16
                at += len(chunk.samples)
            assert begins["From"] == pytest.approx(13 * CHARACTER_MS, abs=20)
            assert len({message["context_id"] for message in asked(wire)}) == 2

    asyncio.run(scenario())


def test_a_connection_given_up_serves_the_replies_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SILENT_S", 0.2)

    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            wire.faults.plan(Fault("stall", after_messages=3, seconds=0.5))

            async def slow() -> AsyncGenerator[str, None]:
                yield "We are open "
                await asyncio.sleep(0.7)
                yield "from nine."

            async def patient() -> str:
                async with aclosing(tts.speak(slow(), 16_000)) as chunks:
                    return text_of([chunk async for chunk in chunks])

            results = await asyncio.gather(patient(), said(tts, TEXT), return_exceptions=True)
            assert results[0] == "We are open from nine."
            assert isinstance(results[1], TtsError)
            assert text_of(await said(tts, TEXT)) == TEXT
            assert len(wire.exchanges) == 2
            await until(lambda: wire.exchanges[0].state != "open")

    asyncio.run(scenario())


def test_warming_opens_the_connection() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            await tts.warm(16_000)
            await tts.warm(8000)
            assert text_of(await said(tts, TEXT)) == TEXT
            assert len(wire.exchanges) == 1

    asyncio.run(scenario())


def test_a_connection_that_has_become_old_serves_its_replies_while_the_next_serves_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cartesia, "MAX_AGE_S", 0.3)
    monkeypatch.setattr(pool, "CHECK_S", 0.02)

    async def scenario() -> None:
        async with against(CartesiaServer(speed=6), voice) as (wire, tts):
            await tts.warm(16_000)
            steps = heard(tts)
            long = asyncio.create_task(said(tts, TEXT))
            await until(lambda: len(wire.exchanges) == 2)
            assert text_of(await said(tts, "Yes.")) == "Yes."
            assert wire.exchanges[1].texts
            assert [exchange.state for exchange in wire.exchanges] == ["open", "open"]
            assert text_of(await long) == TEXT
            await until(lambda: wire.exchanges[0].state != "open")
            assert steps == []

    asyncio.run(scenario())


def test_a_reply_that_waits_for_the_connection_of_another_says_so() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            steps = heard(tts)
            await asyncio.gather(said(tts, TEXT), said(tts, TEXT))
            assert steps == ["started", "started", "ended", "ended"]
            assert len(wire.exchanges) == 1

    asyncio.run(scenario())


def test_a_connection_that_died_unused_is_replaced() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            assert text_of(await said(tts, TEXT)) == TEXT
            await wire.stop()
            await wire.start(int(wire.url.rpartition(":")[2]))
            await asyncio.sleep(0.05)
            assert text_of(await said(tts, TEXT)) == TEXT

    asyncio.run(scenario())


def test_one_loss_is_told_to_every_reply() -> None:
    async def scenario() -> None:
        async with against(server(), voice) as (wire, tts):
            wire.faults.plan(Fault("reset", after_messages=5))
            results = await asyncio.gather(*(said(tts, TEXT) for _ in range(4)), return_exceptions=True)
            assert all(isinstance(result, TtsError) for result in results)
            assert text_of(await said(tts, TEXT)) == TEXT

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (CartesiaServer(voices=("bella",)), 'the voice "katie".*Voice not found'),
        (CartesiaServer(models=("sonic-9",)), 'the model "sonic-3.5".*Invalid model'),
    ],
)
def test_a_refusal_over_the_open_connection_is_one_sentence(wire: CartesiaServer, expected: str) -> None:
    async def scenario() -> None:
        async with against(wire, voice) as (_, tts):
            with pytest.raises(TtsError, match=expected) as caught:
                await said(tts, TEXT)
            assert not caught.value.retryable

    asyncio.run(scenario())

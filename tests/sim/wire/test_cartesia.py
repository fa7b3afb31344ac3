"""Cartesia's own client against the wire server: what proves that it speaks the dialect."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import numpy as np
import pytest
from cartesia import AsyncCartesia
from cartesia.types.websocket_response import Chunk, Done, Error, Timestamps

from hocket.clock import stopwatch
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.tone import CHARACTER_MS

PIECES = ("We are open ", "from nine ", "to five.")
TEXT = "".join(PIECES)
FORMAT = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
VOICE = {"mode": "id", "id": "katie"}


def client(server: CartesiaServer, key: str = "k") -> AsyncCartesia:
    return AsyncCartesia(
        api_key=key, base_url=server.url, websocket_base_url=server.url.replace("http", "ws", 1), max_retries=0
    )


def options(**changed: Any) -> dict[str, Any]:
    return {"model_id": "sonic-3.5", "voice": VOICE, "output_format": FORMAT, "language": "en", **changed}


def test_the_vendors_client_streams_text_in_and_audio_with_word_times_out() -> None:
    async def scenario() -> None:
        async with (
            CartesiaServer(key="k", speed=100) as server,
            client(server) as vendor,
            vendor.tts.websocket_connect() as connection,
        ):
            context = connection.context(**options(add_timestamps=True, max_buffer_delay_ms=0))
            for piece in PIECES:
                await context.push(piece)
            await context.no_more_inputs()
            audio, words, starts, last = b"", [], [], None
            async with asyncio.timeout(5):
                async for message in context.receive():
                    last = message
                    if isinstance(message, Chunk):
                        audio += message.audio or b""
                    elif isinstance(message, Timestamps):
                        assert message.word_timestamps is not None
                        words += message.word_timestamps.words
                        starts += message.word_timestamps.start
            assert isinstance(last, Done)
            assert words == TEXT.split()
            assert starts == pytest.approx([TEXT.index(word) * CHARACTER_MS / 1000 for word in words])
            samples = np.frombuffer(audio, np.int16)
            assert len(samples) == 16 * CHARACTER_MS * len(TEXT)
            assert np.abs(samples[:320]).max() > 1000

    asyncio.run(scenario())


def test_contexts_share_a_connection_and_one_can_be_cancelled() -> None:
    async def scenario() -> None:
        async with (
            CartesiaServer(speed=20) as server,
            client(server) as vendor,
            vendor.tts.websocket_connect() as connection,
        ):
            first, second = (connection.context(f"c{number}", **options()) for number in (1, 2))
            await first.push(TEXT * 4)
            await second.push(TEXT)
            await second.no_more_inputs()
            heard = 0
            async with asyncio.timeout(5):
                async for _ in first.receive():
                    heard += 1
                    if heard == 3:
                        await first.cancel()
                        break
                async for message in second.receive():
                    assert message.context_id == "c2"
                assert isinstance(message, Done)
            (exchange,) = server.exchanges
            assert exchange.sent < 100

    asyncio.run(scenario())


def test_the_vendors_client_reads_refusals() -> None:
    async def scenario() -> None:
        async with (
            CartesiaServer(models=("sonic-3.5",), voices=("katie",)) as server,
            client(server) as vendor,
            vendor.tts.websocket_connect() as connection,
        ):
            for changed, status in (
                ({"model_id": "sonic-9"}, 400),
                ({"voice": {"mode": "id", "id": "nobody"}}, 404),
                ({"output_format": {**FORMAT, "encoding": "mp3"}}, 400),
            ):
                request = {**options(**changed), "transcript": TEXT, "context_id": "x", "continue": False}
                await connection.send(request)  # type: ignore[arg-type]
                async with asyncio.timeout(5):
                    message = await connection.recv()
                assert isinstance(message, Error)
                assert message.status_code == status
                assert message.title

    asyncio.run(scenario())


def test_the_vendors_client_reports_a_wrong_key() -> None:
    async def scenario() -> None:
        async with CartesiaServer(key="right") as server, client(server, "wrong") as vendor:
            with pytest.raises(Exception, match="401"):
                await vendor.tts.websocket_connect().enter()

    asyncio.run(scenario())


def first_audio_ms(text: str, **changed: Any) -> float:
    async def scenario() -> float:
        delays = Delays(Random(0), Even(0, 0), Even(0, 0), Even(40, 40))
        async with (
            CartesiaServer(delays=delays, speed=100) as server,
            client(server) as vendor,
            vendor.tts.websocket_connect() as connection,
        ):
            context = connection.context(**options(**changed))
            began = stopwatch()
            await context.push(text)
            async with asyncio.timeout(5):
                await anext(aiter(context.receive()))
            return (stopwatch() - began) / 1e6

    return asyncio.run(scenario())


def test_text_is_waited_for_as_long_as_the_client_allows() -> None:
    assert 40 <= first_audio_ms("We are ", max_buffer_delay_ms=0) < 290
    assert 340 <= first_audio_ms("We are ", max_buffer_delay_ms=300) < 1000
    assert 40 <= first_audio_ms("We are open.", max_buffer_delay_ms=3000) < 290
    assert 40 <= first_audio_ms(TEXT * 3) < 290


def test_a_context_expires_and_its_id_begins_anew() -> None:
    async def scenario() -> None:
        async with (
            CartesiaServer(speed=100, expiry_s=0.05) as server,
            client(server) as vendor,
            vendor.tts.websocket_connect() as connection,
        ):
            request = {**options(), "transcript": TEXT, "context_id": "x", "continue": True}
            for _ in range(2):
                await connection.send(request)  # type: ignore[arg-type]
                async with asyncio.timeout(5):
                    while not isinstance(await connection.recv(), Done):
                        pass

    asyncio.run(scenario())

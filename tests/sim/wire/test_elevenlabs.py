"""ElevenLabs' own client against the wire server: what proves that it speaks the dialect."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from random import Random

import aiohttp
import numpy as np
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.unchecked_base_model import construct_type
from elevenlabs.types import AudioOutput, FinalOutput, VoiceSettings

from hocket.audio.g711 import decode_ulaw
from hocket.clock import stopwatch
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.elevenlabs import ElevenLabsServer
from hocket.sim.wire.tone import CHARACTER_MS

# The vendor's client uses names that its own dependency has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ConnectionClosed:DeprecationWarning")

TEXT = "We are open from nine to five, and on Saturdays until noon. "


def spoken_by_the_client(server: ElevenLabsServer, pieces: list[str], voice: str = "rachel") -> bytes:
    client = ElevenLabs(api_key="k", base_url=server.url)
    # The client insists on TLS, which loopback has not.
    client.text_to_speech._ws_base_url = server.url.replace("http", "ws", 1)

    def text() -> Iterator[str]:
        yield from pieces

    return b"".join(
        client.text_to_speech.convert_realtime(
            voice,
            text=text(),
            model_id="eleven_flash_v2_5",
            output_format="pcm_16000",
            voice_settings=VoiceSettings(stability=0.5, similarity_boost=0.8),
        )
    )


def test_the_vendors_client_gets_all_audio_of_its_text() -> None:
    async def scenario() -> None:
        async with ElevenLabsServer(key="k", speed=100) as server:
            words = TEXT.split(" ")
            audio = await asyncio.to_thread(spoken_by_the_client, server, [f"{word} " for word in words if word])
            samples = np.frombuffer(audio, np.int16)
            assert len(samples) == pytest.approx(16 * CHARACTER_MS * len(TEXT), rel=0.1)
            assert np.abs(samples[:320]).max() > 1000
            (exchange,) = server.exchanges
            assert json.loads(exchange.texts[0])["voice_settings"]["stability"] == 0.5

    asyncio.run(scenario())


def test_the_vendors_client_reports_what_the_server_refuses() -> None:
    async def scenario() -> None:
        async with ElevenLabsServer(speed=100, voices=("rachel",), credits=10) as server:
            with pytest.raises(ApiError) as caught:
                await asyncio.to_thread(spoken_by_the_client, server, ["Hello "], "nobody")
            assert "nobody" in str(caught.value)
            with pytest.raises(ApiError) as caught:
                await asyncio.to_thread(spoken_by_the_client, server, [TEXT])
            assert "quota" in str(caught.value)

    asyncio.run(scenario())


async def converse(server: ElevenLabsServer, query: str, messages: list[dict[str, object]]) -> list[dict[str, object]]:
    """All that is sent back until the server closes."""
    url = f"{server.url}/v1/text-to-speech/rachel/stream-input?{query}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
        for message in messages:
            await websocket.send_str(json.dumps(message))
        async with asyncio.timeout(5):
            return [json.loads(message.data) async for message in websocket]


def test_messages_are_of_the_vendors_types_and_the_alignment_fits_the_audio() -> None:
    async def scenario() -> None:
        async with ElevenLabsServer(speed=100) as server:
            asked: list[dict[str, object]] = [{"text": " "}, {"text": "We are "}, {"text": "open. "}, {"text": ""}]
            found = await converse(server, "auto_mode=true&output_format=ulaw_8000", asked)
            *audio, last = found
            assert last["isFinal"] is True
            assert isinstance(construct_type(type_=FinalOutput, object_=last), FinalOutput)
            characters = ""
            for message in audio:
                typed = construct_type(type_=AudioOutput, object_=message)
                assert isinstance(typed, AudioOutput)
                assert typed.alignment is not None
                assert typed.alignment.chars is not None
                assert typed.alignment.char_start_times_ms is not None
                length_ms = len(base64.b64decode(typed.audio)) / 8
                assert all(0 <= start < length_ms for start in typed.alignment.char_start_times_ms)
                characters += "".join(typed.alignment.chars)
            assert characters == "We are open. "
            loud = decode_ulaw(base64.b64decode(str(audio[0]["audio"])))
            assert np.abs(loud[:160].astype(int)).max() > 1000

    asyncio.run(scenario())


def first_audio_ms(server: ElevenLabsServer, query: str, messages: list[dict[str, object]], pause_s: float) -> float:
    async def scenario() -> float:
        async with server:
            url = f"{server.url}/v1/text-to-speech/rachel/stream-input?output_format=pcm_16000&{query}"
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
                began = stopwatch()

                async def send() -> None:
                    for message in messages:
                        await websocket.send_str(json.dumps(message))
                        await asyncio.sleep(pause_s)

                sending = asyncio.create_task(send())
                await websocket.receive_str()
                took = (stopwatch() - began) / 1e6
                sending.cancel()
                return took

    return asyncio.run(scenario())


def test_auto_mode_speaks_at_once_and_otherwise_text_is_waited_for() -> None:
    def server() -> ElevenLabsServer:
        return ElevenLabsServer(delays=Delays(Random(0), Even(0, 0), Even(0, 0), Even(40, 40)), speed=100)

    text: dict[str, object] = {"text": "We are open. "}
    end: dict[str, object] = {"text": ""}
    assert 40 <= first_audio_ms(server(), "auto_mode=true", [text, end], 0.8) < 790
    assert first_audio_ms(server(), "", [text, end], 0.3) >= 340
    assert first_audio_ms(server(), "", [{**text, "flush": True}, end], 0.8) < 790
    assert first_audio_ms(server(), "", [{"text": TEXT * 3}, end], 0.8) < 790
    config: dict[str, object] = {"text": " ", "generation_config": {"chunk_length_schedule": [50]}}
    assert 800 <= first_audio_ms(server(), "", [config, {"text": TEXT}, end], 0.8) < 1590


def test_it_hangs_up_on_a_silent_client_and_on_nonsense() -> None:
    async def scenario() -> None:
        async with ElevenLabsServer(speed=100) as server:
            (last,) = await converse(server, "inactivity_timeout=0.05&output_format=pcm_16000", [{"text": " "}])
            assert last["error"] == "input_timeout_exceeded"
            (last,) = await converse(server, "output_format=pcm_16000", [{"txt": 1}])
            assert last["error"] == "invalid_input_message"
            (last,) = await converse(server, "output_format=mp3_44100_128", [])
            assert last["error"] == "unsupported_output_format"

    asyncio.run(scenario())

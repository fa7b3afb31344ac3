"""Deepgram's own client against the wire server: what proves that it speaks the dialect."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import (
    ListenV1Error,
    ListenV1Metadata,
    ListenV1Results,
    ListenV1SpeechStarted,
    ListenV1UtteranceEnd,
)
from deepgram.listen.v2.types import ListenV2Connected, ListenV2TurnInfo

from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.faults import Fault
from tests.sim.wire.scripted import RATE, SCRIPT, SPEECH
from tests.sim.wire.test_track import TRACK

# The vendor's client uses names that its own dependency has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")

FRAME = RATE // 50


def client(server: DeepgramServer, key: str = "k") -> AsyncDeepgramClient:
    socket = server.url.replace("http", "ws", 1)
    environment = DeepgramClientEnvironment(base=server.url, production=socket, agent=socket, agent_rest=server.url)
    return AsyncDeepgramClient(api_key=key, environment=environment)


async def send_speech(send: object, until_ms: int = 1000) -> None:
    for at in range(0, until_ms * RATE // 1000, FRAME):
        await send(SPEECH[at : at + FRAME].tobytes())  # type: ignore[operator]
        await asyncio.sleep(0.001)


def test_the_vendors_client_hears_interims_and_the_final_it_asks_for() -> None:
    async def scenario() -> None:
        async with (
            DeepgramServer(SCRIPT, key="k") as server,
            client(server).listen.v1.connect(
                model="nova-3",
                encoding="linear16",
                sample_rate=RATE,
                interim_results=True,
                punctuate=True,
                endpointing=False,
                keyterm=["Friday"],
            ) as connection,
        ):
            await send_speech(connection.send_media, 620)
            await connection.send_keep_alive()
            await connection.send_finalize()
            interims = []
            async with asyncio.timeout(5):
                while True:
                    message = await connection.recv()
                    assert isinstance(message, ListenV1Results), message
                    best = message.channel.alternatives[0]
                    if message.from_finalize:
                        break
                    interims.append(best.transcript)
            assert interims == ["could", "could you", "could you move", "could you move it"]
            assert best.transcript == "Could you move it."
            assert [word.punctuated_word for word in best.words] == ["Could", "you", "move", "it."]
            assert (best.words[3].start, best.words[3].end) == (0.4, 0.5)
            assert message.is_final
            assert message.start + message.duration == pytest.approx(0.62)
            assert message.metadata.model_info.name == "nova-3"
            await connection.send_close_stream()
            async with asyncio.timeout(5):
                last = await connection.recv()
            assert isinstance(last, ListenV1Metadata)
            assert last.duration == pytest.approx(0.62)

    asyncio.run(scenario())


def test_the_vendors_client_is_told_of_speech_pauses_and_ends() -> None:
    async def scenario() -> None:
        async with (
            DeepgramServer(SCRIPT) as server,
            client(server).listen.v1.connect(
                model="nova-3",
                encoding="linear16",
                sample_rate=RATE,
                interim_results=True,
                smart_format=True,
                endpointing=150,
                vad_events=True,
                utterance_end_ms=1000,
            ) as connection,
        ):
            await send_speech(connection.send_media)
            for _ in range(60):
                await connection.send_media(bytes(FRAME * 2))
            await connection.send_close_stream()
            async with asyncio.timeout(5):
                messages = [message async for message in connection]
            finals = [m for m in messages if isinstance(m, ListenV1Results) and m.is_final]
            spoken = [final.channel.alternatives[0].transcript for final in finals]
            assert spoken == ["Could you move it.", "To Friday?"]
            assert all(final.speech_final and not final.from_finalize for final in finals)
            starts = [m.timestamp for m in messages if isinstance(m, ListenV1SpeechStarted)]
            assert starts == [0.1, 0.7]
            ends = [m.last_word_end for m in messages if isinstance(m, ListenV1UtteranceEnd)]
            assert ends == [0.9]

    asyncio.run(scenario())


def test_the_vendors_client_follows_flux_turns() -> None:
    async def scenario() -> None:
        async with (
            DeepgramServer(SCRIPT) as server,
            client(server).listen.v2.connect(
                model="flux-general-en",
                encoding="linear16",
                sample_rate=RATE,
                eager_eot_threshold=0.1,
                eot_threshold=0.5,
            ) as connection,
        ):
            await send_speech(connection.send_media)
            for _ in range(20):
                await connection.send_media(bytes(FRAME * 2))
            messages = []
            async with asyncio.timeout(5):
                async for message in connection:
                    messages.append(message)
                    if getattr(message, "event", "") == "EndOfTurn":
                        break
            assert isinstance(messages[0], ListenV2Connected)
            turns = [message for message in messages if isinstance(message, ListenV2TurnInfo)]
            events = [turn.event for turn in turns]
            assert events[0] == "StartOfTurn"
            # The pause after "it" looks like an end, and is taken back.
            assert [event for event in events if event not in ("Update", "StartOfTurn")] == [
                "EagerEndOfTurn",
                "TurnResumed",
                "EagerEndOfTurn",
                "EndOfTurn",
            ]
            assert turns[-1].transcript == "Could you move it to Friday?"
            assert turns[-1].trigger == "model"
            assert turns[-2].transcript == turns[-1].transcript
            assert [turn.sequence_id for turn in turns] == list(range(1, len(turns) + 1))
            await connection.send_media(SPEECH[:FRAME].tobytes())
            await connection.send_force_end_turn()
            await connection.send_close_stream()

    asyncio.run(scenario())


def test_the_vendors_client_ends_a_flux_turn_itself() -> None:
    async def scenario() -> None:
        async with (
            DeepgramServer(SCRIPT) as server,
            client(server).listen.v2.connect(
                model="flux-general-en", encoding="linear16", sample_rate=RATE, eot_threshold=1.0
            ) as connection,
        ):
            await send_speech(connection.send_media, 640)
            await connection.send_force_end_turn()
            async with asyncio.timeout(5):
                async for message in connection:
                    if getattr(message, "event", "") == "EndOfTurn":
                        break
            assert isinstance(message, ListenV2TurnInfo)
            assert (message.transcript, message.trigger, message.turn_index) == ("Could you move it", "manual", 0)

    asyncio.run(scenario())


def test_the_vendors_client_reports_a_wrong_key_and_a_full_account() -> None:
    async def scenario() -> None:
        async with DeepgramServer(key="right") as server:
            for plan, status in ((None, 401), (Fault("status", status=429), 401), (None, 400)):
                server.faults.plan(plan)
                key, model = ("right", "no-such-model") if status == 400 else ("wrong", "nova-3")
                with pytest.raises(ApiError) as caught:
                    async with client(server, key).listen.v1.connect(model=model):
                        pass
                assert caught.value.status_code == status

    asyncio.run(scenario())


def test_the_vendors_client_reads_an_error_message() -> None:
    async def scenario() -> None:
        async with DeepgramServer() as server, client(server).listen.v1.connect(model="nova-3") as connection:
            await connection._send({"type": "Nonsense"})
            async with asyncio.timeout(5):
                message = await connection.recv()
            assert isinstance(message, ListenV1Error)
            assert message.variant == "SchemaError"

    asyncio.run(scenario())


def test_every_connection_can_have_its_own_script_and_it_may_grow() -> None:
    async def scenario() -> None:
        said = list(SCRIPT[:2])
        async with DeepgramServer(lambda exchange: said) as server, aiohttp.ClientSession() as session:
            url = f"{server.url}/v1/listen?model=nova-3&encoding=linear16&sample_rate={RATE}&endpointing=false"
            async with session.ws_connect(url) as websocket:
                await websocket.send_bytes(SPEECH[: RATE * 4 // 10].tobytes())
                await websocket.send_str('{"type":"Finalize"}')
                assert _transcript(await websocket.receive_str()) == "could you"
                said.extend(SCRIPT[2:])
                await websocket.send_bytes(SPEECH[: RATE * 6 // 10].tobytes())
                await websocket.send_str('{"type":"Finalize"}')
                assert _transcript(await websocket.receive_str()) == "move it to friday"

    asyncio.run(scenario())


def test_long_speech_gets_finals_in_the_middle() -> None:
    async def scenario() -> None:
        async with DeepgramServer(SCRIPT) as server, aiohttp.ClientSession() as session:
            url = f"{server.url}/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&endpointing=false"
            async with session.ws_connect(url) as websocket:
                await websocket.send_bytes(bytes(5 * 8000))
                message = json.loads(await websocket.receive_str())
                assert (message["is_final"], message["speech_final"], message["from_finalize"]) == (True, False, False)

    asyncio.run(scenario())


def _transcript(message: str) -> object:
    return json.loads(message)["channel"]["alternatives"][0]["transcript"]


def test_a_track_is_heard_by_its_sound_wherever_a_connection_begins() -> None:
    async def scenario() -> None:
        async with DeepgramServer(TRACK) as server, aiohttp.ClientSession() as session:
            url = f"{server.url}/v1/listen?model=nova-3&encoding=linear16&sample_rate={RATE}&endpointing=false"
            heard = []
            for start_ms, end_ms in ((0, 400), (300, 1000)):
                async with session.ws_connect(url) as websocket:
                    await websocket.send_bytes(TRACK.samples[start_ms * RATE // 1000 : end_ms * RATE // 1000].tobytes())
                    await websocket.send_str('{"type":"Finalize"}')
                    heard.append(_transcript(await websocket.receive_str()))
            assert heard == ["could you move", "move it to friday"]

    asyncio.run(scenario())

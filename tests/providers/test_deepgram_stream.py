from __future__ import annotations

import asyncio
import base64
import hashlib
from random import Random

import pytest

from hocket.audio.frame import Frame, silence
from hocket.errors import SttError
from hocket.providers import cloud_socket, deepgram_stream
from hocket.providers.deepgram import Deepgram, DeepgramFlux
from hocket.providers.deepgram_messages import Alternative, Channel, Results, TurnInfo, Word
from hocket.sim import script
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.faults import Fault
from hocket.stages import transcripts
from hocket.stages.stt import SttStream
from tests.providers.on_the_wire import Reader, against, push_speech, until_final
from tests.sim.wire.scripted import RATE, SAID, SCRIPT, plain
from tests.sim.wire.waiting import until


def nova(url: str) -> Deepgram:
    return Deepgram(key="k", base_url=url)


async def all_of(stream: SttStream) -> None:
    async with asyncio.timeout(5):
        async for _ in stream:
            pass


def test_interims_hold_all_words_since_the_last_final() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), nova) as (_, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await push_speech(stream, 620, pace_s=0.004)
            stream.finalize()
            first = await reader.finalized()
            interims = [transcript.text for transcript in first if not transcript.final]
            assert interims == ["could", "could you", "could you move", "could you move it"]
            assert (first[-1].text, first[-1].final, first[-1].finalized) == ("Could you move it.", True, True)
            for at in range(620, 1200, 20):
                stream.push(Frame(silence(RATE // 50), RATE, at * RATE // 1000))
                await asyncio.sleep(0.004)
            stream.finalize()
            second = await reader.finalized()
            assert second[0].text == "to"
            assert second[-1].text == "To Friday?"
            await reader.close()

    asyncio.run(scenario())


def test_a_final_of_the_recognisers_own_answers_nothing() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), lambda url: Deepgram(key="k", base_url=url, endpointing_ms=100)) as (
            _,
            stt,
        ):
            stream = await stt.open(RATE)
            await push_speech(stream)
            finals = []
            async for transcript in stream:
                finals += [transcript] if transcript.final else []
                if len(finals) == 1:
                    break
            assert finals[0].text == "Could you move it."
            assert not finals[0].finalized
            stream.finalize()
            assert plain((await until_final(stream))[-1].text) == "to friday"
            await stream.close()

    asyncio.run(scenario())


def test_a_finalize_that_is_not_answered_is_answered_from_the_interims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.1)

    async def scenario() -> None:
        late = Delays(Random(0), Even(400, 400), Even(0, 0), Even(0, 0))
        async with against(DeepgramServer(SCRIPT, delays=late), nova) as (_, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await push_speech(stream, 640, pace_s=0.002)
            stream.finalize()
            answer = (await reader.finalized())[-1]
            assert (answer.text, answer.finalized) == ("could you move it", True)
            # The real answer comes 300 ms later with the same words: it changes nothing.
            for at in range(640, 1200, 20):
                stream.push(Frame(silence(RATE // 50), RATE, at * RATE // 1000))
                await asyncio.sleep(0.02)
            assert [(transcript.text, transcript.final) for transcript in reader.found] == [
                ("to", False),
                ("to friday", False),
            ]
            # Nor would one that comes after newer interims.
            words = (Word("could", 0.1, 0.2), Word("it", 0.4, 0.5))
            again = Results(Channel((Alternative("Could it.", words),)), 0.0, 0.64, is_final=True, from_finalize=True)
            stream._hear_nova(again)
            await asyncio.sleep(0.01)
            assert reader.found[-1].text == "to friday"
            stream.finalize()
            assert (await reader.finalized())[-1].text == "to friday"
            await reader.close()

    asyncio.run(scenario())


def test_an_empty_finalize_is_answered_even_by_a_server_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.05)

    async def scenario() -> None:
        async with against(DeepgramServer(answers_when_empty=False), nova) as (_, stt):
            stream = await stt.open(RATE)
            await push_speech(stream, 200)
            stream.finalize()
            stream.finalize()
            (answer,) = await until_final(stream)
            assert (answer.text, answer.finalized) == ("", True)
            await stream.close()

    asyncio.run(scenario())


def test_flux_turns_are_interims_and_their_end_a_final() -> None:
    async def scenario() -> None:
        def make(url: str) -> DeepgramFlux:
            return DeepgramFlux(key="k", base_url=url, eager_eot_threshold=0.1, eot_threshold=0.6)

        async with against(DeepgramServer(SCRIPT), make) as (server, stt):
            stream = await stt.open(RATE)
            await push_speech(stream)
            for at in range(1000, 1300, 20):
                stream.push(Frame(silence(RATE // 50), RATE, at * RATE // 1000))
                await asyncio.sleep(0.004)
            found = []
            async with asyncio.timeout(5):
                async for transcript in stream:
                    found.append(transcript)
                    if transcript.final:
                        break
            assert plain(found[-1].text) == SAID
            assert not found[-1].finalized
            assert "Could" in found[0].text
            await stream.close()
            assert "CloseStream" in server.exchanges[0].texts[-1]

    asyncio.run(scenario())


def test_it_keeps_a_silent_connection_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "KEEPALIVE_S", 0.05)

    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT, idle_s=0.2), nova) as (server, stt):
            stream = await stt.open(RATE)
            await asyncio.sleep(0.6)
            assert any("KeepAlive" in text for text in server.exchanges[0].texts)
            await push_speech(stream)
            stream.finalize()
            assert plain((await until_final(stream))[-1].text) == SAID
            await stream.close()
        async with against(DeepgramServer(SCRIPT, idle_s=0.2), lambda url: DeepgramFlux(key="k", base_url=url)) as (
            server,
            flux,
        ):
            stream = await flux.open(RATE)
            await asyncio.sleep(0.6)
            assert server.exchanges[0].audio_bytes > 0
            stream.finalize()
            await until_final(stream)
            await stream.close()

    asyncio.run(scenario())


def test_signs_of_life_do_not_count_as_audio_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "KEEPALIVE_S", 0.005)
    monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.05)

    async def scenario() -> None:
        async with against(DeepgramServer(), lambda url: DeepgramFlux(key="k", base_url=url)) as (server, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await until(lambda: server.exchanges[0].audio_bytes > RATE)
            monkeypatch.setattr(deepgram_stream, "KEEPALIVE_S", 60.0)
            await push_speech(stream, 640)
            before_s = stream._unpushed / RATE
            assert before_s > 0.4
            words = (Word("Could", before_s + 0.1, before_s + 0.2), Word("it", before_s + 0.4, before_s + 0.5))
            stream._hear_flux(TurnInfo("Update", "Could it", words, before_s + 0.6))
            stream.finalize()
            assert (await reader.finalized())[-1].text == "Could it"
            stream._hear_flux(TurnInfo("EndOfTurn", "Could it.", words, before_s + 0.64))
            await asyncio.sleep(0.01)
            assert reader.found == [], "it is nothing new"
            await reader.close()

    asyncio.run(scenario())


def test_without_keepalive_the_server_hangs_up_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "KEEPALIVE_S", 60.0)

    async def scenario() -> None:
        async with against(DeepgramServer(idle_s=0.1), nova) as (_, stt):
            stream = await stt.open(RATE)
            with pytest.raises(SttError, match="NET-0001"):
                await until_final(stream)
            await stream.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "words"),
    [("reset", "broke off"), ("close", "closed the connection .code 1011"), ("garbage", "cannot be read")],
)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_lost_connection_ends_the_transcripts_and_the_next_stream_is_whole(kind: str, words: str, after: int) -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), nova) as (server, stt):
            server.faults.plan(Fault(kind, after_messages=after))  # type: ignore[arg-type]
            stream = await stt.open(RATE)
            await push_speech(stream, pace_s=0.002)
            stream.finalize()
            with pytest.raises(SttError, match=words) as caught:
                await all_of(stream)
            assert caught.value.retryable
            await stream.close()
            again = await stt.open(RATE)
            await push_speech(again)
            again.finalize()
            assert plain((await until_final(again))[-1].text) == SAID
            await again.close()

    asyncio.run(scenario())


def test_a_peer_that_answers_no_ping_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_socket, "HEARTBEAT_S", 0.1)

    async def half_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept the handshake by hand, then say nothing for ever."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")).split(": ")[1]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        accept = base64.b64encode(digest).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        try:
            await reader.read()
        finally:
            writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(half_open, "127.0.0.1", 0)
        stt = nova(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        stream = await stt.open(RATE)
        with pytest.raises(SttError, match="broke off"):
            async with asyncio.timeout(2):
                await anext(aiter(stream))
        await stream.close()
        await stt.close()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_a_stalled_server_costs_the_oldest_audio_and_never_memory() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), nova) as (server, stt):
            stream = await stt.open(RATE)
            stream._socket.pause_writing()
            for at in range(2000):
                stream.push(Frame(silence(RATE // 50), RATE, at * RATE // 50))
            stream.finalize()
            stream._socket.resume_writing()
            await until_final(stream)
            assert stream.dropped == 2000 - deepgram_stream.WAITING_MS // 20
            kept = deepgram_stream.WAITING_MS * RATE // 1000 * 2
            await until(lambda: server.exchanges[0].audio_bytes == kept)
            await stream.close()

    asyncio.run(scenario())


def test_finals_that_nobody_reads_become_one() -> None:
    words = [script.Word(f"w{index}", index * 20, index * 20 + 10) for index in range(400)]

    async def scenario() -> None:
        async with against(DeepgramServer(words), nova) as (server, stt):
            stream = await stt.open(RATE)
            for at in range(100):
                stream.push(Frame(silence(RATE // 50), RATE, at * RATE // 50))
                stream.finalize()
                await asyncio.sleep(0.001)
            await until(lambda: server.exchanges[0].sent >= 100)
            await asyncio.sleep(0.05)
            unread = list(stream._transcripts._waiting)
            assert len(unread) == transcripts.WAITING
            spoken = plain(" ".join(transcript.text for transcript in unread)).split()
            assert spoken == [f"w{index}" for index in range(len(spoken))]
            assert len(spoken) >= 99
            await stream.close()

    asyncio.run(scenario())


def test_an_error_message_of_deepgram_is_passed_on() -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(), nova) as (_, stt):
            stream = await stt.open(RATE)
            stream._outgoing.text('{"type":"Nonsense"}')
            with pytest.raises(SttError, match="Could not deserialize"):
                await until_final(stream)
            await stream.close()

    asyncio.run(scenario())


def test_finals_say_how_far_they_settle_the_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), nova) as (_, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await push_speech(stream, 640, pace_s=0.002)
            stream.finalize()
            assert (await reader.finalized())[-1].until_ms == 640
            await reader.close()
        # Given up, it settles what the interim had shown: the next recogniser may still hear the rest.
        monkeypatch.setattr(deepgram_stream, "FINALIZE_S", 0.05)
        late = Delays(Random(0), Even(400, 400), Even(0, 0), Even(0, 0))
        async with against(DeepgramServer(SCRIPT, delays=late), nova) as (_, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await push_speech(stream, 540, pace_s=0.002)
            await until(lambda: bool(reader.found) and reader.found[-1].text == "could you move")
            stream.finalize()
            assert (await reader.finalized())[-1].until_ms == 400
            # The word that was missing is in the late answer, and given alone.
            await until(lambda: bool(reader.found))
            assert [(final.text, final.until_ms) for final in reader.found] == [("it.", 540)]
            await reader.close()
        async with against(DeepgramServer(SCRIPT, delays=late), nova) as (_, stt):
            stream = await stt.open(RATE)
            await push_speech(stream, 100)
            stream.finalize()
            assert (await until_final(stream))[-1].until_ms == 0
            await stream.close()

    asyncio.run(scenario())


def test_flux_counts_its_silence_and_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_stream, "KEEPALIVE_S", 0.02)

    async def scenario() -> None:
        async with against(DeepgramServer(SCRIPT), lambda url: DeepgramFlux(key="k", base_url=url)) as (_, stt):
            stream = await stt.open(RATE)
            reader = Reader(stream)
            await asyncio.sleep(0.1)
            await push_speech(stream)
            stream.finalize()
            assert (await reader.finalized())[-1].until_ms == 1000
            await reader.close()

    asyncio.run(scenario())

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from hocket.gateway import client_socket
from hocket.transports import websocket
from hocket.transports.client_messages import MAX_MESSAGES_PER_S, MAX_TEXT_BYTES, RESUME_S
from tests.cli.small_stages import noise
from tests.gateway.clients import Gateway, agent, dialled, ending, gateway, hello, told, until
from tests.gateway.raw import frame
from tests.session.making import FakeTts
from tests.stages.leftovers import leaves_nothing

FRAME = bytes(640)
HANG_UP = json.dumps({"type": "hang_up"})


def test_a_call_from_hello_to_hanging_up() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            welcome = await hello(server, socket, audio={"encoding": "pcm16", "rate": 16_000})
            assert welcome["type"] == "welcome"
            assert welcome["call"].startswith("ws-")
            assert len(welcome["resume"]) >= 43
            assert (welcome["agent"], welcome["resume_s"], welcome["position"]) == ("tested", RESUME_S, 0)
            assert (server.calls.live, len(server.sockets)) == (1, 1)
            await socket.send_str(HANG_UP)
            messages, code = await ending(socket)
            assert messages[-1] == {"type": "bye", "reason": "The caller hung up."}
            assert code == 1000
            await until(lambda: not server.calls.live and not len(server.sockets))
            assert server.calls.ended == 1

    asyncio.run(scenario())


def test_what_is_said_is_answered_and_captions_come_with_it() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await hello(server, socket)
            speech = bytes(640 * 10) + noise(600).samples.tobytes() + bytes(640 * 400)
            speaking = asyncio.create_task(_talk(socket, speech))
            seen: dict[str, Any] = {}
            audio = 0
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    assert len(message.data) == 640
                    audio += len(message.data)
                    if audio >= 2 * 16_000 // 2 and "caption" in seen:
                        break
                else:
                    seen[message.json()["type"]] = message.json()
            assert seen["state"]["state"] in ("thinking", "speaking")
            speaking.cancel()

    asyncio.run(scenario())


async def _talk(socket: aiohttp.ClientWebSocketResponse, audio: bytes) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for start in range(0, len(audio), 640):
        due += 0.02
        await asyncio.sleep(due - loop.time())
        await socket.send_bytes(audio[start : start + 640])


REFUSED: dict[str, tuple[dict[str, Any] | str | bytes, str]] = {
    "no ticket": ({"type": "hello"}, "The ticket is not valid"),
    "garbage": ({"type": "hello", "ticket": "x.y.z"}, "The ticket is not valid"),
    "a ticket too long": ({"type": "hello", "ticket": "x" * 10_000}, "it is too long"),
    "no such call": ({"type": "hello", "resume": "x"}, "no such call to come back to"),
    "a rate": ({"type": "hello", "audio": {"encoding": "pcm16", "rate": 44_100}}, "pcm16 at 44100 Hz"),
    "an encoding": ({"type": "hello", "audio": {"encoding": "opus", "rate": 48_000}}, "no message of a client"),
    "another message": ({"type": "hang_up"}, "The first message of a client is a hello"),
    "malformed": ('{"type": "hello", ', "no message of a client"),
    "a bomb": ("[" * MAX_TEXT_BYTES, "no message of a client"),
    "too long": (" " * (MAX_TEXT_BYTES + 1), "16384 are the most"),
    "audio": (FRAME, "no message of a client"),
}


@pytest.mark.parametrize(("message", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_opens_no_call_is_refused_with_a_reason(message: dict[str, Any] | str | bytes, reason: str) -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await _send(socket, message)
            (refused,), code = await ending(socket)
            assert (refused["type"], refused["retry_after_s"], code) == ("refused", None, 1008)
            assert reason in refused["reason"]
            assert server.calls.live == 0

    asyncio.run(scenario())


async def _send(socket: aiohttp.ClientWebSocketResponse, message: dict[str, Any] | str | bytes) -> None:
    if isinstance(message, bytes):
        await socket.send_bytes(message)
    else:
        await socket.send_str(message if isinstance(message, str) else json.dumps(message))


def test_a_ticket_opens_one_call_of_its_kind() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as first, dialled(server) as again, dialled(server) as other:
            ticket = server.ticket()
            assert (await hello(server, first, ticket=ticket))["type"] == "welcome"
            assert "used before" in (await hello(server, again, ticket=ticket))["reason"]
            assert 'for a call by "twilio"' in (await hello(server, other, ticket=server.ticket("twilio")))["reason"]

    asyncio.run(scenario())


def test_a_format_that_is_not_spoken_costs_no_ticket() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as first, dialled(server) as again:
            ticket = server.ticket()
            refused = await hello(server, first, ticket=ticket, audio={"encoding": "mulaw", "rate": 16_000})
            assert refused["type"] == "refused"
            welcome = await hello(server, again, ticket=ticket, audio={"encoding": "mulaw", "rate": 8_000})
            assert welcome["audio"] == {"encoding": "mulaw", "rate": 8_000}

    asyncio.run(scenario())


def test_who_finds_no_room_is_told_when_to_try_again() -> None:
    async def scenario() -> None:
        async with gateway(max_calls=1) as server, dialled(server) as first, dialled(server) as second:
            await hello(server, first)
            ticket = server.ticket()
            refused = await hello(server, second, ticket=ticket)
            assert (refused["type"], refused["retry_after_s"]) == ("refused", 10)
            assert (await ending(second))[1] == 1013
            await first.send_str(HANG_UP)
            await until(lambda: not server.calls.live)
            async with dialled(server) as third:
                assert (await hello(server, third, ticket=ticket))["type"] == "welcome", "the ticket was not used up"

    asyncio.run(scenario())


def test_an_address_has_only_so_many_calls() -> None:
    async def scenario() -> None:
        async with gateway(max_calls_per_address=1) as server, dialled(server) as first, dialled(server) as second:
            await hello(server, first, ticket=server.ticket(source="a"))
            spare = server.ticket(source="a")
            refused = await hello(server, second, ticket=spare)
            assert (refused["type"], refused["retry_after_s"]) == ("refused", 10)
            assert refused["reason"].startswith("Your address has as many calls as one may have.")
            await first.send_str(HANG_UP)
            await until(lambda: not server.calls.live)
            async with dialled(server) as third:
                assert (await hello(server, third, ticket=spare))["type"] == "welcome", "the ticket was not used up"

    asyncio.run(scenario())


def test_who_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_socket, "HELLO_S", 0.1)

    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            (refused,), code = await ending(socket)
            assert "No hello came" in refused["reason"]
            assert code == 1008
            await until(lambda: not len(server.sockets))

    asyncio.run(scenario())


BAD: dict[str, tuple[dict[str, Any] | str | bytes, int, str]] = {
    "an odd byte": (b"123", 1, "a message of 3 bytes of audio"),
    "no audio": (b"", 1, "a message of 0 bytes"),
    "too much audio": (bytes(6_402), 1, "up to 200 ms, 6400 bytes"),
    "a hundred times too fast": (FRAME, 60, "faster than it can be said"),
    "unknown": ({"type": "dance"}, 1, "no message of a client"),
    "a bomb": ('{"type": "played", "sample": ' + "[" * 10_000, 1, "no message of a client"),
    "too long": ("x" * (MAX_TEXT_BYTES + 1), 1, "16384 are the most"),
    "a flood": ({"type": "played", "sample": 0}, MAX_MESSAGES_PER_S * 6, "messages a second"),
    "a wrong position": ({"type": "played", "sample": 1}, 1, "1 samples have sounded"),
    "a key": ({"type": "dtmf", "digit": "Z"}, 1, "a key that no telephone has"),
}


@pytest.mark.parametrize(("message", "times", "reason"), BAD.values(), ids=BAD)
def test_an_offender_is_closed_with_a_reason_and_nobody_else(
    message: dict[str, Any] | str | bytes, times: int, reason: str
) -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as good, dialled(server) as bad:
            await hello(server, good)
            await hello(server, bad)
            for _ in range(times):
                await _send(bad, message)
            messages, code = await ending(bad)
            assert messages[-1]["type"] == "bye"
            assert reason in messages[-1]["reason"]
            assert code == 1008
            await until(lambda: server.calls.live == 1)
            await good.send_bytes(FRAME)
            await good.send_str(HANG_UP)
            messages, _ = await ending(good)
            assert messages[-1]["reason"] == "The caller hung up."

    asyncio.run(scenario())


def test_a_message_in_several_frames_is_put_together_up_to_its_limit() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await hello(server, socket)
            text = HANG_UP.encode()
            assert socket._writer is not None
            write = socket._writer.transport.write
            write(frame(0x01, text[:5]) + frame(0x00, text[5:9]) + frame(0x80, text[9:]))
            messages, _ = await ending(socket)
            assert messages[-1]["reason"] == "The caller hung up."
        async with gateway() as server, dialled(server) as socket:
            await hello(server, socket)
            assert socket._writer is not None
            write = socket._writer.transport.write
            write(frame(0x02, bytes(20_000)) + frame(0x00, bytes(20_000)))
            messages, _ = await ending(socket)
            assert "a message of 40000 bytes of audio" in messages[-1]["reason"]

    asyncio.run(scenario())


def abort(socket: aiohttp.ClientWebSocketResponse) -> None:
    """The connection breaks off."""
    assert socket._writer is not None
    socket._writer.transport.abort()


def test_a_call_goes_on_over_another_connection() -> None:
    async def scenario() -> None:
        async with gateway(_talkative()) as server:
            async with dialled(server) as socket:
                welcome = await hello(server, socket)
                played = await _hear(socket, 30)
                abort(socket)
            await until(lambda: not len(server.sockets))
            assert server.calls.live == 1
            async with dialled(server) as socket:
                back = await hello(server, socket, resume=welcome["resume"], played=played)
                assert (back["call"], back["position"]) == (welcome["call"], played)
                assert await _hear(socket, 10) == 10 * 320
                await socket.send_str(HANG_UP)
                await ending(socket)
            await until(lambda: not server.calls.live)

    asyncio.run(scenario())


def _talkative() -> Any:
    """Says a greeting of some seconds."""
    return agent(greeting="Hello, this is the library, and it is open.", tts=FakeTts(ms=5_000))


async def _hear(socket: aiohttp.ClientWebSocketResponse, frames: int) -> int:
    """The samples of so many messages of audio."""
    samples = 0
    async with asyncio.timeout(20):
        while frames:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                samples += len(message.data) // 2
                frames -= 1
    return samples


def test_another_connection_takes_the_place_of_one_that_seems_alive() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as old, dialled(server) as new:
            welcome = await hello(server, old)
            await _begun(server)
            assert (await hello(server, new, resume=welcome["resume"]))["type"] == "welcome"
            assert (await ending(old))[1] == 4001
            await new.send_str(HANG_UP)
            messages, _ = await ending(new)
            assert messages[-1]["reason"] == "The caller hung up."

    asyncio.run(scenario())


async def _begun(server: Gateway) -> None:
    """The session has started its line."""
    (line,) = server.calls._resumable.values()
    await until(lambda: getattr(line, "_receiver", None))


def test_nobody_comes_back_with_another_format() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as old, dialled(server) as new:
            welcome = await hello(server, old)
            await _begun(server)
            refused = await hello(server, new, resume=welcome["resume"], audio={"encoding": "mulaw", "rate": 8_000})
            assert "in the format it began with" in refused["reason"]
            assert server.calls.live == 1

    asyncio.run(scenario())


def test_a_call_whose_client_stays_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "RESUME_S", 0.2)

    async def scenario() -> None:
        async with gateway() as server:
            async with dialled(server) as socket:
                welcome = await hello(server, socket)
                await _begun(server)
            await until(lambda: not server.calls.live)
            async with dialled(server) as socket:
                assert (await hello(server, socket, resume=welcome["resume"]))["type"] == "refused"

    asyncio.run(scenario())


def test_who_does_not_read_is_lost_and_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_socket, "UNSENT_BYTES", 8 * 1024)

    async def scenario() -> None:
        async with gateway(_talkative()) as server, dialled(server) as slow:
            welcome = await hello(server, slow)
            await _begun(server)
            (connection,) = server.sockets._open
            transport = connection._transport
            assert transport is not None
            monkeypatch.setattr(client_socket, "BEHIND_BYTES", 0)
            connection.offer("nobody misses it")
            assert slow._response.connection is not None
            assert slow._response.connection.transport is not None
            slow._response.connection.transport.pause_reading()
            transport.underlying_transport.pause_reading()
            while not transport.is_disconnected:
                connection.send(bytes(60_000))
                await asyncio.sleep(0)
            assert server.calls.live == 1
            (line,) = server.calls._resumable.values()
            await until(lambda: getattr(line, "_socket", connection) is None)
            async with dialled(server) as again:
                assert (await hello(server, again, resume=welcome["resume"]))["type"] == "welcome"
                await again.send_str(HANG_UP)
                await ending(again)

    asyncio.run(scenario())


def test_what_nobody_misses_is_not_sent_to_who_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await hello(server, socket)
            (connection,) = server.sockets._open
            monkeypatch.setattr(client_socket, "BEHIND_BYTES", 0)
            connection.offer('{"type": "state", "state": "thinking"}')
            monkeypatch.setattr(client_socket, "BEHIND_BYTES", 1)
            connection.offer('{"type": "state", "state": "speaking"}')
            assert (await told(socket))["state"] == "speaking"

    asyncio.run(scenario())


def test_a_call_that_cannot_be_held_is_reported_and_its_client_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with gateway() as server, dialled(server) as socket:
            monkeypatch.setattr(server.calls.assembly, "session", _raises)
            await hello(server, socket)
            messages, code = await ending(socket)
            assert (messages[-1]["type"], code) == ("bye", 1000)
            (report,) = reports
            assert report["message"].startswith("call ws-")
            assert isinstance(report["exception"], ValueError)

    asyncio.run(scenario())


async def _raises(*_: object, **__: object) -> None:
    raise ValueError("a bug")


def test_a_call_that_is_ended_tells_its_client_why() -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            await hello(server, socket)
            ended, (messages, code) = await asyncio.gather(
                server.calls.drained(0, "the server is shutting down"), ending(socket)
            )
            assert ended == 1
            assert (messages[-1], code) == ({"type": "bye", "reason": "The server is shutting down."}, 1000)

    asyncio.run(scenario())


def test_closing_ends_all_calls_and_leaves_nothing() -> None:
    async def use() -> None:
        async with gateway() as server, dialled(server) as talking, dialled(server):
            await hello(server, talking)
            await _begun(server)
            closing = asyncio.create_task(server.calls.close())
            messages, _ = await ending(talking)
            assert messages[-1]["type"] == "bye"
            await closing
            await server.sockets.close()
            await server.sockets.close()
            assert (len(server.sockets), server.calls.live) == (0, 0)

    asyncio.run(leaves_nothing(use, "the sockets"))


def test_tokens_are_not_in_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with gateway() as server, dialled(server) as socket:
            ticket = server.ticket()
            welcome = await hello(server, socket, ticket=ticket)
            await socket.send_bytes(b"1")
            await ending(socket)
            assert ticket not in caplog.text
            assert welcome["resume"] not in caplog.text

    caplog.set_level("DEBUG")
    asyncio.run(scenario())

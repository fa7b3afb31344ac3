from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from hocket.audio.frame import Samples
from hocket.client import Call, CallLost, CallRefused, Heard, connect
from hocket.client.dialling import dial
from hocket.errors import TransportError
from hocket.trace.news import Caption, State, Turn
from hocket.transports.client_messages import Hello
from tests.cli.small_stages import noise
from tests.gateway.clients import Gateway, agent, gateway, until
from tests.session.making import FakeTts, ramp

EXAMPLE = Path(__file__).parents[2] / "examples" / "clients" / "ask.py"


class Told:
    """Everything a call tells, read in a task of its own."""

    def __init__(self, of: Call) -> None:
        self.events: list[Any] = []
        self.task = asyncio.create_task(self._read(of))

    async def _read(self, of: Call) -> None:
        async for event in of:
            self.events.append(event)

    def heard(self) -> Samples:
        parts = [event.samples for event in self.events if isinstance(event, Heard)]
        audio = np.concatenate([np.zeros(0, np.int16), *parts])
        return np.extract(audio != 0, audio).astype(np.int16)

    def captions(self) -> list[tuple[str, str]]:
        return [(it.who, it.text) for it in self.events if isinstance(it, Caption) and it.final]


def talkative(ms: int = 3_000) -> Any:
    """Begins with something long to say."""
    return agent(greeting="Hello, this is the library.", tts=FakeTts(ms=ms))


def cut(server: Gateway) -> None:
    """All connections break off."""
    for socket in tuple(server.sockets._open):
        assert socket._transport is not None
        socket._transport.disconnect(graceful=False)


def test_a_question_and_its_answer() -> None:
    async def scenario() -> None:
        async with gateway() as server, connect(server.url, ticket=server.ticket()) as caller:
            told = Told(caller)
            await asyncio.sleep(0.3)
            await caller.say(noise(600).samples)
            await until(lambda: ("agent", "We open at nine.") in told.captions())
            assert told.captions()[0] == ("caller", "When do you open?")
            await until(lambda: caller.position == len(told.heard()) > 10_000)
            assert any(isinstance(event, Turn) and event.response_latency_ms for event in told.events)
            assert any(isinstance(event, State) and event.state == "thinking" for event in told.events)
            await caller.hang_up()
            await told.task
            assert caller.ended == "The caller hung up."
            await until(lambda: not server.calls.live)

    asyncio.run(scenario())


def test_leaving_the_block_hangs_up() -> None:
    async def scenario() -> None:
        async with gateway() as server:
            async with connect(server.url, ticket=server.ticket()) as caller:
                caller.press("5")
                assert caller.welcome.agent == "tested"
            await until(lambda: not server.calls.live)
            assert caller.ended == "The caller hung up."
            await caller.say(noise(600).samples)  # to nobody, and at once
            await caller.hang_up()

    asyncio.run(scenario())


def test_a_connection_that_breaks_off_is_replaced_and_the_rest_is_heard() -> None:
    async def scenario() -> None:
        async with gateway(talkative()) as server, connect(server.url, ticket=server.ticket()) as caller:
            told = Told(caller)
            for times in (1, 2):
                start = caller.position
                await until(lambda start=start: caller.position > start + 8_000)  # type: ignore[misc]
                cut(server)
                await until(lambda times=times: caller.reconnected == times)  # type: ignore[misc]
            await until(lambda: ("agent", "Hello, this is the library.") in told.captions())
            await until(lambda: told.heard()[-1] == ramp(3_000)[-1])
            _is_whole(told.heard(), ramp(3_000), breaks=2)
            assert server.calls.live == 1

    asyncio.run(scenario())


def _is_whole(heard: Samples, said: Samples, breaks: int) -> None:
    """Nothing is missing and nothing comes twice, but for the fades: each changes a frame, and ends in zeros."""
    frame = 320
    assert len(said) - breaks * 40 <= len(heard) <= len(said) + breaks * 2 * frame
    assert len(np.setdiff1d(said, heard)) <= breaks * 2 * frame


def test_a_barge_in_silences_the_caller_s_own_loudspeaker() -> None:
    async def scenario() -> None:
        async with gateway(talkative(10_000)) as server, connect(server.url, ticket=server.ticket()) as caller:
            told = Told(caller)
            await until(lambda: caller.position > 8_000)
            await caller.say(noise(900).samples)
            await until(lambda: caller._ear.clears)
            await until(lambda: ("agent", "We open at nine.") in told.captions() or len(told.captions()) > 1)
            assert caller.position < 10 * 16_000

    asyncio.run(scenario())


def test_who_is_refused_is_told_when_to_try_again() -> None:
    async def scenario() -> None:
        async with gateway(max_calls=1) as server, connect(server.url, ticket=server.ticket()):
            with pytest.raises(CallRefused, match="All lines are taken") as caught:
                async with connect(server.url, ticket=server.ticket()):
                    pass
            assert (caught.value.retryable, caught.value.retry_after_s) == (True, 10)
        with pytest.raises(TransportError, match="pcm16 goes at"):
            async with connect("ws://x/ws", ticket="x", rate=11_025):
                pass

    asyncio.run(scenario())


def test_a_gateway_that_is_gone_for_good_loses_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with gateway() as server, connect(server.url, ticket=server.ticket()) as caller:
            caller.welcome = msgspec.structs.replace(caller.welcome, resume_s=0.5)
            server.media.close()
            cut(server)
            with pytest.raises(CallLost, match="no other could be made"):
                await _to_the_end(caller)
            assert caller.ended

    asyncio.run(scenario())


async def _to_the_end(caller: Call) -> None:
    async with asyncio.timeout(20):
        async for _ in caller:
            pass


@pytest.mark.parametrize(
    ("what", "reason"), [("over", "no such call to come back to"), ("taken over", "has taken the call over")]
)
def test_a_call_that_cannot_go_on_is_lost_at_once(what: str, reason: str) -> None:
    async def scenario() -> None:
        async with gateway() as server, connect(server.url, ticket=server.ticket()) as caller:
            await _begun(server)
            if what == "over":
                server.calls._resumable.clear()
                cut(server)
                with pytest.raises(CallLost, match=reason):
                    await _to_the_end(caller)
                return
            socket, _ = await dial(caller._http, server.url, Hello(resume=caller.welcome.resume))
            with pytest.raises(CallLost, match=reason):
                await _to_the_end(caller)
            await socket.close()

    asyncio.run(scenario())


async def _begun(server: Gateway) -> None:
    (line,) = server.calls._resumable.values()
    await until(lambda: getattr(line, "_receiver", None))


def test_hanging_up_while_the_connection_is_lost() -> None:
    async def scenario() -> None:
        async with gateway() as server, connect(server.url, ticket=server.ticket()) as caller:
            await _begun(server)
            server.media.close()
            cut(server)
            await until(lambda: not caller._connected)
            async with asyncio.timeout(20):
                await caller.hang_up()
                await _to_the_end(caller)
            assert caller.ended == "The caller hung up."

    asyncio.run(scenario())


def test_the_example_asks_and_keeps_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("ask", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    soundfile.write(question, noise(600).samples, 16_000)

    async def scenario() -> None:
        async with gateway() as server:
            await example.ask(server.url, str(question), str(answer), ticket=server.ticket())

    asyncio.run(scenario())
    shown = capsys.readouterr().out
    assert "caller: When do you open?" in shown
    assert "agent: We open at nine." in shown
    assert "answered after" in shown
    assert soundfile.info(answer).frames > 10_000

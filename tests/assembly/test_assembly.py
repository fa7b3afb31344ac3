from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from hocket.agent.agent import Agent, Manners
from hocket.assembly import Assembly, assemble
from hocket.assembly.assembly import turn_config
from hocket.assembly.closing import CLOSE_S
from hocket.audio.frame import Frame, Samples
from hocket.errors import AgentError, ConfigError, TtsError
from hocket.sim.caller import SimCaller
from hocket.sim.delays import Delays
from hocket.sim.hearing import SimStt, SimVad
from hocket.sim.line import SimLine
from hocket.sim.loop import run
from hocket.sim.speaking import SimLlm, SimTts
from hocket.sim.timeline import Timeline
from hocket.trace.records import Opened
from hocket.turn.endpointing import PRESETS
from tests.session.making import FakeLine, FakeLlm, FakeTts, FakeVad


class NoStt:
    name = "none"

    async def open(self, rate: int, language: str = "en") -> NoStream:
        return NoStream()


class NoStream:
    dropped = 0

    def push(self, frame: Frame) -> None: ...

    def finalize(self) -> None: ...

    def __aiter__(self) -> NoStream:
        return self

    async def __anext__(self) -> object:
        await asyncio.sleep(10_000)
        raise StopAsyncIteration

    async def close(self) -> None: ...


class Closing(FakeVad):
    def __init__(self, closed: list[str], how: float | Exception = 0.0) -> None:
        super().__init__()
        self.closed, self.how = closed, how

    async def close(self) -> None:
        if isinstance(self.how, Exception):
            raise self.how
        await asyncio.sleep(self.how)
        self.closed.append("vad")


class ClosingTts(FakeTts):
    def __init__(self, closed_stages: list[str]) -> None:
        super().__init__()
        self.closed_stages = closed_stages

    def close(self) -> None:
        self.closed_stages.append("tts")


def agent_of(**options: object) -> Agent:
    defaults: dict[str, object] = {
        "vad": FakeVad(),
        "stt": NoStt(),
        "llm": FakeLlm(("Yes.",)),
        "tts": FakeTts(),
        "greeting": "Hello.",
    }
    return Agent("You are being tested.", **(defaults | options))  # type: ignore[arg-type]


def test_an_agent_becomes_sessions_that_share_its_stages() -> None:
    async def scenario() -> None:
        voice = FakeTts()
        async with assemble(agent_of(tts=voice)) as assembly:
            for call in range(2):
                line = FakeLine()
                session = await assembly.session(
                    line, call_id=f"call-{call}", caller="+44", recording=Path("a/call.wav")
                )
                asyncio.get_running_loop().call_later(2, session.left, "The caller hung up.")
                record = await session.run()
                assert record.transcript[0].text == "Hello."
                assert record.caller == "+44"
                opened = session.trace.entries[0].record
                assert isinstance(opened, Opened)
                assert opened.stages == {"vad": "fake", "stt": "none", "llm": "fake", "tts": "fake"}
                assert opened.recording == "call.wav"
                assert opened.time == "modelled"
            assert voice.said.count("Hello.") == 1, "fixed sentences are synthesised once for all calls"

    run(scenario())


def test_a_turn_detector_is_shared_asked_and_closed() -> None:
    class Ear:
        name = "ear"
        closed = 0

        async def score(self, samples: Samples, rate: int) -> float:
            return 1.0

        def close(self) -> None:
            self.closed += 1

    async def scenario() -> None:
        ear = Ear()
        async with assemble(agent_of(turn_detector=ear)) as assembly:
            assert assembly.config.hear_endings
            session = await assembly.session(FakeLine(), call_id="call")
            asyncio.get_running_loop().call_later(1, session.left, "The caller hung up.")
            await session.run()
            opened = session.trace.entries[0].record
            assert isinstance(opened, Opened)
            assert opened.stages["turn"] == "ear"
        assert ear.closed == 1

    run(scenario())


def test_a_simulated_call_is_virtual() -> None:
    async def scenario() -> None:
        rng, timeline = Random(1), Timeline()
        delays = Delays.reference(rng)
        agent = Agent(
            "You are being tested.",
            vad=SimVad(timeline, delays, rng),
            stt=SimStt(timeline, delays, rng),
            llm=SimLlm(delays),
            tts=SimTts(delays),
        )
        async with assemble(agent) as assembly:
            session = await assembly.session(SimLine(SimCaller(rng, 2), timeline), call_id="call")
            record = await session.run()
            assert len(record.latencies_ms) >= 2
            opened = session.trace.entries[0].record
            assert isinstance(opened, Opened)
            assert (opened.time, opened.wall_clock) == ("virtual", "")

    run(scenario())


@pytest.mark.parametrize("how", [0.0, 10_000.0, ValueError("cannot be closed")])
def test_every_stage_is_closed_whatever_becomes_of_the_others(how: float | Exception) -> None:
    closed: list[str] = []

    async def scenario() -> float:
        async with assemble(agent_of(vad=Closing(closed, how), tts=ClosingTts(closed))):
            pass
        return asyncio.get_running_loop().time()

    took = run(scenario())
    assert closed == (["tts", "vad"] if how == 0.0 else ["tts"])
    assert took == pytest.approx(CLOSE_S if how == 10_000.0 else 0)


def test_what_was_opened_is_closed_when_another_stage_cannot_be() -> None:
    closed: list[str] = []

    async def scenario() -> None:
        with pytest.raises(ConfigError, match="nobody"):
            async with assemble(agent_of(vad=Closing(closed), tts="nobody")):
                raise AssertionError("it is not open")

    run(scenario())
    assert closed == ["vad"]


def test_knowledge_is_read_and_found(tmp_path: Path) -> None:
    (tmp_path / "hours.md").write_text("# Opening hours\n\nThe office opens at nine.\n")

    async def scenario() -> None:
        async with assemble(agent_of(knowledge=tmp_path)) as assembly:
            assert assembly.config.retrieve
            assert assembly.retriever is not None
            passages = await assembly.retriever.search("When does the office open?")
            assert "opens at nine" in passages[0].text
        async with assemble(agent_of()) as assembly:
            assert not assembly.config.retrieve

    run(scenario())


def test_knowledge_that_is_not_there_is_said() -> None:
    async def scenario() -> None:
        with pytest.raises(AgentError):
            async with assemble(agent_of(knowledge="no/such/folder")):
                raise AssertionError("it is not open")

    run(scenario())


def test_a_voice_that_cannot_speak_the_fixed_sentences_is_said_before_the_call() -> None:
    async def scenario() -> None:
        async with assemble(agent_of(tts=FakeTts(before=TtsError("The voice is not there.")))) as assembly:
            assert isinstance(assembly, Assembly)
            with pytest.raises(TtsError, match="not there"):
                await assembly.session(FakeLine(), call_id="call")

    run(scenario())


def test_the_turn_policy_is_what_the_agent_declares() -> None:
    agent = agent_of(
        preset="safe",
        greeting="Good day.",
        manners=Manners(
            greeting_interruptible=False, filler="", reprompts=("Hm?",), no_input_s=3.5, goodbye="Bye.",
            max_duration_s=60,
        ),
    )  # fmt: skip

    @agent.tool(deadline_s=2.5)
    async def look() -> str:
        """Look something up."""
        return ""

    config = turn_config(agent, has_knowledge=True)
    assert config.endpointing == PRESETS["safe"]
    assert (config.greeting, config.greeting_interruptible) == ("Good day.", False)
    assert (config.fillers, config.reprompts, config.goodbye) == ((), ("Hm?",), "Bye.")
    assert (config.no_input_ms, config.max_duration_ms) == (3_500, 60_000)
    assert config.tool_deadlines_ms["look"] == 2_500
    assert config.retrieve
    assert not config.hear_endings

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import numpy as np
import pytest

from hocket.agent.agent import Agent
from hocket.assembly import doctor, trials
from hocket.assembly.doctor import KEYS, TRIALS, Checkup, configured, diagnose, predict
from hocket.errors import MissingError, StageError, SttError
from hocket.providers.anthropic import Anthropic
from hocket.providers.cartesia import Cartesia
from hocket.providers.deepgram import Deepgram
from hocket.providers.elevenlabs import ElevenLabs
from hocket.providers.openai_chat import OpenAiChat
from hocket.providers.openai_presets import VENDORS
from hocket.sim.loop import run
from hocket.sim.wire.anthropic import AnthropicServer
from hocket.sim.wire.cartesia import CartesiaServer
from hocket.sim.wire.deepgram import DeepgramServer
from hocket.sim.wire.elevenlabs import ElevenLabsServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Asked, Reply
from hocket.stages.llm import TextDelta
from hocket.stages.tts import Tts
from tests.assembly.test_trials import TimedLlm, TimedStt, TimedTts

YES = TextDelta("Yes.")
SOUND = np.full(800, 500, np.int16)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEYS.values():
        monkeypatch.delenv(variable, raising=False)


def timed(**changes: object) -> Agent:
    stages = {
        "stt": TimedStt(*[0.05] * 9),
        "llm": TimedLlm((0.1, YES)),
        "tts": TimedTts((0.08, SOUND)),
        **changes,
    }
    return Agent("You are a clinic.", **stages)  # type: ignore[arg-type]


def test_each_provider_is_asked_and_the_first_time_is_not_counted() -> None:
    stt = TimedStt(3.0, 0.05, 0.06, 0.07, 0.08, 0.09)
    diagnosis = run(diagnose(timed(stt=stt)))
    assert diagnosis.well
    assert [(c.stage, c.name, c.measured) for c in diagnosis.checkups] == [
        ("stt", "timed/stt", "finalize"),
        ("llm", "timed/llm", "first token"),
        ("tts", "timed/tts", "first byte"),
    ]
    assert diagnosis.checkups[0].samples_ms == pytest.approx((50, 60, 70, 80, 90))
    assert [len(checkup.samples_ms) for checkup in diagnosis.checkups] == [TRIALS] * 3
    assert diagnosis.checkups[0].percentile(50) == pytest.approx(70)
    assert all(checkup.reachable and checkup.model_exists for checkup in diagnosis.checkups)
    assert all(checkup.key_accepted is None for checkup in diagnosis.checkups), "none of them has a key"
    assert diagnosis.missing_variables == ()
    # What the voice said is what the recogniser heard.
    assert np.array_equal(np.concatenate([frame.samples for _, frame in stt.pushed])[:640], SOUND[:640])


def test_it_is_told_what_goes_on() -> None:
    told: list[str] = []
    run(diagnose(timed(), told.append))
    assert told[0] == "tts timed/tts"
    assert "llm timed/llm: 3 of 5" in told


def test_every_provider_of_a_list_is_asked_and_models_are_ranked() -> None:
    quick, slow = TimedLlm((0.1, YES)), TimedLlm((0.3, YES))
    slow.name = "timed/slow"
    agent = timed(llm=[slow, quick], complex_llm=slow)
    assert [kind for kind, _ in configured(agent)] == ["stt", "llm", "llm", "tts"]
    diagnosis = run(diagnose(agent))
    assert [model.name for model in diagnosis.models] == ["timed/llm", "timed/slow"]
    assert diagnosis.prediction is not None
    assert diagnosis.prediction.providers == ("timed/stt", "timed/slow", "timed/tts")
    assert [named for _, named in configured(timed(complex_llm="groq/x"))][2] == "groq/x"


def test_a_model_that_seems_to_think_is_warned_of() -> None:
    diagnosis = run(diagnose(timed(llm=TimedLlm((1.4, YES)))))
    (warned,) = [checkup for checkup in diagnosis.checkups if checkup.warning]
    assert "No token for 1.4 s: the model may think" in warned.warning
    assert not diagnosis.well
    assert diagnosis.prediction is not None
    assert run(diagnose(timed(tts=TimedTts((1.4, SOUND))))).well, "only models think"


def test_a_stage_that_raises_is_a_problem_and_the_others_are_asked() -> None:
    class Broken(TimedLlm):
        async def reply(self, request: object) -> AsyncGenerator[TextDelta, None]:
            if self.name:
                raise ValueError("no such thing")
            yield YES

    diagnosis = run(diagnose(timed(llm=[Broken(), TimedLlm((0.1, YES))])))
    broken, working = diagnosis.checkups[1:3]
    assert broken.problem == "It raised ValueError: no such thing."
    assert broken.reachable is False
    assert working.well
    assert not diagnosis.well
    assert diagnosis.prediction is not None, "the second stands in for the first"


def test_stages_are_closed_and_one_that_does_not_close_is_left() -> None:
    class Lingering(TimedTts):
        closing = 0

        async def close(self) -> None:
            self.closing += 1
            await asyncio.sleep(3600)

    tts = Lingering((0.08, SOUND))
    assert run(diagnose(timed(tts=tts))).well
    assert tts.closing == 1


def test_a_stage_that_does_not_warm_up_is_given_up() -> None:
    class Cold(TimedLlm):
        async def warm(self, rate: int) -> None:
            await asyncio.sleep(3600)

    diagnosis = run(diagnose(timed(llm=Cold((0.1, YES)))))
    assert "could not be reached within 5 s" in diagnosis.checkups[1].problem
    assert diagnosis.prediction is None


def test_what_embedded_stages_lack_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(named: object) -> Tts:
        raise MissingError("There is no offline voice.")

    monkeypatch.setattr("hocket.assembly.providers.tts", nothing)
    diagnosis = run(diagnose(timed(tts=None)))
    assert diagnosis.checkups[2].problem == "There is no offline voice."
    assert diagnosis.checkups[0].well, "without a voice a recogniser is given silence"


def test_without_a_voice_of_the_agent_another_speaks_to_the_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    stt, broken, spare = TimedStt(*[0.05] * 9), TimedTts(), TimedTts((0.1, SOUND))
    monkeypatch.setattr("hocket.assembly.providers.tts", lambda named: named or spare)
    run(diagnose(timed(stt=stt, tts=broken)))
    assert spare.said
    assert stt.pushed[0][1].samples.any()


def checkup(stage: doctor.StageKind, *samples_ms: float, problem: str = "") -> Checkup:
    return Checkup(stage=stage, name=f"{stage}/x", measured="", samples_ms=samples_ms, problem=problem)


def test_the_prediction_adds_up_and_does_not_come_before_the_commit() -> None:
    def of(stt: float, llm: float, tts: float, agent: Agent | None = None) -> float:
        found = predict(agent or timed(), (checkup("stt", stt), checkup("llm", llm), checkup("tts", tts)))
        assert found is not None
        return found.p50_ms

    assert of(42, 200, 100) == 105 + 200 + 100 + 10
    assert of(150, 200, 100) == 150 + 200 + 100 + 10
    assert of(42, 1, 1) == 103 + 110 + 60 + 10
    assert of(42, 1, 1, timed(preset="safe")) == 103 + 700 + 10
    assert predict(timed(), (checkup("stt", 1), checkup("llm", 1, problem="No."), checkup("tts", 1))) is None


def test_the_prediction_draws_from_all_samples_the_same_each_time() -> None:
    found = (checkup("stt", 40), checkup("llm", 200, 200, 200, 200, 600), checkup("tts", 100))
    first = predict(timed(), found)
    assert first == predict(timed(), found)
    assert first is not None
    assert (first.p50_ms, first.p90_ms, first.p99_ms) == (415, 815, 815)


def test_every_vendors_variable_is_the_one_its_adapter_asks_for() -> None:
    async def refused(vendor: str) -> str:
        try:
            match vendor:
                case "deepgram":
                    await Deepgram().open(16_000)
                case "elevenlabs":
                    await trials.first_byte(ElevenLabs("x"))
                case "cartesia":
                    await trials.first_byte(Cartesia("x"))
                case "anthropic":
                    Anthropic()
                case _:
                    OpenAiChat("x", vendor=VENDORS[vendor])
        except (StageError, MissingError) as error:
            return str(error)
        raise AssertionError(f"{vendor} needs no key")

    for vendor, variable in KEYS.items():
        assert variable in asyncio.run(refused(vendor))


def test_missing_keys_are_named_and_nobody_is_asked() -> None:
    agent = Agent("Clinic.", stt="deepgram/nova-3", llm=["groq/x", "groq/y", "anthropic/z"], tts="cartesia/sonic-3.5")
    diagnosis = run(diagnose(agent))
    assert diagnosis.missing_variables == (
        "DEEPGRAM_API_KEY",
        "GROQ_API_KEY",
        "ANTHROPIC_API_KEY",
        "CARTESIA_API_KEY",
    )
    assert all(checkup.key_accepted is False and checkup.reachable is None for checkup in diagnosis.checkups)
    assert not diagnosis.well


def test_an_unknown_provider_is_a_problem() -> None:
    assert "There is no llm provider" in run(diagnose(timed(llm="nobody/x"))).checkups[1].problem


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LONGEST_SPEECH_S", 0.04)


@pytest.mark.usefixtures("quick")
def test_on_the_wire_all_is_well() -> None:
    async def scenario() -> None:
        async with DeepgramServer(key="d") as ears, OpenAiServer(key="o") as model, CartesiaServer(key="c") as voice:
            agent = Agent(
                "Clinic.",
                stt=Deepgram(key="d", base_url=ears.url),
                llm=OpenAiChat("gpt", key="o", base_url=model.url + "/v1"),
                tts=Cartesia("v", key="c", base_url=voice.url),
            )
            diagnosis = await diagnose(agent)
        assert [checkup.problem for checkup in diagnosis.checkups] == [""] * 3
        assert all((c.reachable, c.key_accepted, c.model_exists) == (True, True, True) for c in diagnosis.checkups)
        assert diagnosis.prediction is not None
        assert 283 <= diagnosis.prediction.p50_ms < 400

    asyncio.run(scenario())


@pytest.mark.usefixtures("quick")
def test_on_the_wire_wrong_keys_and_unknown_models_are_told_apart() -> None:
    async def scenario() -> list[Checkup]:
        async with (
            DeepgramServer(key="right") as ears,
            OpenAiServer(key="right", models=["gpt"]) as model,
            AnthropicServer(key="right", models=["claude"]) as other,
            CartesiaServer(key="right", voices=["v"]) as voice,
            ElevenLabsServer(key="right") as another,
        ):
            url = model.url + "/v1"
            agent = Agent(
                "Clinic.",
                stt=[Deepgram(key="wrong", base_url=ears.url), Deepgram("whale-9", key="right", base_url=ears.url)],
                llm=[
                    OpenAiChat("gpt", key="wrong", base_url=url),
                    OpenAiChat("gpd", key="right", base_url=url),
                    Anthropic("claude", key="wrong", base_url=other.url),
                    Anthropic("clod", key="right", base_url=other.url),
                ],
                tts=[
                    Cartesia("v", key="wrong", base_url=voice.url),
                    Cartesia("w", key="right", base_url=voice.url),
                    ElevenLabs("v", key="wrong", base_url=another.url),
                ],
            )
            return list((await diagnose(agent)).checkups)

    found = asyncio.run(scenario())
    assert all(checkup.problem and checkup.reachable for checkup in found)
    wrong_key, wrong_model = (False, None), (True, False)
    assert [(checkup.key_accepted, checkup.model_exists) for checkup in found] == [
        wrong_key, wrong_model, wrong_key, wrong_model, wrong_key, wrong_model, wrong_key, wrong_model, wrong_key,
    ]  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_on_the_wire_servers_that_are_down_slow_or_fail_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (trials, doctor):
        monkeypatch.setattr(module, "ANSWER_S", 2.0)  # a machine that stands still for a moment still answers

    async def scenario() -> list[Checkup]:
        async with model, OpenAiServer() as slow, OpenAiServer() as down:
            model.replies = tire
            slow.faults.standing = Fault("late", seconds=60)
            await down.stop()
            llms = [OpenAiChat("gpt", key="k", base_url=server.url + "/v1") for server in (model, slow, down)]
            return list((await diagnose(timed(llm=llms))).checkups[1:4])

    answered: list[Asked] = []
    model = OpenAiServer()

    def tire(asked: Asked) -> Reply:
        answered.append(asked)
        if len(answered) == 4:
            model.faults.standing = Fault("status", status=529)
        return Reply("Yes.")

    half, late, gone = asyncio.run(scenario())
    assert "(HTTP 529)" in half.problem
    assert len(half.samples_ms) == 3
    assert (half.reachable, half.key_accepted) == (True, True)
    assert "within 2 s" in late.problem
    assert (late.reachable, late.key_accepted, late.model_exists) == (False, None, None)
    assert "could not be reached" in gone.problem
    assert gone.reachable is False


def test_findings_can_be_written_as_json() -> None:
    diagnosis = run(diagnose(timed()))
    assert msgspec.json.decode(msgspec.json.encode(diagnosis))["prediction"]["p50_ms"] > 0


def test_a_recogniser_that_is_lost_says_so() -> None:
    class Lost(TimedStt):
        async def __aiter__(self) -> AsyncIterator[object]:  # type: ignore[override]
            if self.name:
                raise SttError("The line to it is cut.")
            yield None

    assert run(diagnose(timed(stt=Lost(0.1)))).checkups[0].problem == "The line to it is cut."

from __future__ import annotations

import subprocess
import sys

import pytest

from hocket.assembly import providers
from hocket.errors import ConfigError, HocketError
from hocket.providers.responder import Responder
from hocket.providers.smart_turn import SmartTurn
from hocket.sim.delays import Delays
from hocket.sim.speaking import SimLlm


def test_a_name_or_nothing_gives_the_embedded_stage() -> None:
    assert isinstance(providers.llm(None), Responder)
    assert isinstance(providers.llm("responder"), Responder)


def test_nobody_listens_to_endings_unless_an_agent_says_so() -> None:
    assert providers.turn_detector(None) is None
    detector = providers.turn_detector("smart-turn")
    assert isinstance(detector, SmartTurn)


def test_a_stage_of_ones_own_is_used_as_it_is() -> None:
    from random import Random

    own = SimLlm(Delays.reference(Random(0)))
    assert providers.llm(own) is own


@pytest.mark.parametrize(
    ("stage", "make"),
    [
        ("vad", providers.vad),
        ("turn_detector", providers.turn_detector),
        ("stt", lambda name: providers.stt(name, ())),
        ("llm", providers.llm),
        ("tts", providers.tts),
    ],
)
def test_an_unknown_provider_is_said_with_those_there_are(stage: str, make: object) -> None:
    with pytest.raises(ConfigError, match=f'There is no {stage} provider "nobody": use one of '):
        make("nobody/model-1")  # type: ignore[operator]


def test_a_provider_is_imported_when_it_is_named_and_not_before() -> None:
    program = (
        "import sys, hocket.assembly; "
        "heavy = [m for m in sys.modules if m.startswith(('hocket.providers.', 'pocketsphinx', 'onnxruntime'))]; "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("named", "variable"),
    [
        ("openai/gpt-4.1", "OPENAI_API_KEY"),
        ("anthropic/claude-haiku-4-5", "ANTHROPIC_API_KEY"),
        ("groq", "GROQ_API_KEY"),
    ],
)
def test_a_hosted_model_without_its_key_says_which_is_missing(
    named: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(HocketError, match=variable if "/" in named else "groq"):
        providers.llm(named)


def test_a_hosted_recogniser_is_made_by_its_name() -> None:
    assert providers.stt("deepgram/nova-3", ()).name.startswith("deepgram")
    assert providers.stt("deepgram/flux-general-en", ()).name.startswith("deepgram")


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("elevenlabs", f"elevenlabs/eleven_flash_v2_5/{providers.ELEVENLABS_VOICE}"),
        ("elevenlabs/flash-2.5", f"elevenlabs/eleven_flash_v2_5/{providers.ELEVENLABS_VOICE}"),
        ("elevenlabs/eleven_v3/anna", "elevenlabs/eleven_v3/anna"),
        ("cartesia", f"cartesia/sonic-3.5/{providers.CARTESIA_VOICE}"),
        ("cartesia/sonic-3.6/bert", "cartesia/sonic-3.6/bert"),
    ],
)
def test_a_hosted_voice_is_made_by_its_name_and_has_a_voice_when_none_is_named(name: str, voice: str) -> None:
    assert providers.tts(name).name == voice

"""Provider names -> stages. A provider's module is imported when somebody names it, not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from hocket.errors import ConfigError
from hocket.stages.llm import Llm
from hocket.stages.stt import Stt
from hocket.stages.tts import Tts
from hocket.stages.turn_detector import TurnDetector
from hocket.stages.vad import Vad

S = TypeVar("S")

ELEVENLABS_VOICE: Final = "JBFqnCBsd6RMkjVDRZzb"
"""Of elevenlabs.io/docs/overview/intro: a voice that every account has. A name may end in another's id."""

CARTESIA_VOICE: Final = "a0e99841-438c-4a64-b679-ae501e7d6091"
"""Of Cartesia's public library. A name may end in another's id."""


DEFAULTS: Final = {"vad": "silero", "stt": "pocketsphinx", "llm": "responder", "tts": "offline"}
"""Stage -> the provider that needs no key."""


def vad(named: str | Vad | None) -> Vad:
    """The detector; embedded Silero when None."""
    return _resolve("vad", named, _VAD)


def turn_detector(named: str | TurnDetector | None) -> TurnDetector | None:
    """The detector that hears whether a turn is over, if one is named."""
    return None if named is None else _resolve("turn_detector", named, {"smart-turn": _smart_turn})


def stt(named: str | Stt | None, phrases: Sequence[str]) -> Stt:
    """The recogniser, biased to `phrases` where it can be; embedded pocketsphinx when None."""
    makers: dict[str, Callable[[str], Stt]] = {
        "pocketsphinx": lambda _: _pocketsphinx(phrases),
        "deepgram": lambda model: _deepgram(model or "nova-3"),
    }
    return _resolve("stt", named, makers)


def llm(named: str | Llm | None) -> Llm:
    """The model; the offline responder when None."""
    return _resolve("llm", named, _llm_makers())


def tts(named: str | Tts | None) -> Tts:
    """The voice; an offline one when None."""
    return _resolve("tts", named, _TTS)


def _resolve(stage: str, named: str | S | None, makers: dict[str, Callable[[str], S]]) -> S:
    if named is not None and not isinstance(named, str):
        return named
    vendor, _, model = (named or DEFAULTS[stage]).partition("/")
    if vendor not in makers:
        known = ", ".join(sorted(makers))
        raise ConfigError(f'There is no {stage} provider "{vendor}": use one of {known}, or give a stage of your own.')
    return makers[vendor](model)


def _silero(model: str) -> Vad:
    from hocket.providers.silero import Silero

    return Silero()


def _smart_turn(model: str) -> TurnDetector:
    from hocket.providers.smart_turn import SmartTurn

    return SmartTurn()


def _pocketsphinx(phrases: Sequence[str]) -> Stt:
    from hocket.providers.pocketsphinx import Pocketsphinx

    return Pocketsphinx(phrases)


def _deepgram(model: str) -> Stt:
    from hocket.providers.deepgram import Deepgram, DeepgramFlux

    return DeepgramFlux(model) if model.startswith("flux") else Deepgram(model)


def _llm_makers() -> dict[str, Callable[[str], Llm]]:
    from hocket.providers.openai_presets import VENDORS

    makers: dict[str, Callable[[str], Llm]] = {"responder": _responder, "anthropic": _anthropic}
    for vendor in VENDORS:
        makers[vendor] = partial(_openai_chat, vendor)
    return makers


def _openai_chat(vendor: str, model: str) -> Llm:
    from hocket.providers.openai_presets import openai_chat

    return openai_chat(f"{vendor}/{model}")


def _anthropic(model: str) -> Llm:
    from hocket.providers.anthropic import Anthropic

    return Anthropic(model) if model else Anthropic()


def _responder(model: str) -> Llm:
    from hocket.providers.responder import Responder

    return Responder()


def _flite(model: str) -> Tts:
    from hocket.providers.flite import Flite

    return Flite(model or "rms")


def _espeak(model: str) -> Tts:
    from hocket.providers.espeak import Espeak

    return Espeak(model or "en-us")


def _elevenlabs(model: str) -> Tts:
    from hocket.providers.elevenlabs import ElevenLabs

    name, _, voice = model.partition("/")
    return ElevenLabs(voice or ELEVENLABS_VOICE, _ELEVENLABS_MODELS.get(name, name) or "eleven_flash_v2_5")


def _cartesia(model: str) -> Tts:
    from hocket.providers.cartesia import Cartesia

    name, _, voice = model.partition("/")
    return Cartesia(voice or CARTESIA_VOICE, name or "sonic-3.5")


def _offline(model: str) -> Tts:
    from hocket.providers.voices import offline_voice

    return offline_voice()


_VAD: Final[dict[str, Callable[[str], Vad]]] = {"silero": _silero}
_TTS: Final[dict[str, Callable[[str], Tts]]] = {
    "flite": _flite,
    "espeak": _espeak,
    "offline": _offline,
    "elevenlabs": _elevenlabs,
    "cartesia": _cartesia,
}
_ELEVENLABS_MODELS: Final = {
    "flash-2.5": "eleven_flash_v2_5",
    "multilingual-2": "eleven_multilingual_v2",
    "v3": "eleven_v3",
}
"""Short names; any other is taken as it is."""

"""Are an agent's providers there, and how quick are they? Each is asked a few times, as a call would ask it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from hocket.agent.agent import Agent, choices
from hocket.assembly import providers
from hocket.assembly.closing import close_stage
from hocket.assembly.providers import DEFAULTS
from hocket.assembly.trials import ANSWER_S, RATE, finalize_times, first_byte, first_token, request_of
from hocket.audio.frame import Samples, silence
from hocket.errors import HocketError, StageError
from hocket.providers.openai_presets import VENDORS
from hocket.sim.delays import VAD_OFFSET
from hocket.stages.llm import Llm
from hocket.stages.stt import Stt
from hocket.stages.tts import Tts
from hocket.stages.warm import Warmable
from hocket.turn.endpointing import PRESETS

log = logging.getLogger(__name__)

StageKind: TypeAlias = Literal["stt", "llm", "tts"]

TRIALS: Final = 5
"""After one that is not counted, which may open connections."""

SLOW_TOKEN_MS: Final = 1_000
"""Models that do not think answer sooner."""

WORDS_MS: Final = 105
"""From the end of the last word until a streaming recogniser has shown it (docs of `hocket.sim.delays`); a recogniser
whose final takes longer is waited for."""

OWN_MS: Final = 10
"""Hocket's own work, and the frame that the sound waits for."""

DRAWS: Final = 10_000

KEYS: Final[dict[str, str]] = {
    "deepgram": "DEEPGRAM_API_KEY",
    "elevenlabs": "ELEVENLABS_API_KEY",
    "cartesia": "CARTESIA_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    **{name: vendor.variable for name, vendor in VENDORS.items() if vendor.variable},
}
"""Vendor -> the environment variable of its key."""

MEASURED: Final[dict[StageKind, str]] = {"stt": "finalize", "llm": "first token", "tts": "first byte"}

_CLOSE_S: Final = 1.0


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one provider."""

    stage: StageKind
    name: str
    measured: str
    """What the samples are: finalize, first token or first byte."""
    samples_ms: tuple[float, ...] = ()
    reachable: bool | None = None
    """None here and below: not known, or it does not apply."""
    key_accepted: bool | None = None
    model_exists: bool | None = None
    missing_variable: str = ""
    """The environment variable that should hold its key, and is not set."""
    problem: str = ""
    """Why it cannot be used, as one sentence."""
    warning: str = ""

    @property
    def well(self) -> bool:
        return not self.problem and not self.warning

    def percentile(self, percent: float) -> float | None:
        """Milliseconds; None without samples."""
        return float(np.percentile(self.samples_ms, percent)) if self.samples_ms else None


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The response latency that callers would get, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    commit_ms: float
    """No reply sounds sooner: the turn has to be over."""
    providers: tuple[str, ...]
    """Of stt, llm and tts: the first of each that can be used."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All providers of an agent."""

    agent: str
    checkups: tuple[Checkup, ...]
    prediction: Prediction | None
    """None where a stage has no provider that can be used."""

    @property
    def well(self) -> bool:
        return all(checkup.well for checkup in self.checkups)

    @property
    def missing_variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(checkup.missing_variable for checkup in self.checkups if checkup.missing_variable))

    @property
    def models(self) -> tuple[Checkup, ...]:
        """Those that answered, the quickest first."""
        return tuple(
            sorted(
                (checkup for checkup in self.checkups if checkup.stage == "llm" and checkup.samples_ms),
                key=lambda checkup: checkup.percentile(50) or 0.0,
            )
        )


def configured(agent: Agent) -> list[tuple[StageKind, Any]]:
    """Every provider an agent names, in the order they are preferred: (stage, name or stage or None)."""
    named = agent.stages
    found: list[tuple[StageKind, Any]] = [("stt", choice) for choice in choices(named.stt)]
    found += [("llm", choice) for choice in choices(named.llm)]
    if named.complex_llm is not None and ("llm", named.complex_llm) not in found:
        found.append(("llm", named.complex_llm))
    return found + [("tts", choice) for choice in choices(named.tts)]


async def diagnose(agent: Agent, tell: Callable[[str], None] = lambda _: None) -> Diagnosis:
    """Ask every provider, one after the other. `tell` is told what is being done.

    A provider that does not answer costs `ANSWER_S`. Never raises for what a provider does.
    """
    examiner = _Examiner(agent, tell)
    wanted = configured(agent)
    # Voices first: what they say is what the recognisers are given to hear.
    order = sorted(range(len(wanted)), key=lambda index: ("tts", "llm", "stt").index(wanted[index][0]))
    found: dict[int, Checkup] = {}
    for index in order:
        found[index] = await examiner.check(*wanted[index])
    checkups = tuple(found[index] for index in range(len(wanted)))
    return Diagnosis(agent=agent.name, checkups=checkups, prediction=predict(agent, checkups))


def predict(agent: Agent, checkups: tuple[Checkup, ...]) -> Prediction | None:
    """Draw from the samples of each stage's first usable provider: words known, plus first token, plus first byte, plus
    hocket's own; but not before the turn of complete words is committed."""
    used = [
        next((c for c in checkups if c.stage == stage and c.samples_ms and not c.problem), None) for stage in MEASURED
    ]
    if any(checkup is None for checkup in used):
        return None
    rng = np.random.default_rng(0)
    finalize, token, byte = (rng.choice(checkup.samples_ms, DRAWS) for checkup in used if checkup is not None)
    preset = PRESETS[agent.preset]
    commit_ms = VAD_OFFSET.p50 + preset.silence_ms + preset.confirm_ms
    latency = np.maximum(np.maximum(WORDS_MS, finalize) + token + byte, commit_ms) + OWN_MS
    p50, p90, p95, p99 = np.percentile(latency, (50, 90, 95, 99)).tolist()
    return Prediction(
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        commit_ms=commit_ms,
        providers=tuple(checkup.name for checkup in used if checkup is not None),
    )


class _Examiner:
    """Asks the providers of one agent."""

    def __init__(self, agent: Agent, tell: Callable[[str], None]) -> None:
        self._agent = agent
        self._tell = tell
        self._speech: Samples = silence(RATE)

    async def check(self, kind: StageKind, named: Any) -> Checkup:
        name = named if isinstance(named, str) else getattr(named, "name", DEFAULTS[kind])
        self._tell(f"{kind} {name}")
        blank = Checkup(stage=kind, name=name, measured=MEASURED[kind])
        variable = KEYS.get(name.partition("/")[0], "") if isinstance(named, str) else ""
        if variable and not os.environ.get(variable):
            problem = f"The environment variable {variable} is not set: put the key there."
            return msgspec.structs.replace(blank, key_accepted=False, missing_variable=variable, problem=problem)
        try:
            stage = self._made(kind, named)
        except HocketError as error:
            return msgspec.structs.replace(blank, problem=str(error))
        samples: list[float] = []
        problem = ""
        try:
            await self._measure(kind, stage, samples)
        except HocketError as error:
            problem = str(error)
        except Exception as error:  # a stage of the user's own may raise anything
            problem = f"It raised {type(error).__name__}: {error}."
        finally:
            await _close(stage)
        return _found(msgspec.structs.replace(blank, name=stage.name), samples, problem)

    def _made(self, kind: StageKind, named: Any) -> Stt | Llm | Tts:
        if kind == "stt":
            return providers.stt(named, self._agent.phrases)
        return providers.llm(named) if kind == "llm" else providers.tts(named)

    async def _measure(self, kind: StageKind, stage: Any, samples: list[float]) -> None:
        if isinstance(stage, Warmable):
            try:
                async with asyncio.timeout(ANSWER_S):
                    await stage.warm(RATE)
            except TimeoutError:
                raise StageError(f"It could not be reached within {ANSWER_S:g} s: check the network.") from None
        async with aclosing(self._trials(kind, stage)) as trials:
            counted = -1  # the first is not
            async for took_ms in trials:
                if counted >= 0:
                    samples.append(round(took_ms, 2))
                counted += 1
                self._tell(f"{kind} {stage.name}: {counted} of {TRIALS}")
                if counted == TRIALS:
                    return

    async def _trials(self, kind: StageKind, stage: Any) -> AsyncGenerator[float, None]:
        if kind == "stt":
            await self._find_words()
            async with aclosing(finalize_times(stage, self._speech, self._agent.language)) as times:
                async for took_ms in times:
                    yield took_ms
        request = request_of(self._agent)
        while True:
            if kind == "llm":
                yield await first_token(stage, request)
            else:
                took_ms, self._speech = await first_byte(stage)
                yield took_ms

    async def _find_words(self) -> None:
        """Something to say to a recogniser, where no voice of the agent has: silence would be recognised too soon."""
        if self._speech.any():
            return
        try:
            voice = providers.tts(None)
        except HocketError:
            return
        try:
            _, self._speech = await first_byte(voice)
        except StageError:
            return
        finally:
            await _close(voice)


def _found(blank: Checkup, samples: list[float], problem: str) -> Checkup:
    """The adapters' sentences name the HTTP status of a refusal: it says how far the request came."""
    said = re.search(r"\(HTTP (\d{3})\)", problem)
    status = int(said[1]) if said else 0
    answered = bool(samples) or not problem
    has_key = blank.name.partition("/")[0] in KEYS
    unknown_model = status == 404 or (status == 400 and blank.stage != "llm")
    checkup = msgspec.structs.replace(
        blank,
        samples_ms=tuple(samples),
        reachable=answered or bool(status),
        key_accepted=_yes(answered or status in (400, 402, 404, 422), status in (401, 403)) if has_key else None,
        model_exists=_yes(answered, unknown_model),
        problem=problem,
    )
    median = checkup.percentile(50)
    if checkup.stage == "llm" and median is not None and median > SLOW_TOKEN_MS:
        warning = (
            f"No token for {median / 1000:.1f} s: the model may think before it speaks. Switch its reasoning off, or"
            " take one that does not reason."
        )
        return msgspec.structs.replace(checkup, warning=warning)
    return checkup


def _yes(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None


async def _close(stage: object) -> None:
    """Nothing is wrong with a provider because it is slow to say goodbye."""
    try:
        await close_stage(stage, _CLOSE_S)
    except Exception as error:
        log.debug("%s could not be closed", type(stage).__name__, exc_info=error)

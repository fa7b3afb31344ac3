"""smart-turn on recorded people, and its one worker."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from hocket.audio.resample import resample
from hocket.errors import InputError, MissingError, StageError
from hocket.providers.models import model_path
from hocket.providers.smart_turn import LONGEST_S, MAX_WAITING, SmartTurn
from hocket.sim.loop import run
from tests.speech import RATE, clip
from tests.stages.contract import check_turn_detector

WHOLE = "read_sentence/librispeech_testing_routine.wav"


async def scored(file: str, part: float = 1.0, rate: int = RATE) -> float:
    samples = clip(file)
    samples = resample(samples[: round(len(samples) * part)], RATE, rate)
    detector = SmartTurn()
    try:
        return await detector.score(samples, rate)
    finally:
        await detector.close()


def test_it_is_a_turn_detector() -> None:
    assert check_turn_detector(SmartTurn, clip(WHOLE), RATE, run) > 0.5


@pytest.mark.parametrize("rate", [8_000, RATE, 48_000])
@pytest.mark.parametrize(
    ("file", "part", "complete"),
    [
        (WHOLE, 1.0, True),
        (WHOLE, 0.3, False),
        ("read_sentence/arctic_a0024.wav", 0.5, False),
        ("hesitation/mfa_erpause.wav", 0.7, False),
        ("short_reply/speechcommands_yes.wav", 1.0, True),
    ],
)
def test_it_hears_whether_people_have_finished(file: str, part: float, complete: bool, rate: int) -> None:
    assert (run(scored(file, part, rate)) > 0.5) is complete


def test_only_the_last_seconds_are_heard() -> None:
    async def body() -> None:
        detector = SmartTurn()
        speech = np.concatenate([clip(WHOLE)] * 4)[-LONGEST_S * RATE :]
        before = np.full(3 * RATE, 9_000, np.int16)
        assert await detector.score(np.concatenate((before, speech)), RATE) == await detector.score(speech, RATE)
        await detector.close()

    run(body())


def test_when_too_many_wait_the_next_is_told_at_once_and_later_ones_are_scored_again() -> None:
    async def body() -> None:
        detector = SmartTurn()
        speech = clip(WHOLE)
        waiting = [asyncio.ensure_future(detector.score(speech, RATE)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(StageError, match="busy"):
            await detector.score(speech, RATE)
        waiting[-1].cancel()
        assert len(set(await asyncio.gather(*waiting[:-1]))) == 1
        assert 0 <= await detector.score(speech, RATE) <= 1
        await detector.close()

    asyncio.run(body())


def test_another_network_is_refused() -> None:
    with pytest.raises(InputError, match="not a smart-turn model"):
        SmartTurn(model_path("silero"))
    with pytest.raises(InputError, match="can load"):
        SmartTurn(model_path("silero").with_suffix(".none"))


def test_without_onnxruntime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingError, match=r"pip install hocket\[embedded\]"):
        SmartTurn()

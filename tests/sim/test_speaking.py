from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random
from typing import Literal

import numpy as np
import pytest

from hocket.sim.delays import Delays
from hocket.sim.loop import run
from hocket.sim.speaking import CHARACTER_MS, SimLlm, SimTts, reply_text
from hocket.stages.llm import LlmRequest, Message, TextDelta
from tests.stages.contract import check_llm, check_tts

REQUEST = LlmRequest("Be brief.", (Message("user", "When do you open?"),))


def delays(seed: int = 0) -> Delays:
    return Delays.reference(Random(seed))


def test_the_model_keeps_the_contract() -> None:
    check_llm(lambda: SimLlm(delays()), REQUEST, run, broken=lambda: SimLlm(delays(), fails=True))


@pytest.mark.parametrize("takes", ["tokens", "segments"])
def test_the_voice_keeps_the_contract(takes: Literal["tokens", "segments"]) -> None:
    check_tts(lambda: SimTts(delays(), takes), run, broken=lambda: SimTts(delays(), takes, fails=True))


def test_replies_have_the_shape_of_replies() -> None:
    for seed in range(300):
        words = reply_text(Random(seed)).split()
        assert 15 <= len(words) <= 40
        opener = next(index for index, word in enumerate(words) if word[-1] in ",.") + 1
        assert 3 <= opener <= 8
    assert len({reply_text(Random(seed)) for seed in range(300)}) > 200


def test_tokens_come_at_the_pace_of_a_provider() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        return [loop.time() async for delta in SimLlm(delays()).reply(REQUEST) if isinstance(delta, TextDelta)]

    times = run(scenario())
    assert 0.09 <= times[0] <= 0.16
    assert np.diff(times) == pytest.approx(0.012)


def test_the_same_words_are_answered_alike() -> None:
    async def scenario(asked: str, seed: int) -> str:
        request = LlmRequest("", (Message("user", asked),))
        return "".join([d.text async for d in SimLlm(delays(), seed).reply(request) if isinstance(d, TextDelta)])

    assert run(scenario("a", 1)) == run(scenario("a", 1))
    assert len({run(scenario(asked, seed)) for asked in "abc" for seed in (1, 2)}) == 6


async def slowly(pieces: list[str], gap_s: float) -> AsyncGenerator[str, None]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(gap_s)


def first_sound_s(takes: Literal["tokens", "segments"], pieces: list[str], gap_s: float) -> float:
    async def scenario() -> float:
        times = [
            asyncio.get_running_loop().time() async for _ in SimTts(delays(), takes).speak(slowly(pieces, gap_s), 8000)
        ]
        return times[0]

    return run(scenario())


def test_a_voice_begins_with_the_first_text_it_is_fed() -> None:
    assert 0.08 <= first_sound_s("tokens", ["We", " are", " open", "."], 0.012) <= 0.16
    assert 0.08 <= first_sound_s("segments", ["We are open.", " Come in."], 5) <= 0.16


def test_speech_is_made_faster_than_it_sounds_and_loud_throughout() -> None:
    text = reply_text(Random(1))

    async def scenario() -> tuple[float, int, int]:
        chunks = [chunk async for chunk in SimTts(delays(), "segments").speak(slowly([text], 0), 8000)]
        quietest = min(int(np.abs(chunk.samples).min()) for chunk in chunks)
        return asyncio.get_running_loop().time(), sum(len(chunk.samples) for chunk in chunks), quietest

    took_s, samples, quietest = run(scenario())
    assert samples == len(text) * CHARACTER_MS * 8
    assert took_s < samples / 8000 / 5
    assert quietest > 1000


def test_a_busy_voice_does_not_hold_up_its_text() -> None:
    async def scenario() -> float:
        read_at = 0.0

        async def text() -> AsyncGenerator[str, None]:
            nonlocal read_at
            for _ in range(20):
                yield "A sentence that takes some time to say, really. "
            read_at = asyncio.get_running_loop().time()

        async for _ in SimTts(delays(), "segments").speak(text(), 8000):
            pass
        return read_at

    assert run(scenario()) < 0.01

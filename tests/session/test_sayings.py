from __future__ import annotations

import asyncio

import numpy as np
import pytest

from hocket.errors import TtsError
from hocket.session.sayings import SYNTHESIS_S, Sayings
from hocket.sim.loop import run
from tests.session.making import RATE, FakeTts, ramp


def test_a_sentence_is_synthesised_once() -> None:
    async def scenario() -> None:
        tts = FakeTts()
        sayings = Sayings(tts, RATE)
        assert sayings.get("Hello.") == ()
        await sayings.prepare(("Hello.", "", "Goodbye.", "Hello."))
        await sayings.prepare(("Hello.",))
        assert tts.said == ["Hello.", "Goodbye."]
        (chunk,) = sayings.get("Hello.")
        assert chunk.text == "Hello."
        assert np.array_equal(chunk.samples, ramp(100))

    run(scenario())


def test_a_voice_that_does_not_answer_is_given_up() -> None:
    async def scenario() -> None:
        tts = FakeTts(after=10_000.0)
        with pytest.raises(TtsError, match="within 20 s"):
            await Sayings(tts, RATE).prepare(("Hello.",))
        assert asyncio.get_running_loop().time() == pytest.approx(SYNTHESIS_S)
        assert tts.closed == 1

    run(scenario())


def test_half_a_sentence_is_not_kept() -> None:
    async def scenario() -> None:
        tts = FakeTts(after=TtsError("The voice broke."))
        sayings = Sayings(tts, RATE)
        with pytest.raises(TtsError, match="broke"):
            await sayings.prepare(("Hello.",))
        assert sayings.get("Hello.") == ()
        tts.after = 0.0
        await sayings.prepare(("Hello.",))
        assert sayings.get("Hello.")

    run(scenario())


def test_cancelled_it_closes_the_voice() -> None:
    async def scenario() -> None:
        tts = FakeTts(after=5.0)
        task = asyncio.create_task(Sayings(tts, RATE).prepare(("Hello.",)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert tts.closed == 1

    run(scenario())

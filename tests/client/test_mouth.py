from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.client.mouth import PATIENCE_S, Mouth
from hocket.sim.loop import run
from hocket.transports.client_messages import AudioFormat
from hocket.transports.incoming import Codec

RATE = 16_000


def said(scenario: Callable[[Mouth], Coroutine[Any, Any, None]]) -> list[tuple[float, Samples]]:
    """What goes out while a scenario lasts, and when."""

    async def speaking() -> list[tuple[float, Samples]]:
        loop, codec = asyncio.get_running_loop(), Codec(AudioFormat())
        out: list[tuple[float, Samples]] = []
        mouth = Mouth(codec, lambda data: out.append((loop.time(), codec.decode(data))))
        task = asyncio.create_task(mouth.run())
        await scenario(mouth)
        task.cancel()
        return out

    return run(speaking())


def whole(out: list[tuple[float, Samples]]) -> Samples:
    return np.concatenate([samples for _, samples in out])


def test_silence_goes_out_at_the_pace_of_speech() -> None:
    async def scenario(_: Mouth) -> None:
        await asyncio.sleep(10.01)

    out = said(scenario)
    assert len(out) == 500
    assert not whole(out).any()
    assert [round(at, 3) for at, _ in out[:3]] == [0.02, 0.04, 0.06]


def test_what_is_said_goes_out_in_order_at_its_pace() -> None:
    async def scenario(mouth: Mouth) -> None:
        await asyncio.sleep(1)
        first = asyncio.create_task(mouth.say(np.full(RATE, 1, np.int16)))
        await asyncio.sleep(0.1)
        await mouth.say(np.full(RATE // 2 + 7, 2, np.int16))
        assert first.done()
        assert asyncio.get_running_loop().time() == pytest.approx(2.52, abs=0.03)
        await mouth.say(np.zeros(0, np.int16))
        await asyncio.sleep(1.001)

    out = said(scenario)
    assert all(len(samples) == 320 for _, samples in out)
    audio = whole(out)
    assert len(audio) == pytest.approx(3.52 * RATE, abs=0.03 * RATE)
    assert audio[audio != 0].tolist() == [1] * RATE + [2] * (RATE // 2 + 7)


def test_a_microphone_is_passed_on_and_silence_follows_when_it_is_off() -> None:
    async def scenario(mouth: Mouth) -> None:
        for _ in range(20):
            await asyncio.sleep(0.2)
            mouth.send(np.ones(RATE // 5, np.int16))
        await asyncio.sleep(2)

    out = said(scenario)
    audio = whole(out)
    spoken = np.flatnonzero(audio)
    assert len(spoken) == 4 * RATE
    silent_before_first = int(spoken[0])
    assert spoken[-1] - spoken[0] == 4 * RATE - 1, "no silence between"
    assert silent_before_first < 0.3 * RATE
    at_first_silence = next(at for at, samples in out if at > 4.0 and not samples.any())
    # The first 200 ms came on top of silence that had gone out already.
    assert 4 + PATIENCE_S <= at_first_silence < 4.2 + PATIENCE_S + 0.03
    assert len(audio) == pytest.approx(6 * RATE, abs=0.3 * RATE), "in step with the clock all the same"


def test_more_than_a_message_may_have_is_divided() -> None:
    async def scenario(mouth: Mouth) -> None:
        mouth.send(np.ones(RATE, np.int16))

    assert [len(samples) for _, samples in said(scenario)] == [3_200] * 5


def test_nobody_waits_for_what_will_not_be_said() -> None:
    async def scenario(mouth: Mouth) -> None:
        speaking = asyncio.create_task(mouth.say(np.ones(10 * RATE, np.int16)))
        await asyncio.sleep(1)
        mouth.stop()
        await speaking
        assert asyncio.get_running_loop().time() == 1

    said(scenario)


def test_a_loop_that_stood_still_is_not_made_up_for_in_full() -> None:
    async def scenario(mouth: Mouth) -> None:
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        loop._now += 60_000_000_000  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)

    assert len(said(scenario)) < 40

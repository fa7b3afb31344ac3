from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import Frame, silence
from hocket.audio.levels import rms_dbfs
from hocket.errors import AudioError
from hocket.sim.loop import run
from hocket.transports.line_audio import DISK_TIMEOUT_S, LOUDEST_TONE_DBFS, QUIETEST_TONE_DBFS, LineAudio

RATE = 8_000
WORKER = ThreadPoolExecutor(1)
"""Runs nothing here: the virtual loop runs jobs in place."""


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 3 * RATE), st.lists(st.integers(1, 9_000), min_size=1, max_size=9))
def test_reads_of_any_size_give_all_samples_in_order_and_then_none(total: int, sizes: list[int]) -> None:
    samples = np.random.default_rng(0).integers(-9_000, 9_000, total).astype(np.int16)

    async def scenario() -> None:
        line = LineAudio(Frame(samples, RATE, 0), RATE, WORKER, seed=0)
        parts = [silence(0)]
        for turn in range(total + 1):
            size = sizes[turn % len(sizes)]
            parts.append(await line.read(size))
            if len(parts[-1]) < size:
                break
        assert len(await line.read(10)) == 0
        await line.close()
        assert np.array_equal(np.concatenate(parts), samples)

    run(scenario())


def test_reading_is_done_ahead_by_the_worker_and_takes_no_virtual_time(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(5 * RATE, np.int16), RATE)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        line = LineAudio(tmp_path / "a.wav", RATE, WORKER, seed=0)
        line.prefetch()
        for _ in range(250):
            assert len(await line.read(160)) == 160
        assert loop.time() == 0
        await line.close()

    run(scenario())


@pytest.mark.parametrize(("noise_dbfs", "tone_dbfs"), [(-90, QUIETEST_TONE_DBFS), (-55, -55), (-20, LOUDEST_TONE_DBFS)])
def test_the_room_tone_is_as_loud_as_the_quietest_moment_within_bounds(noise_dbfs: float, tone_dbfs: float) -> None:
    noise = np.random.default_rng(0).normal(0, 32768 * 10 ** (noise_dbfs / 20), 2 * RATE)
    noise[:RATE] *= 5

    async def scenario() -> float:
        line = LineAudio(Frame(np.rint(noise).astype(np.int16), RATE, 0), RATE, WORKER, seed=1)
        tone = await line.room_tone()
        assert len(tone) == RATE
        await line.close()
        return rms_dbfs(tone)

    assert run(scenario()) == pytest.approx(tone_dbfs, abs=1)


def test_a_line_without_a_sample_is_over_at_once() -> None:
    async def scenario() -> None:
        line = LineAudio(Frame(silence(0), 44_100, 0), RATE, WORKER, seed=0)
        assert rms_dbfs(await line.room_tone()) == pytest.approx(QUIETEST_TONE_DBFS, abs=1)
        assert len(await line.read(160)) == 0
        await line.close()

    run(scenario())


def test_a_failed_read_ahead_is_raised_to_its_reader_and_else_forgotten(tmp_path: Path) -> None:
    async def scenario(read: bool) -> None:
        line = LineAudio(tmp_path / "missing.wav", RATE, WORKER, seed=0)
        line.prefetch()
        if read:
            with pytest.raises(AudioError, match="does not exist"):
                await line.read(160)
        await line.close()

    run(scenario(read=True))
    run(scenario(read=False))


def test_a_disk_that_does_not_answer_is_given_up() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        line = LineAudio(Frame(silence(RATE), RATE, 0), RATE, WORKER, seed=0)
        loop.run_in_executor = lambda *_: loop.create_future()  # type: ignore[method-assign]
        with pytest.raises(AudioError, match="has not answered"):
            await line.read(160)
        with pytest.raises(AudioError, match="has not answered"):
            await line.room_tone()
        assert loop.time() == 2 * DISK_TIMEOUT_S

    run(scenario())

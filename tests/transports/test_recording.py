from __future__ import annotations

import asyncio
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio.frame import silence
from hocket.errors import AudioError
from hocket.sim.loop import run
from hocket.transports.recording import BLOCK_FRAMES, PATIENCE_S, Recording

WORKER = ThreadPoolExecutor(1)
"""Runs nothing here: the virtual loop runs jobs in place."""


def test_caller_left_agent_right_and_nothing_missing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "call.wav"
    left = np.random.default_rng(0).integers(-9_000, 9_000, 320 * 123).astype(np.int16)

    async def scenario() -> None:
        recording = Recording(path, 16_000, WORKER)
        await recording.open()
        for at in range(0, len(left), 320):
            await recording.add(left[at : at + 320], -left[at : at + 320])
        await recording.close()
        assert recording.failure == ""

    run(scenario())
    written, rate = soundfile.read(path, dtype="int16")
    assert rate == 16_000
    assert soundfile.info(path).subtype == "PCM_16"
    assert np.array_equal(written[:, 0], left)
    assert np.array_equal(written[:, 1], -left)


def test_a_block_is_on_disk_before_the_call_is_over(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def scenario() -> None:
        recording = Recording(path, 8_000, WORKER)
        await recording.open()
        for _ in range(BLOCK_FRAMES):
            await recording.add(silence(160), silence(160))
        assert path.stat().st_size >= BLOCK_FRAMES * 160 * 4
        await recording.close()

    run(scenario())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    async def scenario(path: Path) -> None:
        recording = Recording(path, 16_000, WORKER)
        with pytest.raises(AudioError, match="cannot be written"):
            await recording.open()
        await recording.close()

    run(scenario(tmp_path))
    run(scenario(tmp_path / "file" / "call.wav"))


def test_a_full_disk_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def scenario() -> str:
        recording = Recording(path, 16_000, WORKER)
        await recording.open()
        for _ in range(5 * BLOCK_FRAMES):
            await recording.add(silence(320), silence(320))
        await recording.close()
        return recording.failure

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        assert run(scenario()) == "the disk is full or refuses to be written"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert soundfile.info(path).frames >= BLOCK_FRAMES * 320


def test_a_disk_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        recording, late = Recording(tmp_path / "a.wav", 16_000, WORKER), Recording(tmp_path / "b.wav", 16_000, WORKER)
        await recording.open()
        loop.run_in_executor = lambda *_: loop.create_future()  # type: ignore[method-assign]
        for _ in range(2 * BLOCK_FRAMES):
            await recording.add(silence(320), silence(320))
        assert recording.failure == "the disk does not answer"
        with pytest.raises(AudioError, match="the disk does not answer"):
            await late.open()
        await recording.close()
        assert loop.time() == 3 * PATIENCE_S

    run(scenario())

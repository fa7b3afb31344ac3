"""The contract of `hocket.stages.vad`."""

from __future__ import annotations

import asyncio
import threading

import numpy as np

from hocket.audio.frame import FRAME_MS, Samples, silence
from hocket.stages.vad import Vad, VadWindow
from tests.stages.leftovers import leaves_nothing
from tests.stages.making import Make, Run, frames_of, opened


def check_vad(make: Make[Vad], speech: Samples, rate: int, run: Run) -> list[VadWindow]:
    """`speech` holds at least half a second of a voice. Returns its windows."""

    async def scenario() -> list[VadWindow]:
        async with opened(make) as vad:
            assert vad.name
            padded = np.concatenate([speech, silence(rate)])
            windows = await _vad_windows(vad, padded, rate)
            _assert_windows_follow(windows, len(padded))
            assert max(window.probability for window in windows) > 0.5, "no speech found in speech"
            assert windows[-1].probability < 0.5, "speech found after a second of silence"
            both = await asyncio.gather(
                _vad_windows(vad, padded, rate), _vad_windows(vad, silence(len(padded)), rate), return_exceptions=False
            )
            assert [window.end for window in both[0]] == [window.end for window in windows]
            apart = [abs(one.probability - two.probability) for one, two in zip(both[0], windows, strict=True)]
            assert max(apart) < 0.02, "streams disturb each other"
            assert max(window.probability for window in both[1]) < 0.5, "speech of another stream found in silence"
            for frames in (0, 1, 2, 7):
                await _vad_is_silent_after_close(vad, speech, rate, frames)
            await leaves_nothing(lambda: _vad_is_silent_after_close(vad, speech, rate, 9), "a closed VAD stream")
        return windows

    return run(scenario())


async def _vad_windows(vad: Vad, samples: Samples, rate: int) -> list[VadWindow]:
    windows: list[VadWindow] = []
    home = threading.get_ident()

    def on_window(window: VadWindow) -> None:
        assert threading.get_ident() == home, "on_window was called from another thread"
        windows.append(window)

    stream = vad.open(rate, on_window)
    for frame in frames_of(samples, rate):
        stream.push(frame)
        await asyncio.sleep(FRAME_MS / 1000)
    await asyncio.sleep(0.2)
    stream.close()
    stream.close()
    return windows


def _assert_windows_follow(windows: list[VadWindow], pushed: int) -> None:
    assert windows, "no window was reported"
    ends = [window.end for window in windows]
    size = ends[0]
    assert ends == [size * (index + 1) for index in range(len(ends))], "windows are missing or out of order"
    assert [window.start for window in windows] == [0, *ends[:-1]], "windows do not begin where the last one ended"
    assert pushed - size - pushed // 50 < ends[-1] <= pushed, "a completed window was not reported"
    assert all(0.0 <= window.probability <= 1.0 for window in windows)


async def _vad_is_silent_after_close(vad: Vad, speech: Samples, rate: int, frames: int) -> None:
    windows: list[VadWindow] = []
    stream = vad.open(rate, windows.append)
    for frame in frames_of(speech, rate)[:frames]:
        stream.push(frame)
    stream.close()
    reported = len(windows)
    await asyncio.sleep(0.2)
    stream.close()
    assert len(windows) == reported, "on_window was called after close"

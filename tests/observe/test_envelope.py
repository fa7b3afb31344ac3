from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.errors import AudioError
from hocket.observe import envelope as module
from hocket.observe.envelope import envelope


def stereo(path: Path, samples: int, rate: int = 16_000) -> Path:
    sound = np.zeros((samples, 2), np.int16)
    sound[rate : rate + 160, 0] = 16_000
    sound[2 * rate : 2 * rate + 160, 1] = -32_768
    soundfile.write(path, sound, rate)
    return path


def test_each_side_is_loud_where_it_spoke(tmp_path: Path) -> None:
    found = envelope(stereo(tmp_path / "call.wav", 48_077))
    assert found.bucket_s == 0.01
    assert found.caller.shape == found.agent.shape == (301, 2)
    assert np.flatnonzero(found.caller[:, 1]).tolist() == [100]
    assert found.caller[100].tolist() == [62, 62]
    assert np.flatnonzero(found.agent[:, 0]).tolist() == [200]
    assert found.agent[200].tolist() == [-128, -128]


def test_a_long_recording_gets_wider_buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BUCKETS", 50)
    found = envelope(stereo(tmp_path / "call.wav", 48_077))
    assert len(found.caller) == 50
    assert len(found.caller) * found.bucket_s == pytest.approx(48_077 / 16_000, abs=found.bucket_s)
    assert np.flatnonzero(found.caller[:, 1]).tolist() == [16]


def test_what_is_no_recording_of_a_call(tmp_path: Path) -> None:
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, np.zeros(100, np.int16), 16_000)
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros((0, 2), np.int16), 16_000)
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    for path, words in (
        (mono, "1 channel"),
        (empty, "is empty"),
        (text, "cannot be read"),
        (tmp_path / "no", "cannot"),
    ):
        with pytest.raises(AudioError, match=words):
            envelope(path)

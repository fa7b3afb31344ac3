"""The network in numpy against the same file run by onnxruntime, over recorded speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from hocket.audio.frame import Samples
from hocket.audio.resample import Resampler
from hocket.errors import InputError, MissingError
from hocket.providers.models import model_path
from hocket.providers.onnx_weights import read_weights
from hocket.providers.silero_model import RATES, UNITS, Floats, SileroNumpy, SileroOnnx, load
from tests.speech import COMMITTED, clip

TOLERANCE = 1e-5


def speech(rate: int) -> Samples:
    """All committed clips, one after the other."""
    clips = [clip(str(path.relative_to(COMMITTED))) for path in sorted(COMMITTED.rglob("*.wav"))]
    return Resampler(16_000, rate).push(np.concatenate(clips))


class Reference:
    """The file run by onnxruntime, as its publisher documents it."""

    def __init__(self, rate: int, streams: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = str(model_path("silero"))
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.rate = np.array(rate)
        self.state: Floats = np.zeros((2, streams, UNITS), np.float32)

    def __call__(self, windows: Floats) -> Floats:
        probabilities, self.state = self.session.run(None, {"input": windows, "state": self.state, "sr": self.rate})
        return np.asarray(probabilities)[:, 0]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("streams", [1, 2, 7, 32, 64])
def test_numpy_equals_onnxruntime_over_speech_with_states_carried(rate: int, streams: int) -> None:
    model = load(model_path("silero"))[rate]
    assert isinstance(model, SileroNumpy)
    audio = speech(rate)
    steps = min(300 if streams < 8 else 60, len(audio) // model.window - 1)
    starts = np.linspace(0, len(audio) - (steps + 1) * model.window, streams).astype(int)
    reference, state = Reference(rate, streams), np.zeros((2, streams, UNITS), np.float32)
    heard = []
    for step in range(steps):
        begins = starts + step * model.window
        windows = np.stack([audio[at : at + model.context + model.window] for at in begins])
        probabilities, state = model(windows, state)
        expected = reference(windows.astype(np.float32) / np.float32(32_768))
        assert np.abs(probabilities - expected).max() <= TOLERANCE
        heard.append(expected)
    assert np.min(heard) < 0.1, "there was silence"
    assert np.max(heard) > 0.9, "there was speech"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [-32_768, -1, 0, 32_767])
def test_extreme_samples_give_probabilities(rate: int, level: int) -> None:
    model = load(model_path("silero"))[rate]
    windows = np.full((2, model.context + model.window), level, np.int16)
    windows[1, ::2] = -(level + 1)
    state = np.full((2, 2, UNITS), 50, np.float32)
    probabilities, state = model(windows, state)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert np.isfinite(state).all()


@pytest.fixture
def other_network(tmp_path: Path) -> Path:
    """The same function under names that the numpy forward does not know."""
    path = tmp_path / "other.onnx"
    path.write_bytes(model_path("silero").read_bytes().replace(b"reparam_conv", b"another_conv"))
    return path


@pytest.mark.parametrize("rate", RATES)
def test_another_network_is_run_by_onnxruntime(other_network: Path, rate: int) -> None:
    model, own = load(other_network)[rate], load(model_path("silero"))[rate]
    assert isinstance(model, SileroOnnx)
    assert (model.window, model.context) == (own.window, own.context)
    audio, state = speech(rate), np.zeros((2, 1, UNITS), np.float32)
    windows = audio[None, rate : rate + own.context + own.window]
    (expected, expected_state), (found, found_state) = own(windows, state), model(windows, state)
    assert np.abs(found - expected).max() <= TOLERANCE
    assert np.abs(found_state - expected_state).max() <= TOLERANCE * 10


def test_without_onnxruntime_another_network_is_refused(other_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingError, match=r"pip install hocket\[embedded\]"):
        load(other_network)
    assert isinstance(load(model_path("silero"))[16_000], SileroNumpy)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"RIFF....WAVE")
    with pytest.raises(InputError, match="is not a model that onnxruntime can load"):
        load(tmp_path / "model.onnx")


def test_a_transform_that_cannot_be_folded_is_refused() -> None:
    weights = read_weights(model_path("silero"))
    name = next(name for name, value in weights.items() if value.shape == (258, 1, 256))
    weights[name] = weights[name].copy()
    weights[name][3, 0, 5] += 0.01
    with pytest.raises(InputError, match="not symmetric"):
        SileroNumpy(weights, 16_000)

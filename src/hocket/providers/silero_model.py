"""The Silero v6 network: a window of many streams in, the probability of speech in each out.

The network, for 16 kHz (8 kHz has half of every length in samples):
a window of 512 samples led by the last 64 before it -> magnitudes of a short-time Fourier transform (4 frames of
129 bins) -> four convolutions of width 3 (4 x 128, 2 x 64, 1 x 64, 1 x 128) -> LSTM of 128 units -> one logistic unit.
Source: the graph inside `silero_vad.onnx` (https://github.com/snakers4/silero-vad, MIT).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from hocket.errors import InputError, MissingError
from hocket.providers.blas import use_one_thread
from hocket.providers.onnx_weights import Weights, read_weights

Floats: TypeAlias = NDArray[np.float32]
Windows: TypeAlias = NDArray[np.int16]
"""Shape (streams, context + window)."""

UNITS = 128
"""Of the LSTM. A state has shape (2, streams, UNITS), hidden then cell, and is zero when a stream begins."""

RATES = (8_000, 16_000)
"""Hertz that the network was trained for."""

_FULL_SCALE = 32_768
_FRAMES = 4
_BASIS = "stft.forward_basis_buffer"


class SileroModel(Protocol):
    """The network for one rate."""

    window: int
    """Samples from one probability to the next: 32 ms."""
    context: int
    """Samples before the window that are heard with it: 4 ms."""

    def __call__(self, windows: Windows, state: Floats) -> tuple[Floats, Floats]:
        """Probabilities, shape (streams,), and the state after these windows."""
        ...


def load(path: Path) -> dict[int, SileroModel]:
    """Rate -> network: in numpy if the file holds the network described above, else run by onnxruntime.

    Holds numpy's linear algebra to one thread from now on, see `use_one_thread`.
    Raises `InputError` when the file is no such model, `MissingError` when it needs onnxruntime and that is absent.
    """
    use_one_thread()
    try:
        weights = read_weights(path)
        return {rate: SileroNumpy(weights, rate) for rate in RATES}
    except InputError:
        return {rate: SileroOnnx(path, rate) for rate in RATES}


class SileroNumpy:
    """The network as matrix products over all streams: `benchmarks/vad.py` compares it with onnxruntime.

    Raises `InputError` when the weights are those of another network.
    """

    def __init__(self, weights: Weights, rate: int) -> None:
        self.window, self.context = _lengths(rate)
        self._hop = self.context * 2
        found = _of_rate(weights, self._hop * 2)
        self._fourier = _folded(found[_BASIS])
        taps = (slice(0, 3), slice(0, 3), slice(1, 3), slice(1, 2))  # the others only ever meet padding
        self._convolutions = [_convolution(found, layer, used) for layer, used in enumerate(taps)]
        self._lstm = _lstm(found)
        # Half of the logistic unit's argument, see `_logistic`.
        self._head = found["decoder.decoder.2.weight"].reshape(UNITS) / 2, found["decoder.decoder.2.bias"] / 2

    def __call__(self, windows: Windows, state: Floats) -> tuple[Floats, Floats]:
        state = self._remember(self._encode(self._magnitudes(windows)), state)
        weight, bias = self._head
        return _logistic(np.maximum(state[0], 0) @ weight + bias), state

    def _magnitudes(self, windows: Windows) -> Floats:
        """Shape (streams, 6, bins): the four frames of the transform, between two of zeros for the convolution.

        The basis is symmetric, so each frame is folded at its middle: half the products of the plain transform.
        """
        (streams, length), hop = windows.shape, self._hop
        padded = np.empty((streams, length + hop // 2), np.float32)
        padded[:, :length] = windows
        padded[:, length:] = padded[:, length - 2 : length - 2 - hop // 2 : -1]
        frames = as_strided(padded, (streams, _FRAMES, 2 * hop), (padded.strides[0], 4 * hop, 4))
        rising, falling = frames[..., 1 : hop + 1], frames[..., : hop - 1 : -1]
        halves = np.empty((2, streams, _FRAMES, hop), np.float32)
        np.add(rising, falling, out=halves[0])
        np.subtract(rising, falling, out=halves[1])
        parts = halves.reshape(2, streams * _FRAMES, hop) @ self._fourier
        parts *= parts
        magnitudes = np.zeros((streams, _FRAMES + 2, hop + 1), np.float32)
        cosine, sine = parts.reshape(2, streams, _FRAMES, hop + 1)
        np.sqrt(np.add(cosine, sine, out=cosine), out=magnitudes[:, 1:-1])
        return magnitudes

    def _encode(self, magnitudes: Floats) -> Floats:
        """Shape (streams, 128): the convolutions, each followed by a rectifier."""
        streams = len(magnitudes)
        (w0, b0), (w1, b1), (w2, b2), (w3, b3) = self._convolutions
        x = _neighbours(magnitudes, outputs=_FRAMES, stride=1) @ w0
        x += b0
        led = np.zeros((streams, _FRAMES + 1, x.shape[1]), np.float32)
        np.maximum(x.reshape(streams, _FRAMES, -1), 0, out=led[:, 1:])
        x = _rectified(_neighbours(led, outputs=2, stride=2) @ w1, b1)
        x = _rectified(x.reshape(streams, -1) @ w2, b2)
        return _rectified(x @ w3, b3)

    def _remember(self, features: Floats, state: Floats) -> Floats:
        """One step of the LSTM."""
        weight, bias = self._lstm
        gates = np.concatenate((features, state[0]), axis=1) @ weight
        gates += bias
        np.tanh(gates, out=gates)
        switches = gates[:, : 3 * UNITS]
        switches *= np.float32(0.5)
        switches += np.float32(0.5)
        take, keep, show, new = (gates[:, n * UNITS : (n + 1) * UNITS] for n in range(4))
        after = np.empty_like(state)
        cell = np.multiply(keep, state[1], out=after[1])
        cell += take * new
        np.multiply(show, np.tanh(cell), out=after[0])
        return after


class SileroOnnx:
    """Any ONNX file with the inputs `input`, `state` and `sr`, run by onnxruntime.

    Raises `InputError` when the file is no such model, `MissingError` when onnxruntime is not installed.
    """

    def __init__(self, path: Path, rate: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingError(
                f"{path.name} holds another network than Silero v6, which takes onnxruntime to run, and that is not "
                "installed: run `pip install hocket[embedded]`."
            ) from error
        self.window, self.context = _lengths(rate)
        self._rate = np.array(rate, np.int64)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, with no base but this
            raise InputError(f"{path} is not a model that onnxruntime can load: {error}") from error
        inputs = {value.name for value in self._session.get_inputs()}
        if inputs != {"input", "state", "sr"}:
            raise InputError(f"{path} is not a Silero model: its inputs are {', '.join(sorted(inputs))}.")

    def __call__(self, windows: Windows, state: Floats) -> tuple[Floats, Floats]:
        samples = windows.astype(np.float32) / _FULL_SCALE
        probabilities, after = self._session.run(None, {"input": samples, "state": state, "sr": self._rate})
        return probabilities[:, 0], after


def _lengths(rate: int) -> tuple[int, int]:
    """Samples of a window and of its context."""
    return rate * 32 // 1000, rate * 4 // 1000


def _of_rate(weights: Weights, filter_length: int) -> Weights:
    """The weights of the branch whose transform has this length, by their names inside the branch."""
    shapes = _shapes(filter_length)
    for basis in (name for name in weights if name.endswith(_BASIS)):
        prefix = basis.removesuffix(_BASIS)
        found = {name: weights[prefix + name] for name in shapes if prefix + name in weights}
        if {name: (value.shape, value.dtype) for name, value in found.items()} == shapes:
            return found
    raise InputError(f"The weights are not those of Silero v6 with a transform of {filter_length} samples.")


def _shapes(filter_length: int) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    widths = (filter_length // 2 + 1, 128, 64, 64, UNITS)
    shapes: dict[str, tuple[int, ...]] = {_BASIS: (filter_length + 2, 1, filter_length)}
    for layer in range(4):
        shapes[f"encoder.{layer}.reparam_conv.weight"] = (widths[layer + 1], widths[layer], 3)
        shapes[f"encoder.{layer}.reparam_conv.bias"] = (widths[layer + 1],)
    for part in ("ih", "hh"):
        shapes[f"decoder.rnn.weight_{part}"] = (4 * UNITS, UNITS)
        shapes[f"decoder.rnn.bias_{part}"] = (4 * UNITS,)
    shapes |= {"decoder.decoder.2.weight": (1, UNITS, 1), "decoder.decoder.2.bias": (1,)}
    return {name: (shape, np.dtype(np.float32)) for name, shape in shapes.items()}


def _folded(basis: Floats) -> Floats:
    """The transform of frames folded at their middle, shape (2, hop, bins): cosines for sums, sines for differences.

    A cosine of whole periods, and its window, read the same from both ends; a sine changes its sign.
    """
    (_, _, length), bins = basis.shape, len(basis) // 2
    hop = length // 2
    cosine, sine = basis[:bins, 0].T, basis[bins:, 0].T
    mirrored = np.array_equal(cosine[1:], cosine[:0:-1]) and np.array_equal(sine[1:], -sine[:0:-1])
    if not mirrored or cosine[0].any() or sine[0].any():
        raise InputError("The weights are not those of Silero v6: their transform is not symmetric.")
    folded = np.stack((cosine[1 : hop + 1], sine[1 : hop + 1]))
    folded[0, -1] /= 2  # the middle sample is its own mirror and was added to itself
    return folded / np.float32(_FULL_SCALE)


def _convolution(weights: Weights, layer: int, taps: slice) -> tuple[Floats, Floats]:
    """Weight, shape (taps * inputs, outputs), and bias of a convolution whose input frames lie side by side."""
    weight = weights[f"encoder.{layer}.reparam_conv.weight"][:, :, taps]
    rows = np.ascontiguousarray(weight.transpose(2, 1, 0)).reshape(-1, len(weight))
    return rows, weights[f"encoder.{layer}.reparam_conv.bias"]


def _lstm(weights: Weights) -> tuple[Floats, Floats]:
    """Weight, shape (2 * UNITS, 4 * UNITS), and bias, with the gates in the order take, keep, show, new cell.

    The file has them as input, forget, cell, output. The first three are halved for `_logistic`.
    """
    weight = np.concatenate((weights["decoder.rnn.weight_ih"], weights["decoder.rnn.weight_hh"]), axis=1).T
    bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
    order = np.arange(4 * UNITS).reshape(4, UNITS)[[0, 1, 3, 2]].reshape(-1)
    scale = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), UNITS)
    return np.ascontiguousarray(weight[:, order] * scale), bias[order] * scale


def _neighbours(frames: Floats, outputs: int, stride: int) -> Floats:
    """Every `stride`-th run of three frames side by side: (streams, n, width) -> (streams * outputs, 3 * width)."""
    streams, _, width = frames.shape
    row = frames.strides[0]
    return as_strided(frames, (streams, outputs, 3 * width), (row, stride * width * 4, 4)).reshape(-1, 3 * width)


def _rectified(x: Floats, bias: Floats) -> Floats:
    x += bias
    return np.maximum(x, 0, out=x)


def _logistic(half: Floats) -> Floats:
    """1 / (1 + exp(-2 half)), by the tangent, which cannot overflow."""
    return np.tanh(half) * np.float32(0.5) + np.float32(0.5)

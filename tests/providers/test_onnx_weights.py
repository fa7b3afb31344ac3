from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import InputError
from hocket.providers.models import model_path
from hocket.providers.onnx_weights import read_weights

FLOAT, INT64, STRING = 1, 7, 8


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def tensor(name: str, shape: list[int], kind: int, raw: bytes, packed: bool = False) -> bytes:
    dims = message(1, b"".join(map(varint, shape))) if packed else b"".join(number(1, size) for size in shape)
    return dims + number(2, kind) + message(8, name.encode()) + message(9, raw)


def attribute(name: str, field: int, content: bytes) -> bytes:
    return message(5, message(1, name.encode()) + message(field, content))


def node(op: str, output: str, *attributes: bytes) -> bytes:
    return message(1, message(2, output.encode()) + message(4, op.encode()) + b"".join(attributes))


def model(graph: bytes) -> bytes:
    # An unknown field of each width around the graph: readers must step over what they do not know.
    return number(1, 8) + b"\xf9\x01" + bytes(8) + message(7, graph) + b"\xfd\x01" + bytes(4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("packed", [False, True])
def test_initialisers_constants_and_branches_are_found(file: Path, packed: bool) -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    inner = node("Constant", "scale", attribute("value", 5, tensor("", [], INT64, np.int64(-7).tobytes())))
    file.write_bytes(
        model(
            message(5, tensor("weight", [2, 3], FLOAT, values.tobytes(), packed))
            + node("If", "y", attribute("then_branch", 6, inner), attribute("else_branch", 6, inner))
            + node("Pad", "z", attribute("value", 5, tensor("not a constant", [1], FLOAT, bytes(4))))
        )
    )
    weights = read_weights(file)
    assert weights.keys() == {"weight", "then_branch/scale", "else_branch/scale"}
    assert np.array_equal(weights["weight"], values)
    assert weights["else_branch/scale"].shape == ()
    assert weights["else_branch/scale"] == -7


def test_tensors_of_other_types_are_passed_over(file: Path) -> None:
    kept = message(5, tensor("weight", [1], FLOAT, bytes(4)))
    file.write_bytes(model(message(5, tensor("words", [1], STRING, b"word")) + kept))
    assert read_weights(file).keys() == {"weight"}


@given(cut=st.integers(0, 150))
def test_a_file_that_is_cut_short_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    whole = message(7, message(5, tensor("weight", [8, 4], FLOAT, bytes(128))))
    path = tmp_path_factory.getbasetemp() / "cut.onnx"
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(InputError, match="is not an ONNX file"):
        read_weights(path)


@given(content=st.binary(max_size=200))
def test_a_file_of_anything_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.onnx"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert read_weights(path)


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"", model(message(5, tensor("w", [3], FLOAT, bytes(4))))])
def test_a_file_that_is_something_else_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match="is not an ONNX file"):
        read_weights(file)


def test_both_branches_of_silero_are_read() -> None:
    weights = read_weights(model_path("silero"))
    transforms = sorted(value.shape for name, value in weights.items() if name.endswith("stft.forward_basis_buffer"))
    assert transforms == [(130, 1, 128), (258, 1, 256)]
    assert sum(value.nbytes for value in weights.values()) > 0.9 * model_path("silero").stat().st_size

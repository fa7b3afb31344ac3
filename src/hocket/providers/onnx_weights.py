"""The numbers inside an ONNX file, without the `onnx` package.

An ONNX file is a protocol buffer. Four of its messages are enough to find every constant: the model
holds a graph, a graph holds nodes and initialisers, a node's attributes hold tensors and graphs.
Field numbers are those of `onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hocket.errors import InputError

Weights: TypeAlias = dict[str, NDArray[Any]]

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OUTPUT, _NODE_OP_TYPE, _NODE_ATTRIBUTE = 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 1, 5, 6
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9

_TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
"""TensorProto.DataType -> numpy, of the types that weights come in."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_Field: TypeAlias = tuple[int, int | memoryview]


def read_weights(path: Path) -> Weights:
    """Every initialiser and `Constant` of the file that is stored as raw bytes, by the name the graph knows it under.

    Names inside the branch of an `If` or the body of a loop are led by the attribute that holds it, such as
    `then_branch/encoder.weight`. Arrays are read-only views of the file's bytes. Raises `InputError` when the file is
    not ONNX.
    """
    weights: Weights = {}
    try:
        for number, value in _fields(memoryview(path.read_bytes())):
            if number == _MODEL_GRAPH:
                weights.update(_graph(_message(value), ""))
    except (IndexError, ValueError) as error:
        raise InputError(f"{path} is not an ONNX file, or is cut short: fetch it again.") from error
    if not weights:
        raise InputError(f"{path} is not an ONNX file: no weights were found in it.")
    return weights


def _graph(message: memoryview, prefix: str) -> Weights:
    weights: Weights = {}
    for number, value in _fields(message):
        if number == _GRAPH_INITIALIZER:
            name, array = _tensor(_message(value))
            if array is not None:
                weights[prefix + name] = array
        elif number == _GRAPH_NODE:
            weights.update(_node(_message(value), prefix))
    return weights


def _node(message: memoryview, prefix: str) -> Weights:
    weights: Weights = {}
    fields = list(_fields(message))
    output = next((_text(value) for number, value in fields if number == _NODE_OUTPUT), "")
    constant = any(number == _NODE_OP_TYPE and _text(value) == "Constant" for number, value in fields)
    for attribute in (_message(value) for number, value in fields if number == _NODE_ATTRIBUTE):
        parts = dict(_fields(attribute))
        if _ATTRIBUTE_GRAPH in parts:
            inner = f"{prefix}{_text(parts[_ATTRIBUTE_NAME])}/"
            weights.update(_graph(_message(parts[_ATTRIBUTE_GRAPH]), inner))
        elif constant and _ATTRIBUTE_TENSOR in parts:
            _, array = _tensor(_message(parts[_ATTRIBUTE_TENSOR]))
            if array is not None:
                weights[prefix + output] = array
    return weights


def _tensor(message: memoryview) -> tuple[str, NDArray[Any] | None]:
    """A tensor's name and value; None for the types and the storage that weights do not come in."""
    dims: list[int] = []
    name, kind, raw = "", 0, None
    for number, value in _fields(message):
        if number == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_RAW:
            raw = _message(value)
    if raw is None or kind not in _TYPES:
        return name, None
    return name, np.frombuffer(raw, _TYPES[kind]).reshape(dims)


def _fields(message: memoryview) -> Iterator[_Field]:
    """Field number and value of everything in a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(message):
            raise ValueError("cut short")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Seven bits a byte, least significant first; the top bit says that more follow."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _packed(message: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        values.append(value)
    return values


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode()

"""The tree that the docstring draws is the tree there is."""

from __future__ import annotations

import inspect
import re

import pytest

from hocket import errors


def drawn() -> dict[str, str]:
    """Name -> base, from the docstring's drawing."""
    assert errors.__doc__
    bases: dict[str, str] = {}
    at_depth: dict[int, str] = {}
    for line in errors.__doc__.splitlines():
        if (found := re.match(r"^([ │├└─]*)(\w+Error)\b", line)) and line.startswith("    "):
            depth = len(found[1])
            above = [at_depth[other] for other in sorted(at_depth) if other < depth]
            bases[found[2]] = above[-1] if above else "Exception"
            at_depth = {other: name for other, name in at_depth.items() if other < depth} | {depth: found[2]}
    return bases


def test_the_drawing_is_the_truth() -> None:
    found = {
        name: kind.__base__.__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind.__base__ is not None
    }
    assert drawn() == found


@pytest.mark.parametrize("retryable", [True, False])
def test_a_stage_error_says_whether_to_try_again(retryable: bool) -> None:
    error = errors.LlmError("The model is away.", retryable=retryable)
    assert str(error) == "The model is away."
    assert error.retryable is retryable

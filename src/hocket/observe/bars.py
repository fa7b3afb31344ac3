"""Coloured bars on a time axis, drawn in characters to half a cell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from rich.text import Text

from hocket.clock import MS


class Stroke(NamedTuple):
    """A stretch of time in one style."""

    start: int
    """Nanoseconds."""
    end: int
    style: str


class Axis(NamedTuple):
    """`width` characters for the time from `start` to `end`, nanoseconds."""

    start: int
    end: int
    width: int

    def half(self, now: int) -> int:
        """The half cell in which `now` lies, within the axis."""
        span = max(self.end - self.start, 1)
        return min(max(round((now - self.start) * 2 * self.width / span), 0), 2 * self.width)


def bar(axis: Axis, strokes: Iterable[Stroke]) -> Text:
    """The strokes on one line; later ones cover earlier ones. None that began within the axis is invisible."""
    halves = [""] * (2 * axis.width)
    for stroke in strokes:
        if stroke.end < axis.start or stroke.start >= axis.end:
            continue
        first = min(axis.half(stroke.start), 2 * axis.width - 1)
        for half in range(first, max(axis.half(stroke.end), first + 1)):
            halves[half] = stroke.style
    line = Text(no_wrap=True)
    for (left, right), cells in groupby(zip(halves[::2], halves[1::2], strict=True)):
        line.append(_CELLS[bool(left), bool(right), left == right] * len(list(cells)), _style(left, right))
    return line


_CELLS = {
    (False, False, True): " ",
    (True, True, True): "█",
    (True, True, False): "▌",
    (True, False, False): "▌",
    (False, True, False): "▐",
}


def _style(left: str, right: str) -> str:
    return f"{left} on {right}" if left and right and left != right else left or right


def scale(axis: Axis, zero: int) -> Text:
    """Labels in milliseconds from `zero`, every 100 ms or as many as fit."""
    line = [" "] * axis.width
    for label_ms in range(0, (axis.end - zero) // MS + 1, _step_ms(axis)):
        cell = axis.half(zero + label_ms * MS) // 2
        label = str(label_ms)
        if cell + len(label) <= axis.width:
            line[cell : cell + len(label)] = label
    return Text("".join(line), style="dim", no_wrap=True)


def _step_ms(axis: Axis) -> int:
    fitting = max(axis.width // 8, 1)
    span_ms = max((axis.end - axis.start) // MS, 1)
    return next((step for step in (50, 100, 200, 500, 1000, 2000, 5000) if span_ms / step <= fitting), 10_000)


def milliseconds(duration: int | float | None) -> str:
    """Nanoseconds as `412 ms`, or as seconds from 10 s on."""
    if duration is None:
        return "–"
    return f"{duration / MS:.0f} ms" if duration < 10_000 * MS else f"{duration / MS / 1000:.1f} s"


def plain(text: str) -> str:
    """Words from outside on one line: what a terminal could take for a command becomes a space."""
    return "".join(character if character.isprintable() else " " for character in text)

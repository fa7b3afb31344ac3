"""Recorded human speech for tests: the folder that HOCKET_SPEECH names, else the few clips in `tests/data`."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from hocket.audio.frame import Samples

COMMITTED = Path(__file__).parent / "data"
RATE = 16_000


class Clip(msgspec.Struct, frozen=True):
    """A row of the manifest; times in seconds."""

    id: str
    kind: str
    file: str
    duration_s: float
    transcript: str | None = None
    speaker: str | None = None
    auto_vad: list[tuple[float, float]] | None = None
    words_auto: list[tuple[str, float, float]] | None = None
    align_score: float | None = None
    last_word_end_s: float | None = None
    tags: list[str] = []


class EndpointPoint(msgspec.Struct, frozen=True):
    """A speech offset followed by at least 0.2 s without speech."""

    file: str
    t: float
    label: str
    silence_after_s: float
    text_so_far: str = ""


@functools.cache
def folder() -> Path:
    """Where clips are read from."""
    named = os.environ.get("HOCKET_SPEECH", "")
    return Path(named) if named and (Path(named) / "manifest.jsonl").is_file() else COMMITTED


@functools.cache
def manifest() -> dict[str, Clip]:
    """File name -> clip, of the folder in use."""
    lines = (folder() / "manifest.jsonl").read_bytes().splitlines()
    clips = (msgspec.json.decode(line, type=Clip) for line in lines)
    return {clip.file: clip for clip in clips}


@functools.cache
def endpoint_points() -> list[EndpointPoint]:
    """Labelled offsets of the clips of the folder in use."""
    lines = (folder() / "endpoint_points.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=EndpointPoint) for line in lines]


def clip(file: str, rate: int = RATE) -> Samples:
    """The samples of a mono clip, such as `short_reply/speechcommands_yes.wav`; always found for committed ones."""
    path = folder() / file
    samples, found = soundfile.read(path if path.is_file() else COMMITTED / file, dtype="int16")
    assert found == rate, f"{file} has {found} Hz, not {rate}"
    return np.asarray(samples, np.int16)

"""How long does one VAD window take when batched?

Processor time for one window of 32 ms at 16 kHz, recorded speech, one thread: the network in numpy and run by
onnxruntime, and then the whole path of a stream (frames of 20 ms in, batches, callbacks) with calls at random phases.

    python -m benchmarks.vad
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from tests.speech import COMMITTED, RATE, clip

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.clock import cpu_time
from hocket.providers.models import model_path
from hocket.providers.silero import Silero
from hocket.providers.silero_model import UNITS, SileroModel, SileroOnnx, load
from hocket.sim.loop import run

RESULT = Path(__file__).parent / "results" / "vad.json"
BATCHES = (1, 8, 32, 64, 128)
STREAMS = (50, 200, 1_000, 2_000)
ROUNDS = 60
WARM_UP = 5
WINDOWS_PER_SECOND = 1_000 / 32


def main() -> None:
    audio = np.concatenate([clip(str(path.relative_to(COMMITTED))) for path in sorted(COMMITTED.rglob("*.wav"))])
    numpy, onnx = load(model_path("silero"))[RATE], SileroOnnx(model_path("silero"), RATE)
    forwards = [forward(audio, numpy, onnx, batch) for batch in BATCHES]
    paths = [path(audio, streams) for streams in STREAMS]
    RESULT.parent.mkdir(exist_ok=True)
    result = {"question": (__doc__ or "").splitlines()[0], "forward": forwards, "path": paths}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    console = Console()
    for title, rows in (("Forward, µs of processor time a window (median)", forwards), ("Whole path", paths)):
        table = Table(*rows[0], title=title)
        for row in rows:
            table.add_row(*(f"{value:g}" for value in row.values()))
        console.print(table)


def forward(audio: Samples, numpy: SileroModel, onnx: SileroModel, batch: int) -> dict[str, float]:
    """Both forwards on the same windows, turn by turn, states carried."""
    length = numpy.context + numpy.window
    starts = np.random.default_rng(batch).integers(0, len(audio) - ROUNDS * numpy.window - length, batch)
    models = {"numpy": numpy, "onnxruntime": onnx}
    states = {name: np.zeros((2, batch, UNITS), np.float32) for name in models}
    used: dict[str, list[int]] = {name: [] for name in models}
    for step in range(ROUNDS):
        windows = np.stack([audio[at : at + length] for at in starts + step * numpy.window])
        for name, model in models.items():
            begun = cpu_time()
            _, states[name] = model(windows, states[name])
            used[name].append(cpu_time() - begun)
    micros = {name: median(times[WARM_UP:]) / 1e3 / batch for name, times in used.items()}
    figures = {f"{name} µs": round(value, 1) for name, value in micros.items()}
    return {"batch": batch, **figures, "ratio": round(micros["onnxruntime"] / micros["numpy"], 2)}


def path(audio: Samples, streams: int) -> dict[str, float]:
    """`streams` calls of some seconds each, in virtual time, less the same frames delivered to nobody."""
    seconds = max(1, min(20, 2_000 // streams))
    heard = 0

    def count(_: object) -> None:
        nonlocal heard
        heard += 1

    async def deliver(push: list[Callable[[Frame], None]]) -> int:
        dice, step = random.Random(streams), RATE * FRAME_MS // 1000
        calls = [(take, dice.randrange(len(audio) - seconds * RATE)) for take in push]
        phases = [calls[phase::FRAME_MS] for phase in range(FRAME_MS)]
        begun = cpu_time()
        for at in range(0, seconds * RATE, step):
            for phase in phases:
                for take, start in phase:
                    take(Frame(audio[start + at : start + at + step], RATE, at))
                await asyncio.sleep(0.001)
        return cpu_time() - begun

    async def scenario() -> int:
        vad = Silero()
        open_streams = [vad.open(RATE, count) for _ in range(streams)]
        used = await deliver([stream.push for stream in open_streams])
        await asyncio.sleep(1)
        assert vad.dropped == 0
        return used - await deliver([lambda _: None] * streams)

    micros = run(scenario()) / 1e3 / heard
    return {
        "streams": streams,
        "µs a window": round(micros, 1),
        "streams a core": round(1e6 / (micros * WINDOWS_PER_SECOND)),
    }


if __name__ == "__main__":
    main()

"""Turn detection by smart-turn v3.2, which hears whether a sentence's melody has come to its end.

One worker thread scores for all calls of a process, one utterance after the other: a score takes about 40 ms of a
core, batches are slower than singles, and a score that comes late is worth nothing, so hardly any may wait.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.resample import resample
from hocket.errors import InputError, MissingError, StageError
from hocket.providers.log_mel import BANDS, HOP, RATE, Floats, log_mel
from hocket.providers.models import model_path

LONGEST_S: Final = 8
"""What the network sees; earlier speech is left out, and shorter speech has silence before it."""

MAX_WAITING: Final = 3
"""Scores under way or waiting: a fourth would come after its turn was decided."""

_FULL_SCALE: Final = 32_768.0


class SmartTurn:
    """The detector (`stages.turn_detector.TurnDetector`), shared by all calls of a process.

    Raises `MissingError` when onnxruntime is not installed or the weights have not been fetched, `InputError` for a
    file that holds another network.
    """

    name = "smart-turn-v3.2"

    def __init__(self, path: Path | None = None) -> None:
        """`path` is an ONNX file with smart-turn's interface, instead of the one that `hocket models` fetched."""
        self._session = _load(path or model_path("smart-turn"))
        self._worker = ThreadPoolExecutor(1, "smart-turn")
        self._waiting = 0

    async def score(self, samples: Samples, rate: int) -> float:
        """The probability that the turn is complete. Raises `StageError` at once when too many scores wait."""
        if self._waiting >= MAX_WAITING:
            raise StageError(f"{self.name} is busy with other calls, so this turn goes by its words alone.")
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(self._worker, self._judge, samples, rate)
        job.add_done_callback(self._done)
        return await job

    async def close(self) -> None:
        """What waits is not scored."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _done(self, job: asyncio.Future[float]) -> None:
        self._waiting -= 1

    def _judge(self, samples: Samples, rate: int) -> float:
        """In the worker."""
        features = log_mel(_last_seconds(samples, rate))
        try:
            (scores,) = self._session.run(None, {"input_features": features[None]})
        except Exception as error:
            raise StageError(f"{self.name} failed, so this turn goes by its words alone: {error}") from error
        return float(np.clip(scores.ravel()[0], 0.0, 1.0))


def _last_seconds(samples: Samples, rate: int) -> Floats:
    """The end of the speech at 16 kHz, full scale 1.0, behind as much silence as is missing."""
    heard = resample(samples[-LONGEST_S * rate :], rate, RATE)[-LONGEST_S * RATE :]
    values = np.zeros(LONGEST_S * RATE, np.float32)
    values[len(values) - len(heard) :] = heard / np.float32(_FULL_SCALE)
    return values


def _load(path: Path) -> Any:
    """An inference session of one thread."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingError(
            "The turn detector smart-turn takes onnxruntime to run, and that is not installed: run "
            "`pip install hocket[embedded]`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own, with no base but this
        raise InputError(f"{path} is not a model that onnxruntime can load: {error}") from error
    inputs = {value.name: value.shape[1:] for value in session.get_inputs()}
    if inputs != {"input_features": [BANDS, LONGEST_S * RATE // HOP]}:
        raise InputError(f"{path} is not a smart-turn model: its inputs are {inputs}.")
    return session

"""Voice-activity detection by Silero v6, the windows of all calls batched."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import numpy as np

from hocket.audio.frame import Frame, Samples
from hocket.audio.resample import Resampler
from hocket.providers.models import model_path
from hocket.providers.silero_model import RATES, UNITS, SileroModel, load
from hocket.stages.vad import OnWindow, VadWindow

MAX_BATCH = 64
"""Windows in one forward: the event loop is held for about 1.3 ms, and a larger batch is no cheaper a window."""

FEW_STREAMS = 8
"""Up to here a window is not kept waiting for others."""

TICK_S = 0.004
"""How long a window waits for others when more streams are open: an eighth of a window."""

MANY_STREAMS = 64
MANY_TICK_S = 0.008
"""The same from there on: batches of less than 32 windows cost twice as much a window as full ones."""

QUIET = 0.2
"""Below this a window is silence beyond doubt."""

FORGET_WINDOWS = 63
"""After so many on end, two seconds, a stream's state begins anew: in long noise it settles so deep that a short word
no longer moves it ("yes" after 20 s of room tone at -55 dBFS: 29 % of its windows found without, 47 % with)."""

STILL_MS = 500
"""After so long without a voice by the line's level, windows are not judged, which is more than half of most calls.
On 100 recordings with silences between them, by telephone and not, as they are and 20 dB softer, the onsets found after
it differ from a detector's that judges everything as much as with windows cut 10 ms later (delay -4 to +4 ms in the
mean, 20 to 55 at p95, against 0 to 4 and 30 to 50); noises set it off half as often."""

MAX_PENDING = 32
"""Windows of one stream, about a second, that may wait; the oldest are dropped first."""


class Silero:
    """The Silero v6 detector (`stages.vad.Vad`), for the streams of one event loop.

    Audio of 8 kHz is heard as it is, by the network's own branch for that rate; of any other rate it is resampled to
    16 kHz. Holds numpy's linear algebra to one thread (see `providers.blas`). Raises `MissingError` when the weights
    have not been fetched.
    """

    name = "silero-v6"

    def __init__(self, path: Path | None = None) -> None:
        """`path` is an ONNX file with the interface of Silero, instead of the weights that `hocket models` fetched."""
        self._batchers = {rate: _Batcher(model) for rate, model in load(path or model_path("silero")).items()}

    def open(self, rate: int, on_window: OnWindow) -> SileroStream:
        """A stream for audio of `rate` Hertz. An exception of `on_window` goes to the loop's exception handler."""
        native = rate if rate in RATES else max(RATES)
        return SileroStream(self._batchers[native], rate, native, on_window)

    @property
    def dropped(self) -> int:
        """Windows that were never judged because more than MAX_PENDING of their stream were waiting."""
        return sum(batcher.dropped for batcher in self._batchers.values())


class SileroStream:
    """Detection for one call: cuts frames into windows."""

    __slots__ = ("_batcher", "_buffer", "_fill", "_native", "_next_at", "_patience", "_rate", "_resampler", "_start",
                 "_still", "_waiting")  # fmt: skip

    _fill: int
    _resampler: Resampler | None

    def __init__(self, batcher: _Batcher, rate: int, native: int, on_window: OnWindow) -> None:
        self._batcher = batcher
        self._rate, self._native = rate, native
        self._waiting: _Waiting | None = batcher.join(on_window)
        self._patience = rate * STILL_MS // 1000
        self._still = 0  # samples since the last voice
        self._buffer = np.zeros(batcher.model.context + batcher.model.window, np.int16)
        self._begin(0)

    def push(self, frame: Frame) -> None:
        """Take a frame; ignored after `close`. Where media time jumps, the window that was begun is given up."""
        if self._waiting is None:
            return
        assert frame.rate == self._rate, f"a frame of {frame.rate} Hz in a stream of {self._rate} Hz"
        if frame.at != self._next_at:
            self._begin(frame.at)
        count = len(frame.samples)
        self._next_at += count
        self._still = self._still + count if frame.voiced == 0 else 0
        samples = frame.samples if self._resampler is None else self._resampler.push(frame.samples)
        fill = self._fill + len(samples)
        if fill < len(self._buffer):
            self._buffer[self._fill : fill] = samples
            self._fill = fill
        else:
            self._complete(self._waiting, samples)

    def close(self) -> None:
        """Forget the stream; windows that wait are not judged."""
        if self._waiting is not None:
            self._batcher.leave(self._waiting)
            self._waiting = None

    def _begin(self, at: int) -> None:
        self._next_at = at
        self._start = at * self._native  # of the window being filled, in ticks of 1 / (rate * native rate) seconds
        self._fill = self._batcher.model.context
        self._resampler = None if self._rate == self._native else Resampler(self._rate, self._native)

    def _complete(self, waiting: _Waiting, samples: Samples) -> None:
        """Fill the window that was begun, submit it, and go on with the next."""
        model, size = self._batcher.model, len(self._buffer)
        if self._still >= self._patience and waiting.is_quiet:
            samples = self._pass_over(samples)
        while self._fill + len(samples) >= size:
            window, room = self._buffer, size - self._fill
            window[self._fill :] = samples[:room]
            samples = samples[room:]
            self._buffer = np.empty(size, np.int16)
            self._buffer[: model.context] = window[model.window :]
            self._fill = model.context
            start = self._start
            self._start += model.window * self._rate
            span = round(start / self._native), round(self._start / self._native)
            self._batcher.submit(waiting, span, window)
        self._buffer[self._fill : self._fill + len(samples)] = samples
        self._fill += len(samples)

    def _pass_over(self, samples: Samples) -> Samples:
        """Leave out the windows that these samples complete; returns those that are left, with nothing before them."""
        model = self._batcher.model
        passed = (self._fill + len(samples) - model.context) // model.window
        together = np.concatenate((self._buffer[: self._fill], samples))
        self._start += passed * model.window * self._rate
        self._fill = 0
        return together[passed * model.window :]


class _Waiting:
    """A stream as the batcher sees it: a row of the state, and the windows it has not judged."""

    __slots__ = ("on_window", "quiet", "row", "windows")

    def __init__(self, row: int, on_window: OnWindow) -> None:
        self.row = row
        self.on_window: OnWindow | None = on_window
        self.windows: deque[tuple[tuple[int, int], Samples]] = deque()
        """Start, end, samples."""
        self.quiet = 0
        """Quiet windows in a row."""

    @property
    def is_quiet(self) -> bool:
        """All windows have been judged, and the last one was quiet."""
        return self.quiet > 0 and not self.windows


class _Batcher:
    """Judges the windows of all streams of one rate, one of each stream in a forward, in the order they came."""

    _loop: asyncio.AbstractEventLoop
    """Of the streams."""

    def __init__(self, model: SileroModel) -> None:
        self.model = model
        self.dropped = 0
        self._state = np.zeros((2, MAX_BATCH, UNITS), np.float32)
        self._free_rows = list(range(MAX_BATCH))
        self._open = 0
        self._ready: deque[_Waiting] = deque()
        self._run: asyncio.Handle | None = None

    def join(self, on_window: OnWindow) -> _Waiting:
        self._loop = asyncio.get_running_loop()
        if not self._free_rows:
            rows = self._state.shape[1]
            self._state = np.concatenate((self._state, np.zeros_like(self._state)), axis=1)
            self._free_rows = list(range(rows, 2 * rows))
        waiting = _Waiting(self._free_rows.pop(), on_window)
        self._state[:, waiting.row] = 0
        self._open += 1
        return waiting

    def leave(self, waiting: _Waiting) -> None:
        waiting.on_window = None
        waiting.windows.clear()
        self._free_rows.append(waiting.row)
        self._open -= 1
        if self._open == 0:
            self._ready.clear()
            if self._run is not None:
                self._run.cancel()
                self._run = None

    def submit(self, waiting: _Waiting, span: tuple[int, int], window: Samples) -> None:
        """Queue a window, which the batcher then owns."""
        windows = waiting.windows
        if len(windows) == MAX_PENDING:
            windows.popleft()
            self.dropped += 1
        windows.append((span, window))
        if len(windows) == 1:
            self._ready.append(waiting)
            self._schedule()

    def _schedule(self) -> None:
        if self._run is None:
            now = self._open <= FEW_STREAMS or len(self._ready) >= MAX_BATCH
            tick_s = TICK_S if self._open <= MANY_STREAMS else MANY_TICK_S
            self._run = self._loop.call_soon(self._judge) if now else self._loop.call_later(tick_s, self._judge)
        elif len(self._ready) == MAX_BATCH:
            self._run.cancel()
            self._run = self._loop.call_soon(self._judge)

    def _judge(self) -> None:
        """One forward. Streams with more windows go to the end of the queue: in order, and none starves."""
        self._run = None
        streams = [self._ready.popleft() for _ in range(min(MAX_BATCH, len(self._ready)))]
        streams = [stream for stream in streams if stream.on_window is not None]
        taken = [stream.windows.popleft() for stream in streams]
        self._ready.extend(stream for stream in streams if stream.windows)
        if self._ready:
            self._run = self._loop.call_soon(self._judge)
        if not taken:
            return
        spans, windows = zip(*taken, strict=True)
        rows = [stream.row for stream in streams]
        together = np.concatenate(windows).reshape(len(rows), -1)
        probabilities, self._state[:, rows] = self.model(together, self._state[:, rows])
        for stream, (start, end), probability in zip(streams, spans, probabilities.tolist(), strict=True):
            stream.quiet = stream.quiet + 1 if probability < QUIET else 0
            if stream.quiet == FORGET_WINDOWS:
                stream.quiet = 0
                self._state[:, stream.row] = 0
            if stream.on_window is not None:  # a callback before may have closed it
                self._report(stream.on_window, VadWindow(start, end, probability))

    def _report(self, on_window: OnWindow, window: VadWindow) -> None:
        """One call's failure must not take the others' windows with it: it is raised again in a callback of its own."""
        try:
            on_window(window)
        except Exception as error:
            self._loop.call_soon(_raise, error)


def _raise(error: Exception) -> None:
    raise error

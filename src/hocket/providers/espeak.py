"""espeak-ng: a quick, robotic voice for when pip is all there is, in a process of its own (`espeak_worker`)."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

from hocket.audio.frame import Samples
from hocket.errors import MissingError, TtsError
from hocket.providers.espeak_worker import RATE, Answer, Audio, Cancel, Channel, Done, Failed, Say
from hocket.providers.synthesis import Emit, Word, speak_segments
from hocket.stages.tts import SpeechChunk

START_TIMEOUT_S = 10.0
"""For a worker to start: an interpreter, numpy and the voice's data."""

ANSWER_TIMEOUT_S = 3.0
WORKER = "hocket.providers.espeak_worker"
_PACKAGE = "espeakng_loader"
_ATTEMPTS = 2


class Espeak:
    """A voice of espeak-ng. `close` ends its process; so does the end of hocket's own."""

    takes: Literal["tokens", "segments"] = "segments"

    def __init__(self, voice: str = "en-us") -> None:
        """Start the worker, without waiting for it. Raises `MissingError` without the package.

        That a voice is unknown is found out by the worker: then `speak` raises `TtsError`.
        """
        if importlib.util.find_spec(_PACKAGE) is None:
            raise MissingError("The voice espeak is not installed. Run `pip install hocket[espeak]`.")
        self.name = f"espeak/{voice}"
        self._synthesiser = _EspeakVoice(voice)

    def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak segments as they come, at `rate` Hertz; every word begins a chunk. Raises `TtsError`."""
        return speak_segments(self._synthesiser, text, rate)

    def close(self) -> None:
        """End the worker process. Streams that are open raise `TtsError`."""
        self._synthesiser.close()


class _WorkerLost(Exception):
    """The worker process ended, or does not answer."""


class _EspeakVoice:
    """One worker process; a `Synthesiser`."""

    rate = RATE

    def __init__(self, voice: str) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="hocket-espeak")
        self._voice = voice
        self._requests = itertools.count(1)
        self._lock = threading.Lock()
        self._closed = False
        self._worker = _Worker(voice)

    def synthesise(self, text: str, emit: Emit) -> None:
        """A worker that dies before its first sound is replaced once; later the words would be heard twice."""
        spoken = "".join(character if character.isprintable() else " " for character in text)
        heard = False

        def emit_and_note(samples: Samples, words: Sequence[Word], cpu_ns: int) -> bool:
            nonlocal heard
            heard = True
            return emit(samples, words, cpu_ns)

        for _ in range(_ATTEMPTS):
            try:
                return self._say(self._living_worker(), spoken, emit_and_note)
            except _WorkerLost as error:
                self._stop_worker()
                lost = error
                if heard:
                    break
        raise TtsError(f"The process of espeak-ng {lost} while it spoke. The next words get a new one.")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._worker.stop()
        self.thread.shutdown(wait=False)

    def _say(self, worker: _Worker, text: str, emit: Emit) -> None:
        request = next(self._requests)
        worker.send(Say(request, text))
        wanted = True
        while True:
            match worker.receive():
                case Audio(_, pcm, words, cpu_ns) if wanted:
                    wanted = emit(np.frombuffer(pcm, np.int16), [Word(*word) for word in words], cpu_ns)
                    if not wanted:
                        worker.send(Cancel(request))
                case Done():
                    return
                case Failed(reason):
                    raise TtsError(f"espeak-ng cannot speak: {reason}.", retryable=False)

    def _living_worker(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise TtsError("This voice has been closed. Make a new one.", retryable=False)
            if self._worker.stopped:
                self._worker = _Worker(self._voice)
            return self._worker

    def _stop_worker(self) -> None:
        with self._lock:
            self._worker.stop()


class _Worker:
    """The process. It ends when this object is stopped or forgotten."""

    def __init__(self, voice: str) -> None:
        # A session of its own: an interrupt at the terminal is hocket's to handle.
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, voice],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin
        assert process.stdout
        self.pid = process.pid
        self._channel: Channel[Answer] = Channel(process.stdout.fileno(), process.stdin.fileno(), Answer)
        self._timeout_s = START_TIMEOUT_S
        self._stop = weakref.finalize(self, _end, process)

    @property
    def stopped(self) -> bool:
        return not self._stop.alive

    def send(self, message: Say | Cancel) -> None:
        try:
            self._channel.send(message)
        except (OSError, ValueError) as error:
            raise _WorkerLost("died") from error

    def receive(self) -> Answer:
        try:
            answer = self._channel.receive(self._timeout_s)
        except TimeoutError as error:
            raise _WorkerLost(f"gave no answer for {self._timeout_s:g} s") from error
        except (EOFError, OSError, ValueError) as error:
            raise _WorkerLost("died") from error
        self._timeout_s = ANSWER_TIMEOUT_S
        return answer

    def stop(self) -> None:
        """Kill it and wait until it is gone; once is enough."""
        self._stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe
        pipe.close()

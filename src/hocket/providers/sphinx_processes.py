"""The worker processes of pocketsphinx as hocket sees them: calls are spread over them, and moved when one dies."""

from __future__ import annotations

import itertools
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import msgspec

from hocket.errors import SttError
from hocket.providers.sphinx_decoding import RATE
from hocket.providers.sphinx_worker import Answer, Close, Failed, Hear, Heard, Open, Request, Start

WORKER = "hocket.providers.sphinx_worker"
START_TIMEOUT_S = 30.0
"""For a worker to load its models: 0.5 s where the machine is free."""

ANSWER_TIMEOUT_S = 10.0
"""For an answer, beside the length of the audio that is sent."""

KEPT_BYTES = 30 * RATE * 2
"""How much of an utterance is kept to be heard again by the next worker, should this one die."""

_ATTEMPTS = 2


class Call:
    """One stream's utterances in one of the workers. Only the slot's own thread uses it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: Worker | None = None
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0

    @property
    def utterance(self) -> bytes:
        """What was heard since the last finish, or the newest `KEPT_BYTES` of it."""
        return b"".join(self._kept)

    def keep(self, pcm: bytes) -> None:
        self._kept.append(pcm)
        self._kept_bytes += len(pcm)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())

    def forget(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0


class Slot:
    """A place for one worker, and the thread that talks to it. A worker that dies is replaced at the next request.

    All methods but `close` block: they are for `run_in_executor(slot.thread, ...)`.
    """

    _numbers = itertools.count(1)

    def __init__(self, phrases: Sequence[str]) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="hocket-pocketsphinx")
        self.calls = 0
        """How many are open."""
        self._phrases = list(phrases)
        self._closed = False
        self._worker = Worker(self._phrases)

    @property
    def pid(self) -> int:
        return self._worker.pid

    def open(self) -> Call:
        """A new call, ready to be heard. Raises `SttError`."""
        call = Call(next(self._numbers))
        self.hear(call, b"", False)
        return call

    def hear(self, call: Call, pcm: bytes, finish: bool) -> Heard:
        """Take the next samples of a call. Raises `SttError` when two workers died of them."""
        cpu_ns = 0
        for _ in range(_ATTEMPTS):
            worker = self._living()
            try:
                if call.worker is not worker:
                    cpu_ns += self._move(call, worker)
                heard = worker.ask(Hear(call.number, pcm, finish))
            except WorkerLost as error:
                worker.stop()
                lost = error
                continue
            call.keep(pcm)
            if finish:
                call.forget()
            return msgspec.structs.replace(heard, cpu_ns=heard.cpu_ns + cpu_ns)
        raise SttError(f"The process of pocketsphinx {lost}, twice. Open a new stream.")

    def end(self, call: Call) -> None:
        """Forget a call."""
        if call.worker is not None and call.worker is self._worker and not call.worker.stopped:
            try:
                call.worker.ask(Close(call.number))
            except WorkerLost:
                call.worker.stop()

    def close(self) -> None:
        """End the worker; a request that it is at fails with `SttError`."""
        self._closed = True
        self._worker.stop()
        self.thread.shutdown(wait=False)

    def _move(self, call: Call, worker: Worker) -> int:
        opened = worker.ask(Open(call.number))
        cpu_ns = opened.cpu_ns
        if call.utterance:
            cpu_ns += worker.ask(Hear(call.number, call.utterance)).cpu_ns
        call.worker = worker
        return cpu_ns

    def _living(self) -> Worker:
        if self._worker.stopped and not self._closed:
            self._worker = Worker(self._phrases)
        if self._closed:
            self._worker.stop()
            raise SttError("This recogniser has been closed. Make a new one.", retryable=False)
        return self._worker


class WorkerLost(Exception):
    """The worker process ended, or does not answer."""


class Worker:
    """The process. It ends when this object is stopped or forgotten, or when hocket itself ends, however it does."""

    def __init__(self, phrases: list[str]) -> None:
        self._connection, theirs = Pipe()
        # A session of its own: an interrupt at the terminal is hocket's to handle.
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self.pid = process.pid
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._stop = weakref.finalize(self, _end, process, self._connection)
        self._start: Start | None = Start(phrases)

    @property
    def stopped(self) -> bool:
        return not self._stop.alive

    def ask(self, request: Request) -> Heard:
        """Send a request and wait for its answer. Raises `WorkerLost`, and `SttError` when it cannot work."""
        if self._start:
            start, self._start = self._start, None
            self._exchange(start, START_TIMEOUT_S)
        seconds = len(request.pcm) / (2 * RATE) if isinstance(request, Hear) else 0.0
        return self._exchange(request, ANSWER_TIMEOUT_S + seconds)

    def stop(self) -> None:
        """Kill it and wait until it is gone; once is enough."""
        self._stop()

    def _exchange(self, request: Request, timeout_s: float) -> Heard:
        try:
            self._connection.send_bytes(msgspec.msgpack.encode(request))
            if not self._connection.poll(timeout_s):
                raise WorkerLost(f"gave no answer for {timeout_s:.0f} s")
            answer: Answer = self._decoder.decode(self._connection.recv_bytes())
        except (EOFError, OSError, msgspec.MsgspecError) as error:
            raise WorkerLost("died") from error
        if isinstance(answer, Failed):
            raise SttError(f"pocketsphinx cannot recognise: {answer.reason}.", retryable=False)
        return answer


def _end(process: subprocess.Popen[bytes], connection: Connection) -> None:
    process.kill()
    process.wait()
    connection.close()

"""The process in which pocketsphinx recognises, and the messages between it and hocket.

One request is answered before the next is read. The worker ends when its connection does.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from typing import TypeAlias

import msgspec

from hocket.clock import cpu_time
from hocket.providers.sphinx_decoding import Choice, Models, Recogniser


class Start(msgspec.Struct, frozen=True, tag=True):
    """To the worker, first: load the models."""

    phrases: list[str]


class Open(msgspec.Struct, frozen=True, tag=True):
    """To the worker: a call begins."""

    stream: int


class Hear(msgspec.Struct, frozen=True, tag=True):
    """To the worker: more of a call's sound."""

    stream: int
    pcm: bytes
    """int16 in the machine's byte order, at 16 kHz."""
    finish: bool = False
    """The utterance ends after it."""


class Close(msgspec.Struct, frozen=True, tag=True):
    """To the worker: a call is over."""

    stream: int


class Heard(msgspec.Struct, frozen=True, tag=True):
    """From the worker, to every request: the utterance so far, empty where there is none."""

    words: tuple[str, ...]
    from_phrases: bool
    cpu_ns: int
    """Processor time that the request took."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From the worker, before it ends: it cannot work, and why."""

    reason: str


Request: TypeAlias = Start | Open | Hear | Close
Answer: TypeAlias = Heard | Failed


def main(descriptor: int) -> None:
    """Serve until the connection ends."""
    connection = Connection(descriptor)
    decoder = msgspec.msgpack.Decoder(Request)
    worker = _Worker()
    while True:
        request = decoder.decode(connection.recv_bytes())
        before = cpu_time()
        try:
            choice = worker.answer(request)
        except (ImportError, RuntimeError, OSError, ValueError) as error:
            connection.send_bytes(msgspec.msgpack.encode(Failed(str(error))))
            return
        heard = Heard(choice.words, choice.from_phrases, cpu_time() - before)
        connection.send_bytes(msgspec.msgpack.encode(heard))


class _Worker:
    """The models and the calls."""

    def __init__(self) -> None:
        self._models: Models | None = None
        self._free: list[Recogniser] = []
        self._calls: dict[int, Recogniser] = {}

    def answer(self, request: Request) -> Choice:
        match request:
            case Start(phrases):
                self._models = Models(phrases)
                self._free.append(Recogniser(self._models))
            case Open(stream):
                assert self._models, "the first message is Start"
                self._calls[stream] = self._free.pop() if self._free else Recogniser(self._models)
            case Hear(stream, pcm, finish):
                heard = self._calls[stream].hear(pcm)
                return self._calls[stream].finish() if finish else heard
            case Close(stream):
                if recogniser := self._calls.pop(stream, None):
                    recogniser.restart()
                    self._free.append(recogniser)
        return Choice((), False)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (EOFError, OSError):
        sys.exit(0)

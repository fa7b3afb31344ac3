"""The process in which espeak-ng speaks, and the messages between it and hocket.

espeak-ng is GPL-3 and keeps global state: only this process loads it, and it does one synthesis at a time. Messages
are MessagePack with the length before them in four bytes, little-endian. The worker ends when its input does.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
from ctypes import POINTER, c_char_p, c_int, c_short, c_uint, c_void_p
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from hocket.clock import cpu_time

RATE = 22_050
"""What espeak-ng makes with all voices of its own."""

_LENGTH_BYTES = 4
_READ_BYTES = 1 << 16


class Say(msgspec.Struct, frozen=True, tag=True):
    """To the worker: speak this."""

    request: int
    text: str


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """To the worker: no more of this; `Done` follows all the same."""

    request: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From the worker, once: the voice is loaded."""


class Audio(msgspec.Struct, frozen=True, tag=True):
    """From the worker: the next samples."""

    request: int
    pcm: bytes
    """int16 in the machine's byte order, at `RATE`."""
    words: list[tuple[int, int]]
    """Offset in the text in characters, first sample."""
    cpu_ns: int
    """Processor time since the message before."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """From the worker: the synthesis is over."""

    request: int
    cpu_ns: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From the worker, before it ends: it cannot work, and why."""

    reason: str


Order: TypeAlias = Say | Cancel
Answer: TypeAlias = Ready | Audio | Done | Failed

T = TypeVar("T")


class Channel(Generic[T]):
    """Messages over a pair of pipes."""

    def __init__(self, source: int, sink: int, incoming: Any) -> None:
        self._source = source
        self._sink = sink
        self._decoder = msgspec.msgpack.Decoder(incoming)
        self._buffer = bytearray()

    def send(self, message: Order | Answer) -> None:
        """Raises OSError when the other side is gone."""
        body = msgspec.msgpack.encode(message)
        rest = memoryview(len(body).to_bytes(_LENGTH_BYTES, "little") + body)
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def receive(self, timeout_s: float | None) -> T:
        """Wait for a message. Raises EOFError when the other side is gone, TimeoutError."""
        while (message := self._whole()) is None:
            if not select.select([self._source], [], [], timeout_s)[0]:
                raise TimeoutError
            data = os.read(self._source, _READ_BYTES)
            if not data:
                raise EOFError
            self._buffer += data
        return message

    def _whole(self) -> T | None:
        end = _LENGTH_BYTES + int.from_bytes(self._buffer[:_LENGTH_BYTES], "little")
        if len(self._buffer) < max(end, _LENGTH_BYTES + 1):
            return None
        body = bytes(self._buffer[_LENGTH_BYTES:end])
        del self._buffer[:end]
        message: T = self._decoder.decode(body)
        return message


def main(voice: str) -> None:
    """Serve until the input ends."""
    # What a library prints must not get among the messages.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    channel: Channel[Order] = Channel(sys.stdin.fileno(), answers, Order)
    try:
        espeak = _Espeak(voice, channel)
    except (ImportError, OSError, ValueError) as error:
        channel.send(Failed(str(error)))
        return
    channel.send(Ready())
    while True:
        match channel.receive(None):
            case Say(request, text):
                espeak.say(request, text)
            case Cancel():
                pass  # of a synthesis that was over before this arrived


class _EventName(ctypes.Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _EventName),
    )


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))
_EVENT_LIST_ENDS, _EVENT_WORD = 0, 1
_OUTPUT_SYNCHRONOUS = 2
_POSITION_CHARACTER = 1
_TEXT_UTF8 = 1
_CHUNK_MS = 20
_GO_ON, _STOP = 0, 1
_GONE = (EOFError, OSError)


class _Espeak:
    """The library, with one voice."""

    def __init__(self, voice: str, channel: Channel[Order]) -> None:
        import espeakng_loader  # GPL: nowhere but in this process

        self._channel = channel
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        rate = self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, _CHUNK_MS, data, 0)
        if rate != RATE:
            raise ValueError(f"espeak-ng gave {rate} where {RATE} Hz was expected")
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._request = 0
        self._since_ns = 0
        self._gone = False
        self._callback = _Callback(self._hand_out)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, request: int, text: str) -> None:
        self._request = request
        self._since_ns = cpu_time()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _TEXT_UTF8, None, None)
        if self._gone:
            raise EOFError
        self._channel.send(Done(request, self._spent()))

    def _hand_out(self, samples: Any, count: int, events: Any) -> int:
        try:
            if not samples or count <= 0:
                return _GO_ON
            pcm = ctypes.string_at(samples, count * ctypes.sizeof(c_short))
            self._channel.send(Audio(self._request, pcm, _words(events), self._spent()))
            return _STOP if self._cancelled() else _GO_ON
        except _GONE:
            self._gone = True
            return _STOP

    def _cancelled(self) -> bool:
        try:
            return self._channel.receive(0) == Cancel(self._request)
        except TimeoutError:
            return False

    def _spent(self) -> int:
        before, self._since_ns = self._since_ns, cpu_time()
        return self._since_ns - before


def _words(events: Any) -> list[tuple[int, int]]:
    words = []
    at = 0
    while events[at].type != _EVENT_LIST_ENDS:
        if events[at].type == _EVENT_WORD:
            words.append((events[at].text_position - 1, events[at].sample))
        at += 1
    return words


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except _GONE:
        sys.exit(0)

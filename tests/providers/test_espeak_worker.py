"""The messages, here; the loop, in a process of its own, because espeak-ng is GPL."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from hocket.clock import SECOND, stopwatch
from hocket.providers.espeak_worker import RATE, Answer, Audio, Cancel, Channel, Done, Failed, Order, Ready, Say

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed"
)
TIMEOUT_S = 20.0
LONG = "incomprehensibilities " * 300


class Pipe(NamedTuple):
    source: int
    sink: int

    def channel(self, incoming: Any = Order) -> Channel[Any]:
        """Both ends of the same pipe: what is sent is received."""
        return Channel(self.source, self.sink, incoming)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    for end in made:
        with contextlib.suppress(OSError):  # some tests close an end themselves
            os.close(end)


def framed(message: Order) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "little") + body


def test_messages_arrive_whole_and_in_order(pipe: Pipe) -> None:
    channel = pipe.channel()
    sent: list[Order] = [Say(1, "Good morning."), Say(2, ""), Cancel(1), Say(3, "日本語 “fine”\x00")]
    for message in sent:
        channel.send(message)
    assert [channel.receive(TIMEOUT_S) for _ in sent] == sent


def test_answers_have_their_own_types(pipe: Pipe) -> None:
    channel = pipe.channel(Answer)
    sent: list[Answer] = [
        Ready(),
        Audio(1, b"\x00\x01" * 700, [(0, 0), (6, 5_000)], 12),
        Done(1, 7),
        Failed("no voice"),
    ]
    for message in sent:
        channel.send(message)
    assert [channel.receive(TIMEOUT_S) for _ in sent] == sent


def test_a_message_that_comes_in_pieces_is_put_together(pipe: Pipe) -> None:
    channel = pipe.channel()
    data = framed(Say(7, "Good morning."))
    for piece in (data[:2], data[2:4], data[4:5], data[5:-1]):
        os.write(pipe.sink, piece)
        with pytest.raises(TimeoutError):
            channel.receive(0)
    os.write(pipe.sink, data[-1:] + framed(Cancel(7))[:3])
    assert channel.receive(0) == Say(7, "Good morning.")
    os.write(pipe.sink, framed(Cancel(7))[3:])
    assert channel.receive(0) == Cancel(7)


def test_messages_that_come_together_are_taken_apart(pipe: Pipe) -> None:
    os.write(pipe.sink, framed(Say(1, "a")) + framed(Cancel(1)) + framed(Say(2, "b")))
    os.close(pipe.sink)
    channel = pipe.channel()
    assert [channel.receive(0) for _ in range(3)] == [Say(1, "a"), Cancel(1), Say(2, "b")]
    with pytest.raises(EOFError):
        channel.receive(0)


def test_a_side_that_ended_is_told_from_one_that_is_silent(pipe: Pipe) -> None:
    channel = pipe.channel()
    with pytest.raises(TimeoutError):
        channel.receive(0)
    os.write(pipe.sink, framed(Say(1, "cut off"))[:6])
    os.close(pipe.sink)
    with pytest.raises(EOFError):
        channel.receive(TIMEOUT_S)


def test_sending_to_a_side_that_ended_is_an_os_error(pipe: Pipe) -> None:
    os.close(pipe.source)
    with pytest.raises(BrokenPipeError):
        pipe.channel().send(Say(1, "nobody is there"))


def test_a_message_that_is_none_is_refused(pipe: Pipe) -> None:
    os.write(pipe.sink, framed(Say(1, "an order")))
    with pytest.raises(msgspec.ValidationError):
        pipe.channel(Answer).receive(TIMEOUT_S)


class Worker:
    """The worker process, and our end of its pipes."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdin
        assert self.process.stdout
        self.channel: Channel[Answer] = Channel(self.process.stdout.fileno(), self.process.stdin.fileno(), Answer)

    def next(self) -> Answer:
        return self.channel.receive(TIMEOUT_S)

    def spoken(self, request: int) -> tuple[list[Audio], Done]:
        """All up to the end of a synthesis."""
        audio: list[Audio] = []
        while True:
            match self.next():
                case Audio() as piece:
                    assert piece.request == request
                    audio.append(piece)
                case Done() as done:
                    assert done.request == request
                    return audio, done
                case other:
                    raise AssertionError(f"not expected while it speaks: {other}")

    def hang_up(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("-m", "hocket.providers.espeak_worker", "en-us")
    try:
        assert made.next() == Ready()
        yield made
    finally:
        made.close()


def without_espeak(lines: str) -> Worker:
    """A worker whose loader is replaced before it starts."""
    return Worker("-c", f"import sys, types\n{lines}\nfrom hocket.providers.espeak_worker import main; main('en-us')")


@needs_espeak
def test_it_speaks_orders_one_after_the_other(worker: Worker) -> None:
    worker.channel.send(Say(1, "Good morning, everybody."))
    first, done = worker.spoken(1)
    worker.channel.send(Say(2, "Good."))
    second, _ = worker.spoken(2)
    samples = [np.frombuffer(b"".join(piece.pcm for piece in pieces), np.int16) for pieces in (first, second)]
    assert len(samples[0]) > RATE
    assert len(samples[0]) > 2 * len(samples[1]) > 0
    assert all(np.abs(sound.astype(np.int32)).max() > 3000 for sound in samples)
    assert all(piece.cpu_ns >= 0 for piece in first)
    assert 0 < sum(piece.cpu_ns for piece in first) + done.cpu_ns < SECOND


@needs_espeak
def test_words_are_told_by_their_place_in_the_text_and_in_the_sound(worker: Worker) -> None:
    said = "It’s ten, everybody."
    worker.channel.send(Say(1, said))
    pieces, _ = worker.spoken(1)
    words = [word for piece in pieces for word in piece.words]
    assert [at for at, _ in words] == [said.index(word) for word in ("It’s", "ten", "everybody")]
    places = [sample for _, sample in words]
    assert places == sorted(places)
    assert 0 <= places[0] < places[-1] < sum(len(piece.pcm) for piece in pieces) // 2


@needs_espeak
def test_nothing_to_say_is_done_at_once(worker: Worker) -> None:
    worker.channel.send(Say(1, ""))
    pieces, _ = worker.spoken(1)
    assert [word for piece in pieces for word in piece.words] == []


@needs_espeak
def test_a_cancelled_synthesis_is_done_early_and_the_next_one_is_whole(worker: Worker) -> None:
    worker.channel.send(Say(1, "Good morning."))
    whole, _ = worker.spoken(1)
    worker.channel.send(Say(2, LONG))
    assert isinstance(worker.next(), Audio)
    worker.channel.send(Cancel(2))
    rest, _ = worker.spoken(2)
    # 300 words are minutes of speech; 64 KiB of pipe hold 1.5 s of it.
    assert sum(len(piece.pcm) for piece in rest) // 2 < 10 * RATE
    worker.channel.send(Say(3, "Good morning."))
    again, _ = worker.spoken(3)
    assert sum(len(piece.pcm) for piece in again) == pytest.approx(sum(len(piece.pcm) for piece in whole), rel=0.02)


@needs_espeak
def test_cancelling_what_is_over_does_nothing(worker: Worker) -> None:
    worker.channel.send(Cancel(9))
    worker.channel.send(Say(1, "Good."))
    assert worker.spoken(1)[0]
    worker.channel.send(Cancel(1))
    worker.channel.send(Say(2, "Good."))
    assert worker.spoken(2)[0]


@needs_espeak
def test_it_ends_with_its_input_and_complains_of_nothing(worker: Worker) -> None:
    worker.channel.send(Say(1, "Good."))
    worker.spoken(1)
    worker.hang_up()
    assert worker.process.wait(TIMEOUT_S) == 0
    assert worker.process.stderr
    assert worker.process.stderr.read() == b""
    with pytest.raises(EOFError):
        worker.next()


@needs_espeak
def test_it_ends_in_the_middle_of_a_word_when_its_input_does(worker: Worker) -> None:
    worker.channel.send(Say(1, LONG))
    assert isinstance(worker.next(), Audio)
    began = stopwatch()
    worker.hang_up()
    with contextlib.suppress(EOFError):
        while True:
            assert isinstance(worker.next(), Audio), "nothing is done after the input ended"
    assert worker.process.wait(TIMEOUT_S) == 0
    assert stopwatch() - began < 5 * SECOND


@needs_espeak
def test_an_unknown_voice_is_its_last_word() -> None:
    lost = Worker("-m", "hocket.providers.espeak_worker", "xx-nobody")
    try:
        answer = lost.next()
        assert isinstance(answer, Failed)
        assert "xx-nobody" in answer.reason
        assert lost.process.wait(TIMEOUT_S) == 0
    finally:
        lost.close()


@pytest.mark.parametrize(
    ("loader", "reason"),
    [
        ("sys.modules['espeakng_loader'] = None", "espeakng_loader"),
        (
            "sys.modules['espeakng_loader'] = types.SimpleNamespace(get_library_path=lambda: '/nowhere/libespeak.so')",
            "/nowhere/libespeak.so",
        ),
    ],
)
def test_without_the_library_it_says_why(loader: str, reason: str) -> None:
    lost = without_espeak(loader)
    try:
        answer = lost.next()
        assert isinstance(answer, Failed)
        assert reason in answer.reason
        assert lost.process.wait(TIMEOUT_S) == 0
    finally:
        lost.close()


def test_what_a_library_prints_is_not_among_the_messages() -> None:
    chatty = "\n".join(
        [
            "import os",
            "def path():",
            "    os.write(1, b'Welcome to the speech library!')",
            "    return '/nowhere/libespeak.so'",
            "sys.modules['espeakng_loader'] = types.SimpleNamespace(get_library_path=path)",
        ]
    )
    lost = without_espeak(chatty)
    try:
        assert isinstance(lost.next(), Failed)
        assert lost.process.stderr
        assert b"Welcome" in lost.process.stderr.read()
    finally:
        lost.close()


def test_the_library_was_never_in_this_process() -> None:
    assert "espeakng_loader" not in sys.modules
    assert "libespeak" not in Path("/proc/self/maps").read_text()

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from hocket.audio.frame import Frame, Samples
from hocket.audio.opus import OpusDecoder, OpusEncoder
from hocket.sim.loop import run
from hocket.transports.webrtc.hearing import DTX_STALL_S, STALL_S, Hearing
from hocket.transports.webrtc.libopus import load_opus
from hocket.transports.webrtc.rtp import write_rtp
from tests.speech import clip

OPUS, KEYS = 111, 126
RATE = 16_000


class Call:
    """A caller's packets at their times, and what is heard of them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.frames: list[Frame] = []
        self.at: list[float] = []
        self.keys: list[str] = []
        self.hearing = Hearing(load_opus(), RATE, self._heard, self.keys.append)
        self.hearing.begin(OPUS, KEYS)

    def _heard(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.at.append(self.loop.time() - self.began)

    def send(self, number: int, payload: bytes, kind: int = OPUS, timestamp: int | None = None) -> None:
        timestamp = number * 960 if timestamp is None else timestamp
        self.hearing.take(write_rtp(kind, False, number & 0xFFFF, timestamp & 0xFFFFFFFF, 7, payload))

    async def until(self, seconds: float) -> None:
        await asyncio.sleep(self.began + seconds - self.loop.time())

    def samples(self) -> Samples:
        sizes = [len(frame.samples) for frame in self.frames]
        assert sizes == [320] * len(sizes)
        assert [frame.at for frame in self.frames] == [320 * number for number in range(len(sizes))]
        return np.concatenate([frame.samples for frame in self.frames])


def packets() -> list[bytes]:
    encoder = OpusEncoder(load_opus(), RATE, loss_percent=20)
    speech = clip("read_sentence/arctic_a0024.wav")
    return [encoder.encode(speech[at : at + 320]) for at in range(0, len(speech) - 319, 320)]


def decoded(sent: list[bytes]) -> Samples:
    decoder = OpusDecoder(load_opus(), RATE)
    return np.concatenate([decoder.decode(packet) for packet in sent])


def scene(play: Callable[[Call], Coroutine[Any, Any, None]]) -> Call:
    async def scenario() -> Call:
        call = Call()
        await play(call)
        call.hearing.stop()
        return call

    return run(scenario())


def likeness(a: Samples, b: Samples) -> float:
    x, y = a.astype(float), b.astype(float)
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-9))


def test_what_arrives_in_order_is_heard_at_once_and_exactly() -> None:
    sent = packets()[:60]

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            await call.until(number * 0.02)
            call.send(number, packet)
            assert len(call.frames) == number + 1

    call = scene(play)
    assert np.array_equal(call.samples(), decoded(sent))


def test_lost_packets_are_rebuilt_from_their_copies() -> None:
    sent = packets()

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            await call.until(number * 0.02)
            if number % 8 != 5:
                call.send(number, packet)
        await call.until(len(sent) * 0.02)

    call = scene(play)
    heard, whole = call.samples(), decoded(sent)
    assert len(heard) == len(whole)
    assert likeness(heard, whole) > 0.97
    rebuilt, lost = call.hearing.concealed
    assert rebuilt == lost > 10
    lost_frames = [slice(320 * number, 320 * number + 320) for number in range(5, len(sent) - 1, 8)]
    assert (
        likeness(
            np.concatenate([heard[part] for part in lost_frames]), np.concatenate([whole[part] for part in lost_frames])
        )
        > 0.8
    )


def test_swapped_packets_are_heard_as_they_were_said() -> None:
    sent = packets()[:41]

    async def play(call: Call) -> None:
        call.send(0, sent[0])
        for number in range(1, 41, 2):
            await call.until(number * 0.02)
            call.send(number + 1, sent[number + 1])
            await asyncio.sleep(0.004)
            call.send(number, sent[number])

    assert np.array_equal(scene(play).samples(), decoded(sent))


def test_a_stall_of_the_network_is_waited_for_and_nothing_is_missed() -> None:
    sent = packets()[:60]

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            await call.until(number * 0.02 if number < 20 else max(number * 0.02, 0.4 + STALL_S - 0.1))
            call.send(number, packet)

    call = scene(play)
    assert np.array_equal(call.samples(), decoded(sent))


def test_time_goes_on_when_nothing_comes_and_the_stream_finds_its_place_again() -> None:
    sent = packets()[:20]

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            await call.until(number * 0.02)
            call.send(number, packet)
        await call.until(3.0)
        assert abs(len(call.frames) - 150) <= 2, "one frame for each 20 ms"
        for number in range(150, 200):
            await call.until(number * 0.02)
            call.send(number, sent[number % 20])
        await call.until(4.0)

    call = scene(play)
    heard = call.samples()
    assert abs(len(call.frames) - 200) <= 2
    assert not heard[320 * 40 : 320 * 145].any(), "silence"
    filled = [later - now for now, later in zip(call.at[50:140], call.at[51:141], strict=True)]
    assert max(filled) < 0.021, "at its pace"


def test_announced_silence_is_silence_at_once() -> None:
    sent = packets()[:10]

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            await call.until(number * 0.02)
            call.send(number, packet)
        call.send(10, b"\x48")
        await call.until(0.18 + STALL_S)
        assert len(call.frames) * 0.02 > 0.18 + STALL_S - DTX_STALL_S - 0.02

    scene(play)


def test_nobody_speaks_yet_and_time_goes_on_all_the_same() -> None:
    async def play(call: Call) -> None:
        await call.until(2.0)
        assert abs(len(call.frames) - 100) <= 2
        assert not call.samples().any()

    scene(play)


def test_keys_are_pressed_between_the_sounds() -> None:
    sent = packets()[:10]

    async def play(call: Call) -> None:
        for number in range(5):
            call.send(number, sent[number])
        for number in range(5, 12):
            call.send(number, bytes((7, 10, 0, 160)), KEYS, timestamp=5 * 960)
        call.send(12, sent[5], timestamp=12 * 960)

    call = scene(play)
    assert call.keys == ["7"]
    assert len(call.frames) == 13


def test_what_is_not_for_it_is_not_heard() -> None:
    async def play(call: Call) -> None:
        call.send(0, packets()[0], kind=96)
        call.hearing.take(b"")
        call.hearing.take(bytes(40))
        call.send(1, b"")
        call.send(2, b"\x4b\x00")
        assert not call.frames

    scene(play)


def test_damaged_packets_are_made_up_for() -> None:
    sent = packets()[:10]

    async def play(call: Call) -> None:
        for number, packet in enumerate(sent):
            call.send(number, packet if number != 5 else b"\x4b\x81\xff\xff")
        assert 9 <= len(call.frames) <= 10

    scene(play).samples()


def test_another_connection_goes_on_in_media_time() -> None:
    sent = packets()[:20]

    async def play(call: Call) -> None:
        for number in range(10):
            call.send(number, sent[number])
        call.hearing.begin(OPUS, None)
        for number in range(40_000, 40_010):
            call.send(number, sent[number % 10])

    call = scene(play)
    call.samples()
    assert len(call.frames) == 20

from __future__ import annotations

import gc
import resource
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import Samples, silence
from hocket.audio.opus import (
    DTX_BYTES,
    HIGHEST_BITRATE,
    LOWEST_BITRATE,
    RATES,
    OpusDecoder,
    OpusEncoder,
    packet_samples,
)
from hocket.audio.resample import resample
from hocket.errors import AudioError
from hocket.transports.webrtc.libopus import load_opus
from tests.speech import clip

FRAME = 960


def speech(rate: int) -> list[Samples]:
    samples = resample(clip("read_sentence/arctic_a0024.wav"), 16_000, rate)
    count = rate // 50
    return [samples[at : at + count] for at in range(0, len(samples) - count + 1, count)]


def similarity(heard: Samples, said: Samples) -> float:
    """The best correlation coefficient over the delays a codec may have."""
    said = said.astype(float)
    best = 0.0
    for delay in range(400):
        a, b = heard[delay:].astype(float), said[: len(heard) - delay]
        length = min(len(a), len(b))
        a, b = a[:length], b[:length]
        best = max(best, float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)))
    return best


@pytest.mark.parametrize("rate", RATES)
def test_what_is_encoded_sounds_the_same_at_every_rate(rate: int) -> None:
    frames = speech(rate)[:75]
    encoder, decoder = OpusEncoder(load_opus(), rate, bitrate=32_000), OpusDecoder(load_opus(), rate)
    heard = np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames])
    assert len(heard) == len(frames) * rate // 50
    assert similarity(heard, np.concatenate(frames)) > 0.8


def test_the_wire_has_its_own_rate() -> None:
    encoder, decoder = OpusEncoder(load_opus(), 24_000), OpusDecoder(load_opus(), 16_000)
    packet = encoder.encode(silence(480))
    assert packet_samples(packet) == FRAME
    assert len(decoder.decode(packet)) == 320


def test_a_lost_packet_is_rebuilt_from_the_next() -> None:
    rate = 16_000
    frames = speech(rate)
    encoder = OpusEncoder(load_opus(), rate, loss_percent=20)
    packets = [encoder.encode(frame) for frame in frames]
    rebuilt, made_up = OpusDecoder(load_opus(), rate), OpusDecoder(load_opus(), rate)
    whole = OpusDecoder(load_opus(), rate)
    differences = np.zeros((2, len(frames)))
    for number, packet in enumerate(packets):
        true = whole.decode(packet).astype(float)
        if number % 5 == 2 and number + 1 < len(packets):
            kept = rebuilt.recover(packets[number + 1], FRAME), made_up.conceal(FRAME)
        else:
            kept = rebuilt.decode(packet), made_up.decode(packet)
        for which, samples in enumerate(kept):
            differences[which, number] = np.sum((samples - true) ** 2)
    # In the frames that were lost, the copy is much nearer to what was said than what is made up.
    lost = differences[:, 2:-1:5].sum(axis=1)
    assert lost[0] < 0.5 * lost[1]


def test_the_copy_is_paid_for_out_of_the_same_bitrate() -> None:
    frames = speech(16_000)
    sizes = []
    for loss in (0, 25):
        encoder = OpusEncoder(load_opus(), 16_000, loss_percent=loss, bitrate=16_000)
        sizes.append(sum(len(encoder.encode(frame)) for frame in frames))
    assert sizes[1] < 1.5 * sizes[0]


def test_bitrate_follows_at_once() -> None:
    frames = speech(24_000)[:100]
    encoder = OpusEncoder(load_opus(), 24_000, bitrate=HIGHEST_BITRATE)
    much = sum(len(encoder.encode(frame)) for frame in frames)
    encoder.adjust(bitrate=LOWEST_BITRATE)
    little = sum(len(encoder.encode(frame)) for frame in frames)
    assert little < 0.5 * much
    encoder.adjust(bitrate=1, loss_percent=200, complexity=99)
    assert (encoder.bitrate, encoder.loss_percent, encoder.complexity) == (LOWEST_BITRATE, 100, 10)


@pytest.mark.parametrize("count", [120, 480, 960, 5760])
def test_made_up_sound_has_the_length_that_is_asked_for(count: int) -> None:
    decoder = OpusDecoder(load_opus(), 16_000)
    assert len(decoder.conceal(count)) == count // 3
    decoder.reset()
    assert not decoder.conceal(count).any()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_packet_or_an_error(packet: bytes) -> None:
    decoder = OpusDecoder(load_opus(), 16_000)
    samples = packet_samples(packet)
    assert 0 <= samples <= 5760
    if not packet:
        return
    with suppress(AudioError):
        assert len(decoder.decode(packet)) == samples // 3
    assert len(decoder.conceal(FRAME)) == 320


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (b"\x48", 960),  # SILK wide band 20 ms, one empty frame: silence
        (b"\x58x", 2880),  # SILK wide band 60 ms
        (b"\x78x", 960),  # hybrid 20 ms
        (b"\x80x", 120),  # CELT 2.5 ms
        (b"\x49xy", 1920),  # two frames
        (b"\x4b", 0),  # a number of frames that is not there
        (b"\x4b\x00", 0),
        (b"\x5b\x03", 0),  # 180 ms
    ],
)
def test_a_packet_says_how_long_it_lasts(packet: bytes, samples: int) -> None:
    assert packet_samples(packet) == samples
    assert len(b"\x48") <= DTX_BYTES


def test_encoders_and_decoders_are_freed() -> None:

    def most() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def churn() -> None:
        for _ in range(400):
            OpusEncoder(load_opus(), 48_000)
            OpusDecoder(load_opus(), 48_000)
        gc.collect()

    churn()
    before = most()
    churn()
    churn()
    assert most() - before < 8_000, "kilobytes: 800 leaked encoders would be over 30 MB"

from __future__ import annotations

import numpy as np
import pytest

from hocket.errors import TransportError
from hocket.transports.client_messages import AudioFormat
from hocket.transports.incoming import BURST_S, LATE_S, Codec, Incoming

FRAME = 320


def incoming() -> Incoming:
    return Incoming(Codec(AudioFormat()), 0.0)


@pytest.mark.parametrize("audio", [AudioFormat("mulaw", 8_000), AudioFormat("pcm16", 48_000)])
def test_samples_survive_their_encoding(audio: AudioFormat) -> None:
    codec = Codec(audio)
    samples = codec.decode(codec.encode(np.arange(-500, 500, dtype=np.int16) * 60))
    assert len(codec.encode(samples)) == 1000 * codec.width
    assert np.array_equal(codec.decode(codec.encode(samples)), samples)
    assert codec.frame_samples == audio.rate // 50


def test_a_frame_is_made_of_parts_of_messages() -> None:
    audio = incoming()
    assert audio.take(bytes(638), 0.02) == []
    (frame,) = audio.take(b"\x01\x00\x02\x00", 0.021)
    assert (frame.at, frame.rate, frame.samples[-1]) == (0, 16_000, 1)
    (frame,) = audio.take(bytes(638), 0.04)
    assert (frame.at, frame.samples[0]) == (FRAME, 2)


def test_a_burst_is_bounded_and_a_backlog_is_not() -> None:
    audio = incoming()
    for _ in range(round(BURST_S * 50) + 1):  # the first 20 ms were over when they came
        audio.take(bytes(640), 1.0)
    with pytest.raises(TransportError, match="faster than it can be said"):
        audio.take(bytes(640), 1.0)
    late = incoming()
    late.take(bytes(640), 0.02)
    for _ in range(200):
        late.take(bytes(640), 4.02)


def test_silence_keeps_step_with_the_clock() -> None:
    audio = incoming()
    audio.take(bytes(640), 0.02)
    assert audio.quiet_s(1.0) == pytest.approx(0.98)
    assert len(audio.fill(1.0)) == 49
    assert audio.fill(1.01) == []
    assert audio.next_fill(1.01) == pytest.approx(1.02)
    assert [frame.at for frame in audio.fill(1.02)] == [50 * FRAME]


def test_part_of_a_frame_is_filled_up() -> None:
    audio = incoming()
    audio.take(b"\x07\x00" * 100, 0.01)
    audio.take(b"\x07\x00" * 100, 0.02)
    (frame,) = audio.fill(0.04)
    assert (frame.samples[:200] == 7).all()
    assert not frame.samples[200:].any()


def test_late_audio_is_left_out_for_as_much_as_was_filled() -> None:
    audio = incoming()
    audio.take(bytes(640), 0.02)
    audio.fill(2.02)  # two seconds
    taken = sum(len(audio.take(bytes(640), 2.02)) for _ in range(100))
    assert taken == pytest.approx(LATE_S * 50, abs=1)
    now = 2.02
    for _ in range(500):
        now += 0.02
        taken += len(audio.take(bytes(640), now))
    assert taken >= 500, "what is said now is heard"

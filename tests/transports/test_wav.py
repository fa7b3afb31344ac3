from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hocket.audio.frame import Samples
from hocket.errors import AudioError
from hocket.transports.wav import open_audio

SECOND = 16_000


def tone(rate: int, seconds: float = 0.5, hertz: float = 440, amplitude: float = 0.3) -> np.ndarray[Any, Any]:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def played(path: Path, rate: int = 16_000) -> Samples:
    frames = list(open_audio(path).frames(rate))
    assert all(len(frame) == rate // 50 for frame in frames[:-1])
    assert 0 < len(frames[-1]) <= rate // 50
    return np.concatenate(frames)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("stereo.wav", 16_000, 2, "PCM_16"),
        ("phone.wav", 8_000, 1, "ULAW"),
        ("alaw.wav", 8_000, 1, "ALAW"),
        ("eight_bit.wav", 8_000, 1, "PCM_U8"),
        ("cd.wav", 44_100, 2, "PCM_16"),
        ("studio.wav", 48_000, 1, "PCM_24"),
        ("float.wav", 16_000, 1, "FLOAT"),
        ("double.wav", 22_050, 6, "DOUBLE"),
        ("long_words.wav", 16_000, 1, "PCM_32"),
        ("packed.flac", 24_000, 1, "PCM_24"),
        ("packed.ogg", 48_000, 2, "VORBIS"),
    ],
)
def test_every_format_becomes_the_same_mono_samples(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    soundfile.write(tmp_path / name, np.stack([tone(rate)] * channels, axis=1), rate, subtype=subtype)
    file = open_audio(tmp_path / name)
    assert (file.rate, file.channels, file.note) == (rate, channels, "")
    assert file.seconds == pytest.approx(0.5, abs=0.001)
    wanted, got = tone(16_000) * 32768, played(tmp_path / name).astype(float)
    assert len(got) == len(wanted)
    middle = slice(800, -800)
    error = got[middle] - wanted[middle]
    # 8-bit steps are the coarsest of these: 20 dB below the tone at the very least.
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(wanted[middle] ** 2))


def test_channels_are_mixed_not_dropped(tmp_path: Path) -> None:
    left = np.full(SECOND, 8_000, np.int16)
    soundfile.write(tmp_path / "a.wav", np.stack([left, np.zeros_like(left)], axis=1), SECOND)
    assert set(played(tmp_path / "a.wav").tolist()) == {4_000}


def test_16_bit_samples_are_kept_exactly(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 40_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, SECOND)
    assert np.array_equal(played(tmp_path / "a.wav"), samples)


def test_overdriven_and_broken_floats_are_clipped(tmp_path: Path) -> None:
    values = np.array([0.5, 2.0, -3.0, np.nan, np.inf, -np.inf] * 100, np.float32)
    soundfile.write(tmp_path / "a.wav", values, SECOND, subtype="FLOAT")
    assert played(tmp_path / "a.wav")[:6].tolist() == [16384, 32767, -32768, 0, 32767, -32768]


def test_a_truncated_wav_plays_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    samples = np.arange(SECOND).astype(np.int16)
    soundfile.write(path, samples, SECOND)
    path.write_bytes(path.read_bytes()[: 44 + 8_001])
    file = open_audio(path)
    assert file.note == f"{path} is cut off: 0.2 s of 1.0 s are there"
    assert np.array_equal(played(path), samples[:4_000])


def test_a_wav_written_into_a_pipe_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, np.arange(SECOND).astype(np.int16), SECOND)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:])
    assert open_audio(path).note == ""
    assert len(played(path)) == SECOND


def test_a_damaged_flac_plays_up_to_the_damage_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 4 * SECOND), SECOND)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    file = open_audio(path)
    got = np.concatenate(list(file.frames(SECOND)))
    assert SECOND <= len(got) <= 3.1 * SECOND
    assert "damaged" in file.note


def bad_files(folder: Path) -> dict[str, Path]:
    soundfile.write(folder / "good.wav", np.zeros(100, np.int16), SECOND)
    good = (folder / "good.wav").read_bytes()
    contents = {
        "empty.wav": b"",
        "text.wav": b"This is not audio at all, only words.\n" * 20,
        "zeros.wav": bytes(5_000),
        "random.wav": np.random.default_rng(0).bytes(5_000),
        "header_only.wav": good[:44],
        "half_a_header.wav": good[:30],
        "no_rate.wav": good[:24] + struct.pack("<I", 0) + good[28:],
        "rate_of_one.wav": good[:24] + struct.pack("<I", 1) + good[28:],
        "no_channels.wav": good[:22] + struct.pack("<H", 0) + good[24:],
        "unknown_codec.wav": good[:20] + struct.pack("<H", 99) + good[22:],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.wav").mkdir()
    names = [*contents, "folder.wav", "missing.wav"]
    return {name: folder / name for name in names}


BAD = ["empty.wav", "text.wav", "zeros.wav", "random.wav", "header_only.wav", "half_a_header.wav", "no_rate.wav",
       "rate_of_one.wav", "no_channels.wav", "unknown_codec.wav", "folder.wav", "missing.wav"]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_audio_gets_one_sentence(tmp_path: Path, name: str) -> None:
    path = bad_files(tmp_path)[name]
    with pytest.raises(AudioError) as caught:
        open_audio(path)
    sentence = str(caught.value)
    print(sentence.replace(str(tmp_path), ""))
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence.replace(str(path), "")) < 120


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b.wav"])
def test_an_impossible_name_is_a_sentence_too(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError):
        open_audio(tmp_path / name)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="pipe"):
        open_audio(tmp_path / "pipe.wav")


def test_the_file_is_closed_when_nobody_reads_on(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(5 * SECOND, np.int16), SECOND)
    before = len(os.listdir("/proc/self/fd"))
    frames = open_audio(tmp_path / "a.wav").frames(SECOND)
    next(frames)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    frames.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before


def test_three_hours_take_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    seconds = 3 * 3_600
    soundfile.write(path, np.zeros(8_000, np.int16), 8_000, subtype="ULAW")
    header = path.read_bytes()
    at = header.index(b"data")
    path.write_bytes(header[: at + 4] + struct.pack("<I", seconds * 8_000))
    os.truncate(path, at + 8 + seconds * 8_000)  # the rest is a hole: no disk is used
    file = open_audio(path)
    assert file.seconds == pytest.approx(seconds, abs=0.01)
    count = 0
    tracemalloc.start()
    try:
        for frame in file.frames(8_000):
            count += len(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"three hours of audio: {peak / 1e6:.2f} MB at most")
    assert count == seconds * 8_000
    assert peak < 5_000_000  # decoded, it is 173 MB

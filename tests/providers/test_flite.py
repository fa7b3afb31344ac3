from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import Samples
from hocket.errors import ConfigError, MissingError
from hocket.providers.flite import VOICES, Flite, _FliteVoice, spoken_ascii
from hocket.providers.flite_library import load_flite
from hocket.providers.synthesis import Emit, Word
from hocket.sim.loop import run
from tests.providers.offline import SENTENCE, handed_out, joined, silence_ms, spoken, text, texts
from tests.stages.contract import check_tts


def _why_not() -> str:
    try:
        load_flite("rms")
    except MissingError as error:
        return str(error)
    return ""


needs_flite = pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "flite is here")


@needs_flite
@pytest.mark.parametrize("runner", [run, asyncio.run])
def test_it_keeps_the_contract(runner: Any) -> None:
    check_tts(Flite, runner)


@needs_flite
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_sound_begins_at_once_and_ends_with_a_natural_pause(voice: str, rate: int) -> None:
    for sentence, pause in (("Sure.", 150), (SENTENCE, 150), ("Let me see, ", 80)):
        before, after = silence_ms(joined(run(spoken(Flite(voice), sentence, rate=rate))), rate)
        assert before <= 10
        # At 8 kHz the end of an s may lie above what the rate can carry.
        assert pause - 10 <= after <= pause + 40


@needs_flite
def test_the_stream_is_the_whole_synthesis_without_the_silence_around_it() -> None:
    whole = _whole_wave(SENTENCE)
    stream = joined(run(spoken(Flite(), SENTENCE)))
    starts = [at for at in range(len(whole) - len(stream) + 1) if np.array_equal(whole[at : at + 400], stream[:400])]
    assert len(starts) == 1
    assert np.array_equal(whole[starts[0] : starts[0] + len(stream)], stream)
    assert len(whole) - len(stream) > 1_600


@needs_flite
def test_the_same_text_gives_the_same_samples() -> None:
    first, second = (joined(run(spoken(Flite(), SENTENCE, "And then?"))) for _ in range(2))
    assert np.array_equal(first, second)


@needs_flite
def test_a_word_begins_where_its_chunk_does() -> None:
    chunks = run(spoken(Flite(), "Stop. Go. Wait."))
    words = [index for index, chunk in enumerate(chunks) if chunk.text]
    assert [chunks[index].text for index in words] == ["Stop. ", "Go. ", "Wait."]
    for index in words[1:]:
        start = sum(len(chunk.samples) for chunk in chunks[:index])
        sound = joined(chunks).astype(np.float64)
        before, after = sound[start - 800 : start - 160], sound[start : start + 1600]
        assert np.sqrt(np.mean(before**2)) < 0.1 * np.sqrt(np.mean(after**2))


@needs_flite
def test_a_synthesis_stops_when_it_is_told_to() -> None:
    assert handed_out(_FliteVoice("rms", None), SENTENCE, most=1) == [320]


@needs_flite
def test_closing_a_stream_stops_its_synthesis_within_a_chunk() -> None:
    async def scenario() -> None:
        voice = Flite()
        counter = _Counter(voice)
        stream = voice.speak(text(SENTENCE * 4), 16_000)
        await anext(stream)
        await stream.aclose()
        at_close = counter.handed_out
        voice._synthesiser.thread.submit(int).result(5)
        assert counter.handed_out <= at_close + 1

    asyncio.run(scenario())


class _Counter:
    """Counts what the synthesiser of a voice hands out."""

    def __init__(self, voice: Flite) -> None:
        self.handed_out = 0
        synthesise = voice._synthesiser.synthesise

        def counted(spoken_text: str, emit: Emit) -> None:
            def count(samples: Samples, words: Sequence[Word], cpu_ns: int) -> bool:
                self.handed_out += 1
                return emit(samples, words, cpu_ns)

            synthesise(spoken_text, count)

        setattr(voice._synthesiser, "synthesise", counted)  # noqa: B010


@needs_flite
def test_an_error_in_the_callback_comes_out() -> None:
    def broken(*audio: Any) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _FliteVoice("kal16", None).synthesise("Sure.", broken)


@needs_flite
def test_in_virtual_time_the_first_sound_comes_before_the_synthesis_ends() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        stream = Flite().speak(text("Your appointment is confirmed for Tuesday in the afternoon."), 16_000)
        times += [loop.time() async for _ in stream]
        assert 0 < times[1] - times[0] < 0.75 * (times[-1] - times[0])

    run(scenario())


@needs_flite
@pytest.mark.parametrize("nothing", ["...", " ", "-", "\x00\x07", "日本語", "\ud800", '"', "%"])
def test_what_cannot_be_spoken_is_passed_over(nothing: str) -> None:
    chunks = run(spoken(Flite("kal16"), nothing, "Yes.", nothing))
    assert texts(chunks) == f"{nothing}Yes.{nothing}"
    assert len(chunks[0].samples) <= 80
    assert len(chunks[-1].samples) <= 80


@needs_flite
def test_no_text_gives_no_chunk() -> None:
    assert run(spoken(Flite("kal16"), "")) == []
    assert run(spoken(Flite("kal16"))) == []


@needs_flite
def test_a_very_long_segment_is_spoken_to_its_end() -> None:
    long = "ha " * 1000 + "x" * 500
    chunks = run(spoken(Flite("kal16"), long))
    assert texts(chunks) == long
    assert len(joined(chunks)) > 100 * 16_000


@needs_flite
@settings(max_examples=60, deadline=None)
@given(segments=st.lists(st.text(st.characters(codec=None), max_size=30), max_size=3))
def test_any_text_comes_back(segments: list[str]) -> None:
    assert texts(run(spoken(Flite("kal16"), *segments))) == "".join(segments)


@given(st.text())
def test_spoken_ascii_has_a_character_for_each(written: str) -> None:
    plain = spoken_ascii(written)
    assert len(plain) == len(written)
    assert all(" " <= character <= "~" for character in plain)


def test_spoken_ascii_keeps_what_can_be_said() -> None:
    assert spoken_ascii("Café “Zürich” – it’s 5…") == 'Cafe "Zurich" - it\'s 5.'


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(ConfigError, match="nobody"):
        Flite("nobody")


def test_without_the_library_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="apt-get install libflite1"):
        Flite("rms", tmp_path)


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("count", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


def _whole_wave(sentence: str) -> Samples:
    """What flite makes of a sentence in one go, by its own high-level function."""
    library, voice = load_flite("rms")
    voice.register_cmu_us_rms.restype = ctypes.c_void_p
    library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
    library.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.flite_init()
    ctypes.CDLL(None).srand(1)
    wave = library.flite_text_to_wave(sentence.encode(), voice.register_cmu_us_rms(None)).contents
    assert wave.sample_rate == 16_000
    return np.array(wave.samples[: wave.count], np.int16)

from __future__ import annotations

import asyncio
from collections.abc import Callable
from difflib import SequenceMatcher
from random import Random

import numpy as np

from hocket.audio.frame import Frame, Samples, silence
from hocket.sim.delays import Delays
from hocket.sim.hearing import SimStt, SimVad
from hocket.sim.loop import run
from hocket.sim.script import Utterance, caller_turn, spoken
from hocket.sim.timeline import Timeline
from hocket.stages.stt import Stt, SttStream, Transcript
from hocket.stages.vad import Vad, VadWindow
from tests.stages.contract import check_stt, check_vad, frames_of

RATE = 16_000
LONG = spoken("statement", "My internet has been down since this morning. It keeps dropping every hour.", Random(1))


def silence_for(utterance: Utterance, extra_ms: int = 0) -> Samples:
    return silence((utterance.last_speech_ms + extra_ms) * RATE // 1000)


def said(utterance: Utterance, at_ms: int = 0) -> Timeline:
    timeline = Timeline()
    timeline.say(at_ms, utterance)
    return timeline


def stt_for(timeline: Timeline, seed: int = 0, *, lost_after_ms: int | None = None) -> Callable[[], Stt]:
    return lambda: SimStt(timeline, Delays.reference(Random(seed)), Random(seed), lost_after_ms=lost_after_ms)


def test_recognition_keeps_the_contract() -> None:
    timeline = said(LONG)
    broken = stt_for(timeline, lost_after_ms=500)
    text = check_stt(stt_for(timeline), silence_for(LONG, 200), RATE, run, broken=broken)
    assert text.rstrip(".") == LONG.text.rstrip(".")


def test_voice_activity_keeps_the_contract() -> None:
    """One line's activity is one caller's: a second stream of it hears the same, so silence is another line."""
    timeline = said(LONG)

    class TwoLines:
        name = "two lines"

        def __init__(self) -> None:
            self._opened = 0

        def open(self, rate: int, on_window: Callable[[VadWindow], None]) -> object:
            self._opened += 1
            heard = Timeline() if self._opened == 3 else timeline
            return SimVad(heard, Delays.reference(Random(1)), Random(1)).open(rate, on_window)

    check_vad(TwoLines, silence_for(LONG), RATE, run)  # type: ignore[arg-type]


def flips_ms(seed: int) -> tuple[float, float]:
    """When activity shows the beginning and the end of speech, relative to them."""
    at_ms = 1000 + 10 * seed  # windows must fall anywhere on it
    utterance = spoken("statement", "That sounds fine to me.", Random(seed))
    rng = Random(seed)
    vad: Vad = SimVad(said(utterance, at_ms), Delays.reference(rng), rng)
    windows: list[VadWindow] = []
    stream = vad.open(RATE, windows.append)
    for frame in frames_of(silence((at_ms + utterance.last_speech_ms + 1000) * RATE // 1000), RATE):
        stream.push(frame)
    high = [window.end * 1000 / RATE for window in windows if window.probability > 0.5]
    return high[0] - at_ms, high[-1] + 32 - at_ms - utterance.last_speech_ms


def test_voice_activity_is_late_as_drawn() -> None:
    onsets, offsets = np.array([flips_ms(seed) for seed in range(300)]).T
    assert abs(np.percentile(onsets, 50) - 55) < 8
    assert abs(np.percentile(onsets, 90) - 106) < 16
    assert abs(np.percentile(offsets, 50) - 103) < 12
    assert abs(np.percentile(offsets, 90) - 198) < 20


def test_a_cough_is_sometimes_taken_for_speech_and_never_recognised() -> None:
    taken = 0
    for seed in range(40):
        rng = Random(seed)
        timeline = said(caller_turn(rng, "cough"), 500)
        windows: list[VadWindow] = []
        stream = SimVad(timeline, Delays.reference(rng), rng).open(8000, windows.append)
        for at in range(0, 8000 * 2, 160):
            stream.push(Frame(silence(160), 8000, at))
        taken += any(window.probability > 0.5 for window in windows)
        assert timeline.words == []
    assert 8 < taken < 32


async def listen(utterance: Utterance, seed: int) -> list[tuple[int, Transcript]]:
    """All transcripts with the loop's time in milliseconds, one finalize 300 ms after the end."""
    stream: SttStream = await stt_for(said(utterance), seed)().open(RATE)
    loop = asyncio.get_running_loop()
    heard: list[tuple[int, Transcript]] = []

    async def read() -> None:
        async for transcript in stream:
            heard.append((round(loop.time() * 1000), transcript))  # noqa: PERF401

    reader = asyncio.create_task(read())
    for frame in frames_of(silence_for(utterance, 320), RATE):
        await asyncio.sleep(0.02)
        stream.push(frame)
    stream.finalize()
    await asyncio.sleep(1)
    await stream.close()
    await reader
    return heard


def test_interims_come_a_tenth_of_a_second_after_each_word() -> None:
    heard = run(listen(LONG, 1))
    assert len(heard) == len(LONG.words) + 1
    for (at_ms, transcript), word in zip(heard, LONG.words, strict=False):
        assert 100 <= at_ms - word.end_ms < 120
        assert not transcript.final
        assert transcript.text == transcript.text.lower()
        assert not set(".,?!") & set(transcript.text)
    assert heard[-1][1] == Transcript(LONG.text, True, True, LONG.last_speech_ms + 320)


def test_an_interim_in_twelve_has_another_word_than_the_final() -> None:
    same = total = 0
    for seed in range(60):
        utterance = caller_turn(Random(seed), "statement")
        heard = run(listen(utterance, seed))
        plain = utterance.text.lower().translate(str.maketrans("", "", ".,?!;:")).split()
        for _, transcript in heard[:-1]:
            words = transcript.text.split()
            total += 1
            same += words == plain[: len(words)]
            assert SequenceMatcher(None, words, plain[: len(words)]).ratio() > 0 or len(words) == 1
    assert 0.89 < same / total < 0.95


def test_a_final_takes_the_words_so_far_and_the_rest_comes_afresh() -> None:
    utterance = spoken("unfinished", "I need a plumber because ... the kitchen is under water.", Random(2))
    pause = utterance.pauses[0]
    assert pause.end_ms is not None

    async def scenario() -> list[Transcript]:
        stream = await stt_for(said(utterance), 3)().open(RATE)
        transcripts: list[Transcript] = []

        async def read() -> None:
            async for transcript in stream:
                transcripts.append(transcript)  # noqa: PERF401

        reader = asyncio.create_task(read())
        for frame in frames_of(silence_for(utterance, 400), RATE):
            await asyncio.sleep(0.02)
            stream.push(frame)
            if frame.at == (pause.start_ms + 140) // 20 * 20 * RATE // 1000:
                stream.finalize()
        stream.finalize()
        await asyncio.sleep(1)
        await stream.close()
        await reader
        return transcripts

    transcripts = run(scenario())
    finals = [transcript.text for transcript in transcripts if transcript.final]
    assert [text.rstrip(".") for text in finals] == ["I need a plumber because", "the kitchen is under water"]
    first_final = next(index for index, transcript in enumerate(transcripts) if transcript.final)
    assert len(transcripts[first_final + 1].text.split()) == 1


def test_the_same_seed_hears_the_same() -> None:
    assert run(listen(LONG, 4)) == run(listen(LONG, 4))
    assert run(listen(LONG, 4)) != run(listen(LONG, 5))

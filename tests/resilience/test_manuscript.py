from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import LlmError, TtsError
from hocket.resilience import manuscript as module
from hocket.resilience.manuscript import Manuscript, Reading
from hocket.sim.loop import run
from hocket.turn.speakable import Segmenter
from tests.resilience.voices import TOKENISED, segments_of, tokens_of


async def read(reading: Reading) -> list[str]:
    return [piece async for piece in reading]


@given(TOKENISED, st.lists(st.tuples(st.integers(0, 99), st.floats(0, 0.2)), min_size=1, max_size=4))
def test_every_voice_reads_all_from_where_it_is_asked_to_whenever_it_begins(
    tokens: Sequence[str], readers: list[tuple[int, float]]
) -> None:
    async def later(manuscript: Manuscript, at: int, wait_s: float) -> str:
        await asyncio.sleep(wait_s)
        reading = Reading(manuscript, at)
        pieces = await read(reading)
        assert reading.handed == max(len(text), at)
        assert reading.finished
        assert all(pieces)
        return "".join(pieces)

    async def scenario() -> None:
        manuscript = Manuscript(tokens_of(tokens))
        found = await asyncio.gather(*(later(manuscript, at, wait_s) for at, wait_s in readers))
        assert found == [text[at:] for at, _ in readers]
        assert manuscript.text == text

    text = "".join(tokens)
    run(scenario())


def test_pieces_stay_as_they_are_and_may_be_cut_into_segments() -> None:
    tokens = ["Yes, we", " are. And", " ", "you?"]

    async def scenario() -> None:
        told: list[int] = []
        manuscript = Manuscript(tokens_of(tokens), lambda: told.append(len(manuscript.text)))
        assert await read(Reading(manuscript)) == tokens
        assert await read(Reading(manuscript, 9)) == ["re. And", " ", "you?"]
        assert await read(Reading(manuscript, 0, Segmenter())) == segments_of(tokens)
        assert told == [7, 16, 17, 21, 21]

    run(scenario())


def test_a_reading_tells_what_it_hands_over() -> None:
    async def scenario() -> None:
        told: list[tuple[int, bool]] = []
        reading = Reading(
            Manuscript(tokens_of(["a", "b"])), told=lambda: told.append((reading.handed, reading.finished))
        )
        await read(reading)
        assert told == [(1, False), (2, False), (2, True)]

    run(scenario())


def test_what_the_writer_raises_comes_behind_the_text() -> None:
    async def text() -> AsyncGenerator[str, None]:
        yield "a"
        raise LlmError("gone")

    async def scenario() -> None:
        manuscript = Manuscript(text())
        for _ in range(2):
            reading = Reading(manuscript)
            assert await anext(reading) == "a"
            with pytest.raises(LlmError, match="gone"):
                await anext(reading)

    run(scenario())


@pytest.mark.parametrize("tokens", [["Yes. ", "No. ", "Well."], ["Yes. No. Well."]])
def test_a_stopped_reading_waits_to_be_cancelled(tokens: list[str]) -> None:
    async def scenario() -> None:
        reading = Reading(Manuscript(tokens_of(tokens)), 0, Segmenter())
        assert await anext(reading) == "Yes. "
        reading.stop()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(reading), 9)
        assert (reading.handed, reading.finished) == (5, False)

    run(scenario())


def test_an_endless_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10)

    async def scenario() -> None:
        manuscript = Manuscript(tokens_of(["12345"] * 3))
        with pytest.raises(TtsError, match="longer than 10 characters") as caught:
            await read(Reading(manuscript))
        assert not caught.value.retryable
        assert manuscript.text == "12345" * 2

    run(scenario())

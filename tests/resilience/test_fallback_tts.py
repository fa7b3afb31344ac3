from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from random import Random
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import LlmError, TtsError
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_tts import GAP_S, FallbackTts
from hocket.resilience.openers import Openers, OpenerTts
from hocket.resilience.slots import Slots
from hocket.sim.delays import Delays
from hocket.sim.loop import run
from hocket.sim.speaking import SimTts
from hocket.stages.notices import Notice, listen
from hocket.stages.tts import SpeechChunk, Tts
from tests.resilience.voices import (
    CHUNKS,
    RATE,
    TOKENISED,
    WordVoice,
    drained,
    heard,
    numbers_of,
    segments_of,
    split,
    spoken,
    text_of,
    timed,
    tokens_of,
)
from tests.stages.contract import check_tts

TEXT = "w1 w2 w3, w4 w5 w6. w7 w8 w9 w10 w11 w12?"
TOKENS = split(TEXT, range(3, len(TEXT), 3))
SLOW_MS = 800


def chain(*voices: Tts, slots: Slots | None = None) -> Chain[Tts]:
    return Chain(voices, slots or Slots(), SLOW_MS)


def assert_whole(chunks: Sequence[SpeechChunk], text: str, most_repeats: int) -> None:
    """No word lost, none out of order, at most so many repeated, and only such as were broken off or may have been."""
    assert text_of(chunks) == text
    words = heard(chunks)
    last = [word for word, (after, _) in zip(words, [*words[1:], (0, False)], strict=True) if after != word[0]]
    assert [number for number, _ in last] == numbers_of(text)
    assert all(whole for _, whole in last)
    assert len(words) - len(last) <= most_repeats


def assert_at_rest(made: Chain[Tts], *voices: WordVoice) -> None:
    assert all(made.slots.taken(voice.name) == 0 for voice in voices)
    assert [voice.open for voice in voices] == [0] * len(voices)


def sim(takes: Literal["tokens", "segments"] = "tokens", *, fails: bool = False) -> SimTts:
    return SimTts(Delays.reference(Random(1)), takes, fails=fails)


@pytest.mark.parametrize("first", ["tokens", "segments"])
@pytest.mark.parametrize("second", ["tokens", "segments"])
def test_it_keeps_the_contract(first: Literal["tokens", "segments"], second: Literal["tokens", "segments"]) -> None:
    check_tts(
        lambda: FallbackTts(chain(sim(first), sim(second))),
        run,
        broken=lambda: FallbackTts(chain(sim(first, fails=True), sim(second, fails=True))),
    )
    check_tts(lambda: FallbackTts(chain(sim(first, fails=True), sim(second))), run)


def test_it_is_known_by_its_first_voice() -> None:
    async def scenario() -> None:
        tts = FallbackTts(chain(WordVoice("fake/a", "segments"), WordVoice("fake/b")))
        assert (tts.name, tts.takes) == ("fake/a", "segments")

    run(scenario())


@pytest.mark.parametrize("space", ["after", "before"])
@pytest.mark.parametrize("second", ["tokens", "segments"])
@pytest.mark.parametrize("after", range(12 * CHUNKS + 1))
def test_a_voice_that_dies_anywhere_loses_no_word(
    after: int, second: Literal["tokens", "segments"], space: Literal["after", "before"]
) -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one", space=space), WordVoice("fake/two", second)
        one.dies_at.append(after)
        made = chain(one, two)
        assert_whole(await spoken(FallbackTts(made), TOKENS), TEXT, 1)
        assert_at_rest(made, one, two)
        # Behind the end of a word that nothing says is complete, it is said again: at the very end as well.
        begun = -(-after // CHUNKS)
        assert numbers_of(two.given[0])[0] == max(begun, 1)

    run(scenario())


@given(TOKENISED, st.integers(0, 50), st.integers(0, 50), st.sampled_from(["after", "before"]), st.floats(0, 0.3))
def test_whatever_the_text_and_the_cuts_all_words_are_heard(
    tokens: list[str], first: int, second: int, space: Literal["after", "before"], pause_s: float
) -> None:
    async def scenario() -> None:
        voices = [WordVoice("fake/a", space=space), WordVoice("fake/b", "segments"), WordVoice("fake/c")]
        voices[0].dies_at.append(first)
        voices[1].dies_at.append(second)
        made = chain(*voices)
        assert_whole(await spoken(FallbackTts(made), tokens, pause_s), "".join(tokens), 2)
        assert_at_rest(made, *voices)

    run(scenario())


@given(TOKENISED, st.integers(0, 40), st.booleans())
def test_a_voice_that_falls_silent_anywhere_is_left(tokens: list[str], after: int, segments: bool) -> None:
    async def scenario() -> None:
        takes: Literal["tokens", "segments"] = "segments" if segments else "tokens"
        one, two = WordVoice("fake/one", takes, space="after"), WordVoice("fake/two")
        text = "".join(tokens)
        # All of the text is told once its last word has begun; a voice that falls silent then is its adapter's matter.
        one.stalls_at.append(min(after, (len(numbers_of(text)) - 1) * CHUNKS))
        given = segments_of(tokens) if segments else tokens
        assert_whole(await spoken(FallbackTts(chain(one, two)), given), text, 1)
        assert one.open == two.open == 0

    run(scenario())


def test_the_gap_is_the_next_voices_first_sound() -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two", first_s=0.1)
        one.dies_at.append(7)
        chunks = await timed(FallbackTts(chain(one, two)), [TEXT])
        assert chunks[7][0] - chunks[6][0] == pytest.approx(0.11, abs=0.001)

    run(scenario())


def test_a_dead_voice_that_does_not_close_holds_nobody_up() -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one", close_s=0.5), WordVoice("fake/two")
        one.stalls_at.append(0)
        made = chain(one, two)
        stream = FallbackTts(made).speak(tokens_of([TEXT]), RATE)
        await anext(stream)
        assert asyncio.get_running_loop().time() == pytest.approx(1.112, abs=0.001)
        await asyncio.sleep(0.5)
        assert (one.open, two.open) == (0, 1), "it is closed beside what goes on"
        assert [made.slots.taken(voice.name) for voice in (one, two)] == [0, 1]
        await stream.aclose()
        assert_at_rest(made, one, two)

    run(scenario())


class Lateness:
    """When a voice that says nothing is left, seconds after the text began."""

    def __init__(self, pieces: Sequence[tuple[float, str]], takes: Literal["tokens", "segments"] = "tokens") -> None:
        self._pieces = pieces
        self._takes = takes

    async def _text(self) -> AsyncGenerator[str, None]:
        for pause_s, piece in self._pieces:
            await asyncio.sleep(pause_s)
            yield piece

    async def left_at(self) -> float | None:
        loop = asyncio.get_running_loop()
        left: list[float] = []
        listen(lambda notice: left.append(loop.time()) if notice.step == "left" else None)
        silent = WordVoice("fake/one", self._takes)
        silent.stalls_at.append(0)
        tts = FallbackTts(chain(silent, WordVoice("fake/two")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drained(tts.speak(self._text(), RATE)), 20)
        return left[0] if left else None


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([(0, "Hi, "), (99, "")], 1.0),  # a phrase
        ([(0, "Hi"), (2, ", "), (99, "")], 3.0),
        ([(0, "Hi"), (99, "")], None),  # the word may go on
        ([(0, "no phrase yet"), (99, "")], None),
        ([(0, "no phrase yet"), (2, " but long enough "), (99, "")], 3.0),
        ([(0, "... "), (99, "")], None),  # nothing sounds
        ([(0, "a.b c:d"), (99, "")], None),
    ],
)
def test_the_first_sound_is_owed_from_something_speakable_on(
    pieces: list[tuple[float, str]], expected: float | None
) -> None:
    assert run(Lateness(pieces).left_at()) == (None if expected is None else pytest.approx(expected))


def test_a_segment_and_the_end_of_the_text_are_speakable() -> None:
    assert run(Lateness([(0, "Hi"), (99, "")], "segments").left_at()) == pytest.approx(1.0)

    async def scenario() -> None:
        silent = WordVoice("fake/one")
        silent.stalls_at.append(0)
        chunks = await timed(FallbackTts(chain(silent, WordVoice("fake/two"))), ["w1"])
        assert chunks[0][0] == pytest.approx(0.012 + 1.0 + 0.1)

    run(scenario())


def test_a_voice_that_is_ahead_is_not_suspected() -> None:
    """It has made a second and a half in 20 ms, and makes the next sound when that has ended."""

    async def scenario(silent_s: float) -> list[str]:
        class Ahead(WordVoice):
            async def speak(self, text: object, rate: int) -> AsyncGenerator[SpeechChunk, None]:
                async with aclosing(super().speak(text, rate)) as speech:  # type: ignore[arg-type]
                    made = 0
                    async for chunk in speech:
                        if made == 5 * CHUNKS:
                            await asyncio.sleep(silent_s)
                        made += 1
                        yield chunk

        notices: list[Notice] = []
        listen(notices.append)
        one = Ahead("fake/one", chunk_s=0.001)
        assert_whole(await spoken(FallbackTts(chain(one, WordVoice("fake/two"))), [TEXT]), TEXT, 1)
        return [notice.step for notice in notices]

    assert run(scenario(1.4)) == []
    assert run(scenario(1.6)) == ["left"]


def test_a_slow_writer_is_no_fault_of_the_voice() -> None:
    async def scenario() -> None:
        notices: list[Notice] = []
        listen(notices.append)
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        tokens = ["w1 w2 w3 w4 w5", " w6 w7", " w8", " w9 w10 w11 w12 w13 w14 w15 w16", ". w17", " w18."]
        assert_whole(await spoken(FallbackTts(chain(one, two)), tokens, 5.0), "".join(tokens), 0)
        assert not notices
        assert not two.given

    run(scenario())


def test_a_slow_listener_is_no_fault_of_the_voice() -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        chunks = []
        async with aclosing(FallbackTts(chain(one, two)).speak(tokens_of([TEXT]), RATE)) as speech:
            async for chunk in speech:
                await asyncio.sleep(3 * GAP_S)
                chunks.append(chunk)
        assert_whole(chunks, TEXT, 0)
        assert not two.given

    run(scenario())


def test_with_nobody_else_a_late_voice_is_waited_for() -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one", first_s=4.0)
        chunks = await timed(FallbackTts(chain(one)), [TEXT])
        assert chunks[0][0] == pytest.approx(4.012)
        assert len(one.given) == 1

    run(scenario())


def test_a_stand_in_without_room_is_not_gone_to_until_it_has_some() -> None:
    async def scenario() -> None:
        silent, two = WordVoice("fake/one"), WordVoice("other/two")
        silent.stalls_at.append(0)
        made = chain(silent, two, slots=Slots({"other": 1}))
        assert made.slots.take("other/x")
        asyncio.get_running_loop().call_later(2.5, made.slots.give, "other/x")
        chunks = await timed(FallbackTts(made), [TEXT])
        assert chunks[0][0] == pytest.approx(0.012 + 3.0 + 0.1)
        assert_at_rest(made, silent, two)

    run(scenario())


def test_a_lone_voice_is_asked_once_more_within_the_budget() -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one")
        made = chain(one)
        tts = FallbackTts(made)
        notices: list[Notice] = []
        listen(notices.append)
        one.dies_at.append(7)
        assert_whole(await spoken(tts, TOKENS), TEXT, 1)
        assert [(notice.step, notice.detail) for notice in notices] == [("left", "fake/one died, as planned.")]
        one.dies_at.extend([7, 0])
        with pytest.raises(TtsError, match="as planned"):
            await spoken(tts, TOKENS)
        while made.budget.take():
            pass
        one.dies_at.append(7)
        calls = len(one.given)
        with pytest.raises(TtsError):
            await spoken(tts, TOKENS)
        assert len(one.given) == calls + 1
        assert_at_rest(made, one)

    run(scenario())


@pytest.mark.parametrize(
    "error", [TtsError("The key is wrong.", retryable=False), TtsError("Not now.", retry_after_s=9)]
)
def test_what_cannot_help_is_not_tried_again(error: TtsError) -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one")
        one.error = error  # type: ignore[assignment]
        one.dies_at.append(7)
        with pytest.raises(TtsError) as caught:
            await spoken(FallbackTts(chain(one)), TOKENS)
        assert caught.value is error
        assert len(one.given) == 1

    run(scenario())


def test_when_all_fail_the_last_error_is_raised() -> None:
    async def scenario() -> None:
        voices = [WordVoice(f"fake/{name}") for name in "abc"]
        for number, voice in enumerate(voices):
            voice.error = TtsError(f"{voice.name} is down.", retryable=False)  # type: ignore[assignment]
            voice.dies_at.append(5 - number)
        made = chain(*voices)
        with pytest.raises(TtsError, match="fake/c is down"):
            await spoken(FallbackTts(made), TOKENS)
        assert_at_rest(made, *voices)

    run(scenario())


def test_without_a_slot_nothing_is_spoken() -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one")
        made = chain(one, slots=Slots({"fake": 1}))
        tts = FallbackTts(made)
        async with aclosing(tts.speak(tokens_of([TEXT]), RATE)) as speech:
            await anext(speech)
            with pytest.raises(TtsError, match="raise the limits"):
                await spoken(tts, TOKENS)
        assert_whole(await spoken(tts, TOKENS), TEXT, 0)
        assert_at_rest(made, one)

    run(scenario())


def test_breakers_are_told() -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        made = chain(one, two)
        tts = FallbackTts(made)
        for _ in range(3):
            one.dies_at.append(0)
            assert_whole(await spoken(tts, TOKENS), TEXT, 0)
        assert [link.breaker.open for link in made.links] == [True, False]
        await spoken(tts, TOKENS)
        assert (len(one.given), len(two.given)) == (3, 4)
        # The trial after the rest: closed before a sound it says nothing, with a sound the voice is back.
        await asyncio.sleep(10)
        stream = tts.speak(tokens_of([TEXT], 9), RATE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 1)
        assert [link.breaker.open for link in made.links] == [True, False]
        await spoken(tts, TOKENS)
        assert [link.breaker.open for link in made.links] == [False, False]
        assert len(one.given) == 5

    run(scenario())


@pytest.mark.parametrize(("pause_s", "first_s"), [(0.01, 0.3), (0.4, 0.3), (0.4, 0.5)])
def test_the_first_sound_is_timed_from_what_a_voice_begins_with(
    pause_s: float, first_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one", first_s=first_s)
        made = chain(one)
        told: list[float] = []
        monkeypatch.setattr(made.links[0].breaker, "succeeded", told.append)
        await spoken(FallbackTts(made), TOKENS, pause_s)
        assert told == [pytest.approx(first_s * 1000, abs=1)]

    run(scenario())


def test_the_sound_of_a_cached_opener_is_no_measure_of_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        one = WordVoice("fake/one", first_s=0.3)
        made = chain(OpenerTts(one, Openers(10**6)))
        told: list[float] = []
        monkeypatch.setattr(made.links[0].breaker, "succeeded", told.append)
        for _ in range(2):
            await spoken(FallbackTts(made), TOKENS)
        assert told == [pytest.approx(300, abs=30), pytest.approx(300, abs=30)]
        await spoken(FallbackTts(made), ["w1 w2 w3, "])
        assert len(told) == 2

    run(scenario())


def test_a_cached_opener_is_whole_and_not_repeated() -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        tts = FallbackTts(chain(OpenerTts(one, Openers(10**6)), two))
        await spoken(tts, TOKENS)
        one.dies_at.extend([None, 0])
        chunks = await spoken(tts, TOKENS)
        assert_whole(chunks, TEXT, 0)
        assert two.given == ["w4 w5 w6. w7 w8 w9 w10 w11 w12?"]

    run(scenario())


def test_it_remembers_what_its_first_voice_does() -> None:
    async def scenario() -> None:
        one, two = OpenerTts(WordVoice("fake/one"), Openers(10**6)), WordVoice("fake/two")
        tts = FallbackTts(chain(one, two))
        assert not tts.remembers("w1 w2 w3,", RATE)
        await spoken(tts, TOKENS)
        assert tts.remembers("w1 w2 w3,", RATE)
        assert not tts.remembers("w1 w2 w3,", 2 * RATE)
        assert not FallbackTts(chain(two, one)).remembers("w1 w2 w3,", RATE)

    run(scenario())


def test_what_the_writer_raises_is_no_fault_of_the_voice() -> None:
    async def text() -> AsyncGenerator[str, None]:
        yield "w1 w2 w3, "
        raise TtsError("the writer is gone")

    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        made = chain(one, two)
        with pytest.raises(TtsError, match="the writer is gone"):
            await drained(FallbackTts(made).speak(text(), RATE))
        assert not two.given
        assert_at_rest(made, one, two)

        async def fails() -> AsyncGenerator[str, None]:
            yield "w1"
            raise LlmError("no model")

        with pytest.raises(LlmError, match="no model"):
            await drained(FallbackTts(made).speak(fails(), RATE))
        assert_at_rest(made, one, two)

    run(scenario())


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        (["w1 ", "w", "2 "], "w2 w3."),
        (["w1 w", "2"], "w2 w3."),
        (["w1", " w", "2"], "w2 w3."),
        (["w1", " w2"], " w2 w3."),
        (["w1", " "], "w2 w3."),
        (["w1 ", ""], "w1 w2 w3."),
        (["w1 w2 "], "w1 w2 w3."),
        (["", ""], "w1 w2 w3."),
    ],
)
def test_the_next_voice_begins_with_the_word_that_was_broken_off(said: list[str], rest: str) -> None:
    text = "w1 w2 w3."

    class Breaks(WordVoice):
        async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
            async for _ in text:
                pass
            for words in said:
                yield SpeechChunk(np.zeros(9, np.int16), words)
            raise self.error

    async def scenario() -> None:
        two = WordVoice("fake/two")
        chunks = await spoken(FallbackTts(chain(Breaks("fake/one"), two)), [text])
        assert two.given == [rest]
        assert text_of(chunks) == text

    run(scenario())


def test_half_a_tag_is_not_read_out() -> None:
    text = 'w1 w2, <break time="2s"/> w3 w4.'

    async def scenario() -> None:
        one, two = WordVoice("fake/one"), WordVoice("fake/two")
        one.dies_at.append(3 * CHUNKS + 1)  # within what this voice takes for the word `time="2s"/>`
        assert text_of(await spoken(FallbackTts(chain(one, two)), [text])) == text
        assert two.given == ['<break time="2s"/> w3 w4.']

    run(scenario())


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1.5))
def test_closing_at_any_moment_leaves_nothing(dies: int, stalls: int, at_s: float) -> None:
    async def scenario() -> None:
        one, two = WordVoice("fake/one", close_s=0.2), WordVoice("fake/two")
        one.dies_at.append(dies)
        one.stalls_at.append(stalls)
        made = chain(one, two)
        task = asyncio.create_task(spoken(FallbackTts(made), TOKENS))
        await asyncio.sleep(at_s)
        task.cancel()
        await asyncio.wait({task})
        assert_at_rest(made, one, two)

    run(scenario())

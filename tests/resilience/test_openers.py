from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from random import Random
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import LlmError, TtsError
from hocket.resilience.openers import CHUNK_BYTES, Openers, OpenerTts
from hocket.sim.delays import Delays
from hocket.sim.loop import run
from hocket.sim.speaking import SimTts
from hocket.stages.notices import Notice, listen
from hocket.stages.tts import SpeechChunk
from hocket.text.opening import may_be_opener
from tests.resilience.voices import (
    CHUNKS,
    RATE,
    TOKENISED,
    WORD_MS,
    Cut,
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

OPENER = "w1 w2 w3, "
REST = "w4 w5 w6. w7 w8 w9 w10?"
TOKENS = split(OPENER + REST, range(3, len(OPENER + REST), 3))
MB = 1_000_000


def chunks_of(text: str, samples: int = 10) -> list[SpeechChunk]:
    return [SpeechChunk(np.ones(samples, np.int16), text)]


def whole(text: str) -> list[tuple[int, bool]]:
    return [(number, True) for number in numbers_of(text)]


class Hearing:
    """A voice behind the cache, the notices it gives, and what it says."""

    def __init__(self, voice: WordVoice | None = None, openers: Openers | None = None) -> None:
        self.voice = voice or WordVoice()
        self.openers = Openers(MB) if openers is None else openers
        self.tts = OpenerTts(self.voice, self.openers)
        self.notices: list[Notice] = []
        listen(self.notices.append)

    async def say(self, tokens: Sequence[str] = TOKENS, pause_s: float = 0.012) -> list[tuple[float, SpeechChunk]]:
        """Speak it whole; the seconds from its beginning to each chunk, with the chunk."""
        began = asyncio.get_running_loop().time()
        self.notices.clear()
        chunks = await timed(self.tts, tokens, pause_s)
        assert text_of(chunk for _, chunk in chunks) == "".join(tokens)
        assert heard(chunk for _, chunk in chunks) == whole("".join(tokens))
        assert self.voice.open == 0
        return [(at - began, chunk) for at, chunk in chunks]

    def told(self) -> list[tuple[str, str]]:
        return [(notice.step, notice.detail) for notice in self.notices]


@pytest.mark.parametrize("takes", ["tokens", "segments"])
def test_it_keeps_the_contract(takes: Literal["tokens", "segments"]) -> None:
    def made(fails: bool = False) -> OpenerTts:
        return OpenerTts(SimTts(Delays.reference(Random(1)), takes, fails=fails), openers)

    openers = Openers(MB)
    check_tts(made, run, broken=lambda: OpenerTts(SimTts(Delays.reference(Random(1)), takes, fails=True), Openers(MB)))
    assert openers.hits > 10
    check_tts(made, run)


def test_a_cached_opener_is_heard_at_once_and_the_rest_behind_it() -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(first_s=0.2))
        missed = await hearing.say()
        assert hearing.told() == [("missed", OPENER)]
        # Token 4 ends the opener; the voice has 12 characters of whole words with token 5 and takes 0.2 s from there.
        assert missed[0][0] == pytest.approx(0.048 + 0.2)
        hit = await hearing.say()
        assert hearing.notices == [
            Notice("tts", "hit", OPENER, round(missed[0][0] * 1000 - 12 - 36)),
            Notice("tts", "wasted", "", 9),
        ]
        opener = [at for at, chunk in hit[: 3 * CHUNKS]]
        assert opener == [pytest.approx(0.048)] * 3 * CHUNKS
        assert text_of(chunk for _, chunk in hit[: 3 * CHUNKS]) == OPENER
        # The rest is there before the opener, of 0.9 s, has sounded.
        assert hit[3 * CHUNKS][0] < 0.048 + 0.3 < 0.048 + 3 * WORD_MS / 1000
        assert hearing.voice.given == [OPENER + REST, OPENER[:9], REST]
        assert (hearing.openers.hits, hearing.openers.misses) == (1, 1)

    run(scenario())


@pytest.mark.parametrize(
    ("text", "opener"),
    [
        ("Of course, we do.", "Of course, "),
        ("Yes, of course, we do.", "Yes, of course, "),
        ("Yes. We do.", "Yes. "),
        ("Yes.", "Yes."),
        ("Yes", "Yes"),
        (" \n Of course, we do.", " \n Of course, "),
        ("Dr. Smith is in. Shall I?", "Dr. Smith is in. "),
        ('<break time="1.5 s, no."/> Well then, let us.', '<break time="1.5 s, no."/> Well then, '),
        ("<b>Well then, let us.</b> Yes.", "<b>Well then, let us.</b> "),
        ("word " * 17, "word " * 16),
        ("x" * 81 + ". And more.", None),
        ("... !", None),
        ("  ", None),
        ("", None),
    ],
)
def test_what_an_opener_is(text: str, opener: str | None) -> None:
    async def scenario(size: int) -> None:
        hearing = Hearing(WordVoice(first_s=5))
        for _ in range(2):
            chunks = await spoken(hearing.tts, split(text, range(0, len(text) + 1, size)))
            assert text_of(chunks) == text
        words = (opener or "").rstrip()
        # The second time it is known, and what is there with a token's end need not be seen with what follows it.
        again = words if may_be_opener(words) and len(words) % size == 0 else opener
        expected = [] if opener is None else [("missed", opener), ("hit", again)]
        assert [told for told in hearing.told() if told[0] != "wasted"] == expected

    for size in (1, 4, 1000):
        run(scenario(size))


def test_what_was_an_opener_before_is_heard_with_its_last_character() -> None:
    async def scenario() -> None:
        tts = OpenerTts(SimTts(Delays.reference(Random(1)), "tokens"), Openers(MB))
        notices: list[Notice] = []
        listen(notices.append)
        await spoken(tts, ["Of course. ", "Why not?"])
        notices.clear()
        began = asyncio.get_running_loop().time()
        chunks = await timed(tts, ["Of", " course", ".", "\n", "We", " do."], 0.012)
        assert [(notice.step, notice.detail) for notice in notices] == [("hit", "Of course."), ("wasted", "")]
        assert chunks[0][0] - began == pytest.approx(0.036)
        assert text_of(chunk for _, chunk in chunks) == "Of course.\nWe do."

    run(scenario())


def test_of_a_voice_that_takes_segments_the_first_item_is_the_opener() -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(takes="segments"))
        segments = ["w1 w2 w3 and w4 ", "w5, w6. ", "w7"]
        await hearing.say(segments)
        hit = await hearing.say(segments)
        assert hearing.told() == [("hit", segments[0])]
        assert hit[0][0] == pytest.approx(0.012)
        assert hearing.voice.given == ["".join(segments), "", "".join(segments[1:])]
        await hearing.say(["w1" + "1" * 3 + " " * 80, "w2"])
        assert hearing.told() == []

    run(scenario())


def test_when_nothing_follows_no_second_synthesis_is_begun() -> None:
    async def scenario(after: list[str]) -> None:
        hearing = Hearing(WordVoice(first_s=0.5))
        tokens = ["w1 w2", ". ", *after]
        await hearing.say(tokens)
        chunks = await hearing.say(tokens)
        assert hearing.told()[0] == ("hit", "w1 w2. ")
        assert len(hearing.voice.given) == 2
        assert chunks[0][0] == pytest.approx(0.024)

    for after in ([], ["\n", " "], ["…"]):
        run(scenario(after))


def test_the_second_synthesis_begins_with_the_first_word_behind_the_opener() -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(first_s=0.5))
        await hearing.say(["w1 w2. ", "w3."])
        async with aclosing(hearing.tts.speak(tokens_of(["w1 w2. ", " - ", "w3."], 3), RATE)) as speech:
            await anext(speech)
            await asyncio.sleep(4)  # nobody listens, and still it begins
            assert len(hearing.voice.given) == 2
            await asyncio.sleep(3)
            assert hearing.voice.given[2:] == [" - w3."]

    run(scenario())


def test_nothing_is_handed_to_a_synthesis_that_is_given_up() -> None:
    async def in_two_bursts() -> AsyncGenerator[str, None]:
        yield "w1"
        await asyncio.sleep(0.05)
        yield " w2"
        yield " w3, " + REST

    async def scenario() -> None:
        hearing = Hearing()
        await hearing.say()
        hearing.notices.clear()
        assert heard(await drained(hearing.tts.speak(in_two_bursts(), RATE))) == whole(OPENER + REST)
        assert hearing.notices[1] == Notice("tts", "wasted", "", 2)
        assert hearing.voice.given[1:] == ["w1", REST]

    run(scenario())


def test_sound_that_is_there_is_not_replaced() -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(first_s=0.05))
        await hearing.say()
        assert (OPENER[:0] + "fake/one", RATE, OPENER) in hearing.openers
        slow = ["w1 ", "w2 ", "w3 and some, ", REST]
        await hearing.say(slow, 0.05)
        before = len(hearing.openers._stored)
        hearing.voice.first_s = 0.01
        await hearing.say(["w1 w2 w3 and w4 ", "w5, w6"], 0.5)
        assert hearing.told() == []
        assert len(hearing.openers._stored) == before + 1, "its opener is kept all the same"
        await hearing.say(["w1 w2 w3 and w4 ", "w5, w6"], 0.5)
        assert hearing.told() == []
        assert len(hearing.openers._stored) == before + 1

    run(scenario())


def test_the_first_synthesis_is_closed_at_once_and_that_delays_nothing() -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(first_s=0.2, close_s=0.1))
        await hearing.say()
        began = asyncio.get_running_loop().time()
        stream = hearing.tts.speak(tokens_of(TOKENS), RATE)
        await anext(stream)
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.048)
        assert hearing.voice.open == 2, "the first is being closed, the second has begun"
        for _ in range(3 * CHUNKS):
            await anext(stream)
        assert asyncio.get_running_loop().time() - began < 0.35
        assert hearing.voice.open == 1, "the second goes on, the first is gone"
        await stream.aclose()
        assert hearing.voice.open == 0

    run(scenario())


def test_an_error_before_the_hit_is_raised_and_one_after_it_is_nobodys() -> None:
    class FailsWhenClosed(WordVoice):
        async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
            try:
                async with aclosing(super().speak(text, rate)) as speech:
                    async for chunk in speech:
                        yield chunk
            except asyncio.CancelledError:
                raise TtsError("It could not be closed.") from None

    async def scenario() -> None:
        hearing = Hearing(FailsWhenClosed())
        await hearing.say()
        await hearing.say()
        assert hearing.told()[0] == ("hit", OPENER)
        hearing.voice.dies_at.append(0)
        with pytest.raises(Cut):
            await hearing.say()
        hearing.voice.dies_at.extend([None, 4])
        stream = hearing.tts.speak(tokens_of(TOKENS), RATE)
        chunks = [await anext(stream) for _ in range(4 * CHUNKS + 1)]
        assert heard(chunks) == [*whole("w1 w2 w3 w4"), (5, False)]
        with pytest.raises(Cut):
            await anext(stream)
        assert hearing.voice.open == 0

    run(scenario())


@pytest.mark.parametrize("after", [["w1 w2 w3, "], ["w1 w2 w3, ", "w4"], ["w1 w2"]])
def test_what_the_writer_raises_is_passed_on(after: list[str]) -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(first_s=0.2))
        await hearing.say()

        async def text() -> AsyncGenerator[str, None]:
            for piece in after:
                yield piece
            raise LlmError("the model is gone")

        with pytest.raises(LlmError, match="the model is gone"):
            await drained(hearing.tts.speak(text(), RATE))
        assert hearing.voice.open == 0

    run(scenario())


@pytest.mark.parametrize(("dies", "kept"), [(3 * CHUNKS, False), (3 * CHUNKS + 1, True), (1, False)])
def test_of_a_broken_synthesis_the_opener_is_kept_if_it_is_complete(dies: int, kept: bool) -> None:
    """It is when the next word has begun."""

    async def scenario() -> None:
        hearing = Hearing()
        hearing.voice.dies_at.append(dies)
        with pytest.raises(Cut):
            await hearing.say()
        assert len(hearing.openers._stored) == kept
        closed = Hearing()
        async with aclosing(closed.tts.speak(tokens_of(TOKENS), RATE)) as speech:
            for _ in range(dies):
                await anext(speech)
        assert len(closed.openers._stored) == kept

    run(scenario())


class Scripted(WordVoice):
    """Says what it is told to, whatever the text."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for _ in text:
            pass
        for said in self.texts:
            yield chunks_of(said)[0]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["Yes. ", "We do."], ["Yes. "]),
        (["Yes.", " We", " do."], ["Yes. "]),
        (["", "Ye", "s", ".", "", " ", "We do."], ["", "Ye", "s", ". ", "", ""]),
        (["Yes", ". We", " do."], None),
        (["Yes. We do."], None),
        (["Yet. ", "We do."], None),
    ],
)
def test_an_opener_is_kept_if_it_ends_where_a_chunk_ends(said: list[str], kept: list[str] | None) -> None:
    async def scenario() -> None:
        openers = Openers(MB)
        chunks = await spoken(OpenerTts(Scripted(*said), openers), ["Yes. We", " do."])
        assert [chunk.text for chunk in chunks] == said
        opener = openers.get("fake/one", RATE, "Yes. ")
        assert (opener and [chunk.text for chunk in opener.chunks]) == kept

    run(scenario())


def test_the_voice_and_the_rate_are_part_of_the_key() -> None:
    async def scenario() -> None:
        openers = Openers(MB)
        await Hearing(WordVoice("fake/one"), openers).say()
        other = Hearing(WordVoice("fake/two"), openers)
        await other.say()
        assert other.told()[0] == ("missed", OPENER)
        async with aclosing(other.tts.speak(tokens_of(TOKENS), 2 * RATE)) as speech:
            assert [chunk async for chunk in speech]
        assert other.told()[1] == ("missed", OPENER)

    run(scenario())


def test_a_cache_of_nothing_is_no_detour() -> None:
    async def scenario() -> None:
        hearing = Hearing(openers=Openers(0))
        for _ in range(2):
            await hearing.say()
        assert hearing.told() == []
        assert hearing.openers.misses == 0

    run(scenario())


def test_the_store_is_bounded_and_forgets_what_was_unused_for_longest() -> None:
    each = 20 + CHUNK_BYTES + 1
    openers = Openers(3 * each)
    for text in "abc":
        openers.store("v", RATE, text, chunks_of(text), 100)
    assert (openers.bytes, openers.evictions) == (3 * each, 0)
    assert openers.get("v", RATE, "a")
    openers.store("v", RATE, "d", chunks_of("d"), 100)
    assert [text for text in "abcd" if ("v", RATE, text) in openers] == ["a", "c", "d"]
    assert (openers.bytes, openers.evictions) == (3 * each, 1)
    assert openers.get("v", RATE, "b") is None
    assert (openers.hits, openers.misses) == (1, 1)
    openers.store("v", RATE, "large", chunks_of("large", 1000), 100)
    openers.store("v", RATE, "a", chunks_of("a", 1), 50)
    assert (openers.bytes, openers.evictions, len(openers._stored)) == (3 * each, 1, 3)


def test_what_is_stored_cannot_be_changed() -> None:
    samples = np.arange(10, dtype=np.int16)
    openers = Openers(MB)
    openers.store("v", RATE, "a", [SpeechChunk(samples, "a")], 100)
    samples[:] = 0
    opener = openers.get("v", RATE, "a")
    assert opener is not None
    stored = opener.chunks[0].samples
    assert stored.tolist() == list(range(10))
    with pytest.raises(ValueError, match="read-only"):
        stored[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        stored.setflags(write=True)


SPOKEN = st.tuples(TOKENISED, st.floats(0, 0.1), st.none() | st.integers(0, 40), st.none() | st.integers(0, 40))


@given(st.lists(SPOKEN, min_size=1, max_size=5), st.sampled_from(["after", "before"]), st.booleans(), st.booleans())
def test_whatever_is_cached_all_words_are_heard_once(
    replies: list[tuple[list[str], float, int | None, int | None]],
    space: Literal["after", "before"],
    segments: bool,
    small: bool,
) -> None:
    """Replies that begin alike, one after another, in any tokens at any pace; some die in either synthesis."""

    async def scenario() -> None:
        voice = WordVoice(takes="segments" if segments else "tokens", space=space)
        openers = Openers(10_000 if small else MB)
        tts = OpenerTts(voice, openers)
        for tokens, pause_s, first, second in [*replies, *replies]:
            text = "".join(tokens)
            voice.dies_at = deque([first, second])
            given = segments_of(tokens) if segments else tokens
            chunks: list[SpeechChunk] = []
            try:
                async with aclosing(tts.speak(tokens_of(given, pause_s), RATE)) as speech:
                    async for chunk in speech:
                        chunks.append(chunk)  # noqa: PERF401 - what came before the error
            except Cut:
                assert text.startswith(text_of(chunks))
                words = heard(chunks)
                assert [number for number, _ in words] == numbers_of(text)[: len(words)]
                assert all(complete for _, complete in words[:-1])
            else:
                assert text_of(chunks) == text
                assert heard(chunks) == whole(text)
            assert voice.open == 0
            check(openers)

    run(scenario())


def check(openers: Openers) -> None:
    """What is stored is whole, and as much as is counted."""
    assert openers.bytes == sum(opener.size for opener in openers._stored.values()) <= openers.limit_bytes
    for (_, _, text), opener in openers._stored.items():
        assert text_of(opener.chunks).rstrip() == text
        assert heard(opener.chunks) == whole(text)


@given(st.floats(0, 0.4), st.booleans())
def test_closing_at_any_moment_leaves_nothing(at_s: float, cached: bool) -> None:
    async def scenario() -> None:
        hearing = Hearing(WordVoice(close_s=0.05))
        if cached:
            await hearing.say()
        task = asyncio.create_task(spoken(hearing.tts, TOKENS))
        await asyncio.sleep(at_s)
        task.cancel()
        await asyncio.wait({task})
        assert hearing.voice.open == 0

    run(scenario())

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import Samples, silence
from hocket.providers.spoken import FIRST_PHRASE, FIRST_WORD, Speech, phrases
from hocket.sim.loop import run

RATE = 16_000


def tone(milliseconds: int, rate: int = RATE) -> Samples:
    at = np.arange(milliseconds * rate // 1000) / rate
    return (8000 * np.cos(2 * np.pi * 220 * at)).astype(np.int16)


def phrases_of(tokens: list[str], first_phrase: int = FIRST_PHRASE, language: str = "") -> list[str]:
    async def text() -> AsyncGenerator[str, None]:
        for token in tokens:
            yield token

    async def scenario() -> list[str]:
        return [phrase async for phrase in phrases(text(), first_phrase, language)]

    return run(scenario())


@given(st.lists(st.text("ab .,?\n7$", max_size=8), max_size=20))
def test_phrases_are_the_text_and_break_no_word(tokens: list[str]) -> None:
    text = "".join(tokens)
    found = phrases_of(tokens)
    assert "".join(found) == text
    assert all(phrase[-1].isspace() for phrase in found[1:-1])
    assert len(found) < 2 or found[0][-1].isspace() or found[0][-1] in ",?!;:"


def test_the_first_phrase_is_short_and_later_ones_are_longer() -> None:
    tokens = ["Our", " plan", " costs", " $", "12", ".", "50", " a", " month", " and", " it", " may", " be", " left"]
    found = phrases_of([*tokens, " at", " any", " time", " you", " like", " to."])
    assert found[0] == "Our plan costs "
    assert len(found[0]) >= FIRST_PHRASE
    assert found[1].startswith("$12.50 a month and it may be left at any")
    assert len(found) == 3


def test_a_first_word_that_is_sure_to_be_whole_is_sent_before_what_follows() -> None:
    tokens = ["Sure", ",", " it", " is", " open", " until", " nine."]
    assert phrases_of(tokens, FIRST_WORD, "en-GB") == ["Sure", ", it is open ", "until nine."]
    assert phrases_of(tokens, FIRST_WORD, "de")[0] == "Sure,"
    assert phrases_of(tokens, FIRST_PHRASE, "en")[0] == "Sure,"
    closed = ["Unfortunately", " we", " close", " at", " six."]
    assert phrases_of(closed, FIRST_WORD, "en") == ["Unfortunately", " we close at ", "six."]
    assert phrases_of(["Su", "re", "ty", " is", " all."], FIRST_WORD, "en")[0] == "Surety "
    assert phrases_of([" I", " ", "think", " so."], FIRST_WORD)[0] == " I think "
    assert phrases_of(["It", " is", " All", " right."], FIRST_WORD, "en")[0] == "It "


def test_a_first_word_is_sent_as_soon_as_it_is_whole_and_what_follows_grows() -> None:
    tokens = [
        "We",
        "'re",
        " open",
        " from",
        " nine",
        " to",
        " five",
        ",",
        " and",
        " on",
        " Saturdays",
        " until",
        " noon",
    ]
    found = phrases_of(tokens, FIRST_WORD)
    assert found == ["We're ", "open from nine ", "to five, ", "and on Saturdays until noon"]
    assert phrases_of(["I", " can", " do", " that"], FIRST_WORD)[0] == "I can "
    assert phrases_of(["Yes", ",", " we", " do"], FIRST_WORD) == ["Yes,", " we do"]
    assert phrases_of(["1", ",", "000", " euros", "."], FIRST_WORD) == ["1,000 ", "euros."]
    assert phrases_of(["e", ".", "g", ".", " this"], FIRST_WORD) == ["e.g. ", "this"]


def test_punctuation_ends_a_phrase_at_once() -> None:
    assert phrases_of(["Yes", ", ", "we do. ", "It", " is."]) == ["Yes, ", "we do. ", "It is."]


def chunked(speech: Speech, samples: Samples, size: int = 700) -> list[tuple[str, int]]:
    chunks = [chunk for at in range(0, len(samples), size) for chunk in speech.push(samples[at : at + size])]
    return [(chunk.text, len(chunk.samples)) for chunk in [*chunks, *speech.finish()]]


def begins(chunks: list[tuple[str, int]]) -> dict[str, int]:
    """Where each text begins, in samples."""
    at, found = 0, {}
    for text, size in chunks:
        if text:
            found[text] = at
        at += size
    return found


def test_words_begin_where_they_sound_and_silence_before_the_first_is_cut() -> None:
    speech = Speech(RATE, RATE)
    speech.write("We are open.")
    for word, at_s in (("We", 0.2), ("are", 0.5), ("open.", 0.8)):
        speech.word(word, at_s)
    chunks = chunked(speech, np.concatenate((silence(RATE // 5), tone(1000))))
    # The cut is by windows of 5 ms and leaves one before the sound.
    assert begins(chunks) == pytest.approx({"We ": 0, "are ": 0.3 * RATE, "open.": 0.6 * RATE}, abs=RATE // 100)
    assert sum(size for _, size in chunks) == pytest.approx(RATE, abs=RATE // 100)


def test_other_rates_are_resampled_and_words_move_along() -> None:
    speech = Speech(24_000, 8000)
    speech.write("We are open.")
    for word, at_s in (("We", 0.0), ("are", 0.5), ("open.", 0.8)):
        speech.word(word, at_s)
    chunks = chunked(speech, tone(1000, 24_000))
    assert begins(chunks) == pytest.approx({"We ": 0, "are ": 4000, "open.": 6400}, abs=80)
    assert sum(size for _, size in chunks) == pytest.approx(8000, abs=80)


def test_a_word_that_is_said_otherwise_than_written_keeps_its_time() -> None:
    speech = Speech(RATE, RATE)
    speech.write("At 10:30 today.")
    for word, at_s in (("At", 0.0), ("ten", 0.2), ("thirty", 0.4), ("today", 0.7)):
        speech.word(word, at_s)
    found = begins(chunked(speech, tone(1000)))
    assert found == pytest.approx({"At ": 0, "10:30 ": 0.2 * RATE, "today.": 0.7 * RATE}, abs=RATE // 100)


def test_a_beginning_of_a_word_is_enough() -> None:
    speech = Speech(RATE, RATE)
    speech.write("We open.")
    speech.word("We", 0.0)
    speech.word("op", 0.5, whole=False)
    assert begins(chunked(speech, tone(1000))) == pytest.approx({"We ": 0, "open.": RATE // 2}, abs=RATE // 100)


def test_text_without_times_comes_at_the_end() -> None:
    speech = Speech(RATE, RATE)
    speech.write("We are open.")
    chunks = chunked(speech, tone(300))
    assert [text for text, _ in chunks if text] == ["We are open."]
    assert chunks[-1][0] == "We are open."


def test_silence_alone_is_not_spoken() -> None:
    speech = Speech(RATE, RATE)
    assert chunked(speech, silence(RATE)) == []
    assert speech.received_s == 1.0


@given(st.lists(st.sampled_from(["We ", "are", " open.", " 10:30", "…", "  ", "we"]), max_size=12))
def test_texts_are_never_lost_and_never_doubled(pieces: list[str]) -> None:
    speech = Speech(RATE, RATE)
    texts: list[str] = []
    for index, piece in enumerate(pieces):
        speech.write(piece)
        speech.word(pieces[index * 7 % len(pieces)].strip(), index * 0.05)
        texts += [chunk.text for chunk in speech.push(tone(50))]
    texts += [chunk.text for chunk in speech.finish()]
    assert "".join(texts) == "".join(pieces)

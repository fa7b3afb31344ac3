from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
import pytest

from hocket.sim import sentences
from hocket.sim.script import STEP_MS, Utterance, caller_turn, spoken


def many(count: int = 400, seed: int = 1) -> list[Utterance]:
    rng = Random(seed)
    return [caller_turn(rng) for _ in range(count)]


def test_the_bank_is_varied() -> None:
    banks = [*sentences.QUESTIONS, *sentences.STATEMENTS, *sentences.ANSWERS, *sentences.UNFINISHED]
    assert len(set(banks)) == len(banks) >= 60


def test_words_and_pauses_tile_the_utterance() -> None:
    for utterance in many():
        pauses = {pause.start_ms: pause for pause in utterance.pauses}
        for word, following in pairwise(utterance.words):
            pause = pauses.get(word.end_ms)
            assert following.start_ms == (pause.end_ms if pause else word.end_ms)
        assert utterance.words[0].start_ms == 0
        assert utterance.pauses[-1].start_ms == utterance.last_speech_ms == utterance.words[-1].end_ms


def test_durations_are_those_of_speech() -> None:
    for utterance in many():
        for word in utterance.words:
            assert 180 <= word.end_ms - word.start_ms <= 450
            assert word.start_ms % STEP_MS == word.end_ms % STEP_MS == 0
        for pause in utterance.pauses[:-1]:
            assert pause.end_ms is not None
            assert 200 <= pause.end_ms - pause.start_ms <= 600


def test_only_the_last_pause_is_finished() -> None:
    for utterance in many():
        assert [pause.unfinished for pause in utterance.pauses] == [True] * (len(utterance.pauses) - 1) + [False]
        assert not utterance.pauses[-1].evident


def test_marks_make_pauses_and_are_not_said() -> None:
    utterance = spoken("unfinished", "a table for ... six. | Thank you.", Random(1))
    assert utterance.text == "a table for six. Thank you."
    assert [pause.evident for pause in utterance.pauses] == [True, False, False]
    assert [len(utterance.stretches), utterance.stretches[-1][1]] == [3, utterance.last_speech_ms]
    for (_, end), (start, _), pause in zip(
        utterance.stretches, utterance.stretches[1:], utterance.pauses, strict=False
    ):
        assert (end, start) == (pause.start_ms, pause.end_ms)


def test_all_kinds_come_and_unfinished_pauses_are_frequent() -> None:
    utterances = many()
    assert {utterance.kind for utterance in utterances} == {"question", "statement", "answer", "digits", "unfinished"}
    with_pause = [utterance for utterance in utterances if len(utterance.pauses) > 1]
    assert 0.2 < len(with_pause) / len(utterances) < 0.5
    assert any(" um " in f" {utterance.text} " for utterance in utterances)
    digits = next(utterance for utterance in utterances if utterance.kind == "digits")
    assert set(digits.text.split()) <= set(sentences.DIGITS)


@pytest.mark.parametrize("kind", ["backchannel", "cough"])
def test_sounds_in_between(kind: sentences.Kind) -> None:
    utterance = caller_turn(Random(1), kind)
    assert utterance.kind == kind
    assert bool(utterance.text) == (kind == "backchannel")
    assert len(utterance.stretches) == 1


def test_the_same_seed_says_the_same_bytes() -> None:
    assert msgspec.json.encode(many(seed=5)) == msgspec.json.encode(many(seed=5))
    assert msgspec.json.encode(many(seed=5)) != msgspec.json.encode(many(seed=6))

from __future__ import annotations

import math

import numpy as np
import pytest

from hocket.providers.sphinx_decoding import (
    ALLOWANCE,
    ALLOWANCE_PER_SECOND,
    NOTHING,
    RATE,
    Choice,
    Hypothesis,
    Models,
    Recogniser,
    choose,
)
from tests.speech import clip

pytest.importorskip("pocketsphinx")

PHRASES = ["could you put me through to the billing department please", "boats for six people", "Zingerhof 12"]
BATCH = RATE // 25


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(PHRASES)


@pytest.fixture(scope="module")
def recogniser(models: Models) -> Recogniser:
    return Recogniser(models)


def recognise(recogniser: Recogniser, file: str) -> Choice:
    samples = clip(file)
    for at in range(0, len(samples), BATCH):
        recogniser.hear(samples[at : at + BATCH].tobytes())
    return recogniser.finish()


def said(choice: Choice) -> str:
    return " ".join(choice.words)


def hypothesis(score: float, speech_ms: int = 1000) -> Hypothesis:
    return Hypothesis((f"{score}",), score, speech_ms)


def test_phrases_are_believed_unless_open_text_is_much_closer() -> None:
    allowance = ALLOWANCE + ALLOWANCE_PER_SECOND
    assert choose(hypothesis(-500), hypothesis(-500 - allowance + 1)).from_phrases
    assert not choose(hypothesis(-500), hypothesis(-500 - allowance - 1)).from_phrases
    assert not choose(hypothesis(-500, 500), hypothesis(-500 - allowance + 1)).from_phrases
    assert choose(NOTHING, hypothesis(-500)) == Choice((), False)
    assert choose(hypothesis(-500), NOTHING).words == hypothesis(-500).words
    assert NOTHING.score == -math.inf
    for text, telling in (("you", False), ("what is that", False), ("yes", True), ("is that you kayak", True)):
        said_little = Hypothesis(tuple(text.split()), -500, 1000)
        assert choose(hypothesis(-500), said_little).from_phrases == telling


def test_words_of_the_phrases_are_found_in_speech(recogniser: Recogniser) -> None:
    recogniser.restart()
    choice = recognise(recogniser, "short_reply/commonvoice_22058267.wav")
    assert (said(choice), choice.from_phrases) == ("six", True)


def test_other_speech_is_not_forced_into_them(recogniser: Recogniser) -> None:
    recogniser.restart()
    choice = recognise(recogniser, "command/goforward.wav")
    assert (said(choice), choice.from_phrases) == ("go forward ten meters", False)


def test_a_restart_forgets_the_caller(recogniser: Recogniser) -> None:
    texts = []
    for _ in range(2):
        recogniser.restart()
        texts.append(recognise(recogniser, "agent_query/azure_whatstheweatherlike.wav"))
    assert texts[0] == texts[1]
    assert said(texts[0]) == "what's the weather like"


def test_no_sound_has_no_words(recogniser: Recogniser) -> None:
    recogniser.restart()
    assert recogniser.hear(b"") == recogniser.finish() == Choice((), False)
    recogniser.hear(np.zeros(BATCH, np.int16).tobytes())
    recogniser.hear(b"")
    assert recogniser.finish() == Choice((), False)


def test_words_that_the_dictionary_lacks_are_guessed(models: Models) -> None:
    assert models.guessed == ["zingerhof"]


def test_without_phrases_there_is_open_text_only(models: Models) -> None:
    assert len(models_decoders(Models(()))) == 1
    assert len(models_decoders(models)) == 2


def models_decoders(models: Models) -> list[object]:
    return [decoder for decoder in (models.open_text(), models.phrases()) if decoder is not None]

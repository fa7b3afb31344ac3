from __future__ import annotations

import pytest

from hocket.turn.backchannel import is_backchannel, is_word

BACKCHANNELS = """mm-hmm|mm hmm|mhm|mmhm|Mm.|hmm|uh-huh|uh huh|um hum|yeah|Yeah.|yeah yeah|yep|okay|OK|okay okay|
right|sure|I see|oh I see|got it|okay got it|alright|all right|of course|really|wow|oh okay|cool|great|gotcha|
exactly|that's right|um yeah|[laughs] yeah"""
SOUNDS = "|um|uh|uh uh|er um|[noise]|<unk>|(coughs)|++breath++|..."
WORDS = """yes|no|nope|stop|wait|yeah but|okay so I want|I see a problem|no that's wrong|sure but not today|hello|
right turn|two|yeah I know that one already thanks|got it wrong|okay cancel it|great yes|hold on"""


def phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split("|")]


@pytest.mark.parametrize("text", phrases(BACKCHANNELS))
def test_listening_is_no_turn(text: str) -> None:
    assert is_backchannel(text)
    assert not is_word(text)


@pytest.mark.parametrize("text", phrases(SOUNDS))
def test_hesitation_and_noise_are_neither(text: str) -> None:
    assert not is_backchannel(text)
    assert not is_word(text)


@pytest.mark.parametrize("text", phrases(WORDS))
def test_anything_that_says_more_is_a_word(text: str) -> None:
    assert is_word(text)
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["the", "if", "a", "of the", "and", "The."])
def test_what_recognisers_write_for_a_breath_is_no_word(text: str) -> None:
    assert not is_word(text)


@pytest.mark.parametrize("text", ["stop", "when", "what", "no", "yes", "down", "six", "the price", "if only", "why"])
def test_short_answers_and_questions_are_words(text: str) -> None:
    assert is_word(text)

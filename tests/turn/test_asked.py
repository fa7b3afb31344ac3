from __future__ import annotations

import pytest

from hocket.turn.asked import OPEN, Asked, asked_by

QUESTIONS = [
    ("", OPEN),
    ("...", OPEN),
    ("How can I help you today?", OPEN),
    ("Could you tell me what happened?", OPEN),
    ("Your table is booked.", OPEN),
    ("What's your phone number?", Asked("digits", 10)),
    ("Great. Can I have the last four digits of your card?", Asked("digits", 4)),
    ("Please enter your six-digit code.", Asked("digits", 6)),
    ("May I have your account number, please?", Asked("digits")),
    ("And your zip code?", Asked("digits", 5)),
    ("How many people?", Asked("number")),
    ("What is your date of birth?", Asked("date")),
    ("For when would you like it?", Asked("date")),
    ("And what time suits you?", Asked("time")),
    ("What name is the booking under?", Asked("name")),
    ("Who am I speaking with?", Asked("name")),
    ("Could you spell your last name?", Asked("spelling")),
    ("What’s the best e-mail for you?", Asked("email")),
    ("Would you like anything else?", Asked("yes_no")),
    ("Is that correct?", Asked("yes_no")),
    ("Anything else?", Asked("yes_no")),
    ("Okay, so you want Friday at six, right?", Asked("yes_no")),
    ("Do you have your account number handy?", Asked("yes_no")),
    ("Would you like small or large?", Asked("choice")),
    ("Do you want the receipt or not?", Asked("yes_no")),
    ("Great! It is booked. Is there anything else? I'm happy to help.", Asked("yes_no")),
    ("It costs $3.50 a month. Shall I sign you up?", Asked("yes_no")),
]


@pytest.mark.parametrize(("agent_text", "asked"), QUESTIONS)
def test_the_last_question_says_what_is_asked_for(agent_text: str, asked: Asked) -> None:
    assert asked_by(agent_text) == asked

from __future__ import annotations

import pytest

from hocket.knowledge.words import tokens
from hocket.providers.dialogue.talk import after_yes_or_no, small_talk, yes_or_no


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("yes", "yes"),
        ("um, yeah", "yes"),
        ("Sure, go ahead.", "yes"),
        ("of course", "yes"),
        ("nope", "no"),
        ("no thank you", "no"),
        ("well, not today", "no"),
        ("know", "no"),
        ("that's all", "no"),
        ("know your prices", None),
        ("six", None),
        ("nothing", "no"),
        ("note this down", None),
        ("", None),
    ],
)
def test_yes_and_no(text: str, verdict: str | None) -> None:
    assert yes_or_no(tokens(text)) == verdict


def test_what_comes_after_is_kept() -> None:
    assert after_yes_or_no(tokens("yes please, six people")) == ["six", "people"]
    assert after_yes_or_no(tokens("no thank you")) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "greeting"),
        ("good morning", "greeting"),
        ("thanks a lot", "thanks"),
        ("thank you very much for your help", "thanks"),
        ("that's all thanks bye", "goodbye"),
        ("goodbye", "goodbye"),
        ("by", "goodbye"),
        ("have a nice day", "goodbye"),
        ("pardon", "repeat"),
        ("could you repeat that", "repeat"),
        ("who are you", "identity"),
        ("never mind", "stop"),
        ("hello what are your prices", None),
        ("thank you what is the weather", None),
        ("can I buy a kayak", None),
        ("six", None),
        ("yes", None),
    ],
)
def test_small_talk(text: str, kind: str | None) -> None:
    assert small_talk(text, tokens(text)) == kind

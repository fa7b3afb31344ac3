"""Small talk: yes and no, hello, thanks and goodbye, however short the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from hocket.knowledge.words import terms

SmallTalk: TypeAlias = Literal["greeting", "thanks", "goodbye", "repeat", "identity", "stop"]

_YES_WORDS = """
yes yeah yep yup ya aye sure please certainly absolutely definitely correct right exactly ok okay fine alright
"""
_YES = frozenset(_YES_WORDS.split())
_NO = frozenset(("no", "nope", "nah", "never", "none", "nothing", "neither"))
_YES_PHRASES = ("of course", "go ahead", "why not", "sounds good", "all right", "i would", "i do", "let's do", "do it")
_NO_PHRASES = ("not ", "i don't", "don't", "that's all", "that is all", "that's it")
_HESITATIONS = frozenset(("um", "uh", "er", "erm", "oh", "ah", "hmm", "well", "so", "and", "actually"))

_GOODBYE = (
    "bye", "goodbye", "good bye", "by by", "bye bye", "buy buy", "see you", "hang up", "that's all",
    "that is all", "that's it",
    "nothing else", "i'm done", "i am done", "have a nice", "have a good", "good night", "farewell", "end the call",
)  # fmt: skip
_REPEAT = (
    "pardon",
    "say that again",
    "say it again",
    "repeat",
    "come again",
    "didn't catch",
    "did not catch",
    "what did you say",
)
_IDENTITY = (
    "who are you",
    "who is this",
    "who am i",
    "what are you",
    "what is this place",
    "are you a robot",
    "are you real",
)
_STOP = ("never mind", "nevermind", "forget it", "cancel that", "stop that", "leave it")
_THANKS = ("thank you", "thanks", "cheers", "great", "lovely", "perfect", "wonderful", "brilliant")
_GREETING = ("hello", "hi", "hey", "good morning", "good afternoon", "good evening", "good day")


def yes_or_no(words: Sequence[str]) -> Literal["yes", "no"] | None:
    """How an answer to a yes-or-no question begins."""
    said = _without_hesitations(words)
    line = " ".join(said)
    if not said:
        return None
    if said[0] in _NO or said == ["know"] or f"{line} ".startswith(_NO_PHRASES):  # a lone "no" is often written "know"
        return "no"
    return "yes" if said[0] in _YES or line.startswith(_YES_PHRASES) else None


def after_yes_or_no(words: Sequence[str]) -> list[str]:
    """What was said beyond yes, no, please and thanks."""
    said = _without_hesitations(words)
    polite = _YES | _NO | {"thank", "thanks", "you", "very", "much", "course", "of"}
    while said and said[0] in polite:
        said.pop(0)
    return said


def small_talk(text: str, words: Sequence[str]) -> SmallTalk | None:
    """What a remark without a subject of its own is about."""
    line = f" {' '.join(_without_hesitations(words))} "
    subject = [term for term in terms(text) if term not in _POLITE_TERMS]
    for kind, phrases, subjects in _KINDS:
        if len(subject) <= subjects and any(
            f" {phrase} " in line or line.startswith(f" {phrase}") for phrase in phrases
        ):
            return kind
    return "goodbye" if line in (" by ", " buy ") else None


def _without_hesitations(words: Sequence[str]) -> list[str]:
    said = list(words)
    while said and said[0] in _HESITATIONS:
        said.pop(0)
    return said


_KINDS: tuple[tuple[SmallTalk, tuple[str, ...], int], ...] = (
    ("repeat", _REPEAT, 1),
    ("identity", _IDENTITY, 1),
    ("stop", _STOP, 0),
    ("goodbye", _GOODBYE, 0),
    ("thanks", _THANKS, 0),
    ("greeting", _GREETING, 0),
)
"""Kind, phrases, and how many words of a subject there may be besides. The first that fits is taken."""

_POLITE_TERMS = frozenset(
    term
    for phrases in (_GOODBYE, _REPEAT, _IDENTITY, _STOP, _THANKS, _GREETING)
    for phrase in phrases
    for term in terms(phrase)
) | {
    "day",
    "lot",
    "nic",
    "help",
    "good",
    "evening",
    "everything",
    "call",
    "alright",
    "much",
    "afternoon",
    "great",
    "really",
}

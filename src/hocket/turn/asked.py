"""What the agent has just asked for, because it decides what a complete answer looks like."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["open", "yes_no", "choice", "number", "digits", "name", "date", "time", "email", "spelling"]


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A kind of question."""

    kind: Kind = "open"
    digits: int = 0
    """How many digits were asked for; 0 if that is not known."""


OPEN = Asked()


def asked_by(agent_text: str) -> Asked:
    """What the agent's last heard words ask for; English, by the last question or else the last sentence."""
    question = _last_question(agent_text[-_LOOK_BACK:].lower().replace("’", "'"))
    if not question:
        return OPEN
    if not _INVERTED(question) or _REQUEST(question):
        for kind, pattern in _SUBJECTS:
            if pattern(question):
                return Asked("digits", _digits(question)) if kind == "digits" else Asked(kind)
    if _INVERTED(question) and not _REQUEST(question):
        return Asked("choice") if " or " in question and not _OR_NOT(question) else Asked("yes_no")
    if _TAGGED(question):
        return Asked("yes_no")
    return OPEN


def _last_question(text: str) -> str:
    """The last sentence that ends in a question mark; without one, the last sentence."""
    sentences: list[str] = [sentence.strip() for sentence in _SENTENCES(text) if _LETTER(sentence)]
    for sentence in reversed(sentences):
        if sentence.endswith("?"):
            return sentence
    return sentences[-1] if sentences else ""


def _digits(question: str) -> int:
    counted = _COUNTED(question)
    if counted:
        word = counted[1] or counted[2]
        return int(word) if word.isdigit() else _COUNTS[word]
    return next((digits for name, digits in _USUAL if name in question), 0)


_LOOK_BACK = 240  # characters: a question is near the end, or the caller has forgotten it too
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_COUNT = "|".join([*_COUNTS, r"\d{1,2}"])
_COUNTED = re.compile(rf"\b(?:last|first) ({_COUNT})\b|\b({_COUNT})[- ]digit").search
_USUAL = (("phone", 10), ("mobile", 10), ("cell", 10), ("call you back", 10), ("zip", 5), ("pin", 4), ("cvv", 3))

_SENTENCES = re.compile(r"[^.!?]*(?:[.!?](?=\S)[^.!?]*)*[.!?]*\s*").findall
_LETTER = re.compile(r"\w").search
_INVERTED = re.compile(
    r"(?:^|.*[,;:] |(?:so|and|okay|great|thanks|sure|alright|perfect|good),? )(?:anything (?:else|more)|"
    r"(?:is|are|was|were|do|does|did|have|has|can|could|would|will|shall|should|may|isn't|aren't|don't|doesn't|didn't|"
    r"won't|can't|couldn't) (?!me\b)\w+)"
).match
_REQUEST = re.compile(
    r"\b(?:(?:can|could|may) i (?:please )?(?:have|get|take|ask)|(?:can|could|would|will) you (?:please )?"
    r"(?:tell|give|spell|read|say|confirm|repeat|provide|share|enter)|would you mind)\b"
).search
_TAGGED = re.compile(r"(?:^|\W)(?:right|correct|okay|is it|isn't it|does it|doesn't it|is that so|yes)\W*$").search
_OR_NOT = re.compile(r"\bor (?:not|no|anything|something)\b").search
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("email", r"\be-?mail\b"),
    ("spelling", r"\bspell"),
    ("digits", r"\bdigits?\b|\bzip\b|\bpin\b|\bpostal code|\bpostcode|\bcvv\b|\bcode\b|"
               r"\b(?:phone|mobile|cell|account|card|member|order|reference|confirmation|policy|tracking|booking|"
               r"security|contact|callback|id|telephone|best) (?:number|id)\b|\bnumber (?:can|should|on|do)\b"),
    ("number", r"\bhow (?:many|much|old|long|big|large)\b|\bwhat (?:size|quantity|age)\b|\bnumber of\b|"
               r"\bparty of\b|\bguests\b"),
    ("date", r"\bdate\b|\bbirthday\b|\b(?:what|which) (?:day|month)\b|"
             r"\bwhen (?:were|was|is|are|would|did|do|should)\b"),
    ("time", r"\bwhat time\b|\bwhich time\b"),
    ("name", r"\bname\b|\bwho (?:am i|is this|are you|is calling)\b"),
)  # fmt: skip
_SUBJECTS = tuple((kind, re.compile(pattern).search) for kind, pattern in _PATTERNS)

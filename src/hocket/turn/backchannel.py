"""Sounds by which a listener says "go on" without wanting the turn, and what recognisers write for them."""

from __future__ import annotations

import re

from hocket.turn.lexicon import ARTICLES, CONJUNCTIONS, FILLERS, SUBORDINATORS, WH


def is_backchannel(text: str) -> bool:
    """Whether all of this is listening: "mm-hmm", "yeah okay", "I see". "Yes", "no" and "um" are not: they want in."""
    words = _WORDS(_MARKUP("", text.lower()))
    return 0 < len(words) <= _LONGEST and _listens(words) and not _HESITATIONS.issuperset(words)


def is_word(text: str) -> bool:
    """Whether something here says more than "go on" or "wait, I am thinking".

    Recognisers write "the" or "if" for a breath, a click or the room: words that say nothing by themselves.
    """
    words = _WORDS(_MARKUP("", text.lower()))
    if len(words) > _LONGEST:
        return not FILLERS.issuperset(words)
    return not _listens(words) and not _EMPTY.issuperset(words)


def _listens(words: list[str]) -> bool:
    """Whether the words are nothing but backchannels and fillers."""
    index = 0
    while index < len(words):
        if words[index] in _SINGLE:
            index += 1
        elif " ".join(words[index : index + 2]) in _PAIRS:
            index += 2
        else:
            return False
    return True


_HESITATIONS = frozenset(["um", "umm", "uh", "uhh", "uhm", "er", "err", "erm", "eh"])
_EMPTY = ARTICLES | (CONJUNCTIONS | SUBORDINATORS | {"of", "to", "for", "with", "at", "by", "from", "into", "as"}) - WH
_LONGEST = 5  # people who say more than five words of assent have taken the turn
_PAIRS = frozenset(
    {"i see", "got it", "all right", "of course", "makes sense", "oh wow", "no way", "uh huh", "go on", "very good",
     "that's right", "thats right", "you know", "fair enough", "sounds good", "no problem", "go ahead"}
)  # fmt: skip
_SINGLE = FILLERS | frozenset(
    [
        *["mhm", "mhmm", "mmhm", "mmhmm", "mmkay", "hum", "uhhuh", "uhum", "aha", "ahh", "ooh", "oh", "m"],
        *["yeah", "yea", "ya", "yep", "yup", "yeh", "okay", "ok", "kay", "okey", "right", "sure", "alright", "gotcha"],
        *["cool", "great", "nice", "fine", "good", "true", "exactly", "really", "wow", "perfect", "indeed", "totally"],
        *["absolutely", "definitely", "interesting"],
    ]
)
# Recognisers mark what is no speech as "[noise]", "<unk>", "(laughs)" or "++breath++".
_MARKUP = re.compile(r"\[[^\]]*\]|<[^>]*>|\([^)]*\)|\+\+[^+]*\+\+").sub
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*").findall

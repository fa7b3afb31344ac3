"""A grammar of what callers of one business may say: every run of consecutive words of its own phrases.

A recogniser that searches this grammar finds nothing but runs such as "the billing department" or "six people". It is
meant to run beside a recogniser of open text that says when the speech was none of them. Runs, not whole sentences,
because callers use an agent's words but not its sentences; and not a statistical model of the words, because such a
model always finds some order of common words that sounds similar (`benchmarks/recognition.py` compares).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from hocket.turn.lexicon import ARTICLES, AUXILIARIES, CONJUNCTIONS, POSSESSIVES, PREPOSITIONS, SUBJECTS

Transition: TypeAlias = tuple[int, int, float] | tuple[int, int, float, str]
"""State before, state after, probability, and the word that is spoken in between, if any."""

START, END = 0, 1
"""The states in which an utterance begins and ends."""

MAX_STATES = 4_000
"""Later phrases are left out: the search takes time for every word that may come first."""

_SENTENCE_END = re.compile(r"[.?!:;,]+(?=\s|$)|[()\"\n|#*]+|\s[-–—]\s")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
_AMOUNT = re.compile(r"([$€£])\s?(\d+)")
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds"}

_DANGLING = ARTICLES | POSSESSIVES | CONJUNCTIONS | PREPOSITIONS | AUXILIARIES | SUBJECTS
"""Words that nobody stops after, unless that is all he says."""

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_MAX_NUMBER = 9_999


def clauses(phrases: Iterable[str]) -> list[list[str]]:
    """The phrases as spoken words in lower case, cut where a speaker would pause; each clause once, in order."""
    found: dict[tuple[str, ...], None] = {}
    for phrase in phrases:
        for clause in _SENTENCE_END.split(phrase.replace("_", " ").replace("’", "'")):
            spoken = _AMOUNT.sub(lambda match: f"{match[2]} {_CURRENCIES[match[1]]}", clause.lower())
            words = [word for token in _WORD.findall(spoken) for word in spell(token)]
            if words:
                found[tuple(words)] = None
    return [list(words) for words in found]


def spell(token: str) -> list[str]:
    """A number as it is spoken: 25 -> twenty five; digit by digit from 10000 on. Other words stay as they are."""
    if not token.isdigit():
        return [token]
    number = int(token)
    if number > _MAX_NUMBER or (token[0] == "0" and number):
        return [_ONES[int(digit)] for digit in token]
    return _spell(number)


def _spell(number: int) -> list[str]:
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *(_spell(number % 10) if number % 10 else ())]
    unit, name = (1_000, "thousand") if number >= 1_000 else (100, "hundred")
    return [*_spell(number // unit), name, *(_spell(number % unit) if number % unit else ())]


def transitions(clauses: Sequence[Sequence[str]], known: Callable[[str], bool]) -> list[Transition]:
    """The grammar. An utterance may begin before any word of a clause, and end after any that does not dangle.

    Nothing is likelier than anything else. A clause is cut where a word is not `known` to the dictionary.
    """
    found: list[Transition] = []
    runs: set[tuple[str, ...]] = set()
    states = END + 1
    for clause in clauses:
        for run in _known_runs(clause, known):
            if run in runs or states + len(run) + 1 > MAX_STATES:
                continue
            runs.add(run)
            for state, word in enumerate(run, states):
                # An arc of its own for the first word: pocketsphinx would otherwise take its sounds to follow those of
                # the word before it in the clause.
                found.append((START, state + 1, 1.0, word))
                if state > states:
                    found.append((state, state + 1, 1.0, word))
                if word not in _DANGLING or len(run) == 1:
                    found.append((state + 1, END, 1.0))
            states += len(run) + 1
    return found


def _known_runs(clause: Sequence[str], known: Callable[[str], bool]) -> list[tuple[str, ...]]:
    runs: list[tuple[str, ...]] = []
    run: list[str] = []
    for word in [*clause, ""]:
        if word and known(word):
            run.append(word)
        elif run:
            runs.append(tuple(run))
            run = []
    return runs


_SOUNDS = {
    "tion": "SH AH N", "sch": "SH", "igh": "AY", "eau": "OW", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F",
    "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "kn": "N", "wr": "R", "gh": "G", "ee": "IY", "ea": "IY",
    "oo": "UW", "ou": "AW", "ow": "OW", "oa": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY", "ei": "EY",
    "ey": "IY", "ie": "IY", "au": "AO", "aw": "AO", "eu": "Y UW", "ew": "UW", "er": "ER", "ir": "ER", "ur": "ER",
    "ar": "AA R", "or": "AO R", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH",
    "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S",
    "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_SOFT = {"c": "S", "g": "JH"}
_LONGEST_SPELLING = 4


def pronounce(word: str) -> str:
    """A guess at the sounds (ARPAbet) of a word that no dictionary has, letter group by letter group; "" if it has no
    letters. Names come out roughly; a word that matters should be spelled as it sounds in the phrases."""
    letters = re.sub(r"(.)\1", r"\1", word.replace("'", ""))
    if len(letters) > 3 and letters.endswith("e"):
        letters = letters[:-1]
    sounds: list[str] = []
    at = 0
    while at < len(letters):
        for length in range(_LONGEST_SPELLING, 0, -1):
            spelling = letters[at : at + length]
            if len(spelling) == length and spelling in _SOUNDS:
                soft = spelling in _SOFT and letters[at + 1 : at + 2] in ("e", "i", "y")
                sounds.append(_SOFT[spelling] if soft else _SOUNDS[spelling])
                break
        at += length
    return " ".join(sounds)

"""How likely the caller has finished, from the words alone.

Punctuation and case are not looked at: recognisers leave them out, and those that write them punctuate pauses wrongly.
`hocket.turn.anchors` says what the scores mean. English only: in other languages the score says nothing useful.
"""

from __future__ import annotations

import re

from hocket.turn.anchors import ANSWER, EMPTY, FILLER, LIKELY_DANGLING, PHRASE, REPLY, SENTENCE, STANDING
from hocket.turn.asked import OPEN, Asked
from hocket.turn.dangling import dangling
from hocket.turn.dictation import dictated
from hocket.turn.lexicon import (
    ARTICLES,
    ASKING_CONTRACTED,
    AUXILIARIES,
    BE,
    CLOSING,
    CONTRACTED,
    FILLERS,
    IMPERATIVES,
    MONTHS,
    OPENERS,
    PAST,
    POSSESSIVES,
    PRONOUNS,
    SUBORDINATORS,
    VERBS,
    WH,
    YES_NO,
)


def completion(text: str, asked: Asked = OPEN) -> float:
    """How likely the turn is complete after these words, 0 to 1, given what the agent just asked."""
    if "@" in text:
        text = text.rstrip(" .").replace("@", " at ").replace(".", " dot ")
    words = _WORDS(text[-_LOOK_BACK:].lower().replace("’", "'"))
    if not words:
        return EMPTY
    if len(text) > _LOOK_BACK:
        words = words[1:] or words  # the first may have been cut in half
    if _holds(words):
        return FILLER
    score = dictated(words, asked)
    if score is None:
        score = _reply(words, asked)
    if score is None:
        score = dangling(words)
    return _shape(words) if score is None else score


def _holds(words: list[str]) -> bool:
    """Whether the words end in a sound or phrase by which people keep the turn while they think."""
    last = words[-1]
    if last in FILLERS:
        return True
    if last not in _FILLER_ENDS or len(words) < 2:
        return False
    pair = f"{words[-2]} {last}"
    before = words[-3] if len(words) > 2 else ""
    return (pair in _FILLER_PAIRS and before not in _NOT_BEFORE_FILLER) or f"{before} {pair}" in _FILLER_TRIPLES


def _reply(words: list[str], asked: Asked) -> float | None:
    """Replies of a word or a few."""
    if len(words) > 4:
        return None
    phrase = " ".join(words)
    if phrase in _REPLIES:
        return ANSWER if asked.kind in ("yes_no", "choice") else REPLY
    if asked.kind == "yes_no" and phrase in _ELLIPSES:
        return ANSWER
    if len(words) == 3 and words[0] in YES_NO and f"{words[1]} {words[2]}" in _ELLIPSES:
        return ANSWER
    if asked.kind in ("date", "time") and words[-1] in MONTHS and words[-1] != "may":
        return LIKELY_DANGLING
    if phrase in WH:
        return STANDING
    return None


def _shape(words: list[str]) -> float:
    """What the words would be if nothing followed them."""
    start = 0
    while start < len(words) - 1 and words[start] in OPENERS:
        start += 1
    first, rest = words[start], words[start + 1 :]
    if not rest and first in OPENERS:
        return 0.5
    if first in ASKING_CONTRACTED:
        return SENTENCE
    if first in WH:
        score = _wh_question(rest)
    elif first in AUXILIARIES and rest:
        score = _inverted(rest)
    elif first in SUBORDINATORS:
        score = _subordinate(rest)
    elif first in IMPERATIVES:
        score = SENTENCE if rest else 0.65
    elif _has_sentence(words[start:]):
        score = SENTENCE
    else:
        score = PHRASE + 0.02 * min(len(rest), 4)
    if _asks_of_nothing(words):
        return LIKELY_DANGLING
    return max(score, 0.8) if words[-1] in CLOSING and len(rest) > 1 else score


def _wh_question(rest: list[str]) -> float:
    """After "what", "when", "how": an auxiliary with its subject and verb, or a verb."""
    for index, word in enumerate(rest):
        if word in AUXILIARIES or word in CONTRACTED:
            after = rest[index + 1 :]
            if not after:
                return LIKELY_DANGLING
            if word in BE or word in CONTRACTED or len(after) > 3:
                return SENTENCE
            if after[0] in ARTICLES or after[0] in POSSESSIVES:
                return SENTENCE if any(_is_verb(verb) for verb in after[2:]) else 0.3
            return SENTENCE if len(after) > 1 else PHRASE
        if _is_verb(word):
            return SENTENCE
    return PHRASE if len(rest) > 1 else 0.5


def _inverted(rest: list[str]) -> float:
    """After "do", "can", "is": a subject and what is asked of it."""
    if len(rest) == 1:
        return PHRASE if _is_verb(rest[0]) else LIKELY_DANGLING  # "can somebody"
    if len(rest) == 2 and (rest[0] in ARTICLES or rest[0] in POSSESSIVES):
        return LIKELY_DANGLING  # "is the clinic"
    return SENTENCE


def _subordinate(rest: list[str]) -> float:
    """After "if", "when", "because": a clause, and then the one it belongs to."""
    if rest and rest[-1] == "possible":
        return PHRASE
    clauses, before = 0, ""
    for word in rest:
        if word in CONTRACTED or word == "please":
            clauses += 1
        elif word in AUXILIARIES:
            clauses += not (before == "to" or before in AUXILIARIES or before in CONTRACTED)
        elif before in SUBORDINATORS and word in PRONOUNS:
            clauses -= 1
        elif before in PRONOUNS and _is_verb(word):
            clauses += 1
        before = word
    return 0.8 if clauses > 1 else 0.3


def _asks_of_nothing(words: list[str]) -> bool:
    """Whether the words end in a question without its verb: "tell me where my order"."""
    for index in range(len(words) - 2, max(0, len(words) - 5), -1):
        word = words[index]
        if word in AUXILIARIES or word in CONTRACTED or _is_verb(word):
            return False
        if word in WH:
            after = words[index + 1]
            named = index + 3 == len(words) or not _is_verb(words[-1])  # in "my order" it is no verb
            return named and (after in ARTICLES or after in POSSESSIVES)
    return False


def _has_sentence(words: list[str]) -> bool:
    """Whether there are a subject, its verb and something after them."""
    for index, word in enumerate(words[:-1]):
        if word in CONTRACTED or (index and (word in AUXILIARIES or _is_verb(word) or word.endswith("ing"))):
            return True
    return len(words) > 1 and words[-2] in PRONOUNS and _is_verb(words[-1])


def _is_verb(word: str) -> bool:
    return word in VERBS or word in PAST or word.endswith("ed") or (word.endswith("s") and word[:-1] in VERBS)


_LOOK_BACK = 160  # characters, about 30 words: what comes earlier does not say whether this is the end
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)*").findall

_split = str.split
_FILLER_PAIRS = frozenset(
    {"you know", "i mean", "let's see", "lets see", "kind of", "sort of", "what's called", "whats called"}
)
_FILLER_TRIPLES = frozenset(
    {"let me see", "let me think", "let me check", "let me look", "what's it called", "give me a", "just a second",
     "what's the word", "how do i", "one moment please", "give me one", "what was it", "you know what", "wait a second"}
)  # fmt: skip
_FILLER_ENDS = frozenset(phrase.rsplit(" ", 1)[1] for phrase in _FILLER_PAIRS | _FILLER_TRIPLES)
_NOT_BEFORE_FILLER = frozenset(_split("do did would should if don't didn't how let what that"))
_REPLIES = frozenset(
    _split("yes yeah yep yup no nope nah sure okay ok alright right correct thanks exactly absolutely definitely great "
           "perfect fine good hello hi bye goodbye please certainly true false cool sorry pardon help agreed done")
) | frozenset(
    {"thank you", "yes please", "no thanks", "no thank you", "of course", "that's right", "that's correct", "i see",
     "got it", "all right", "sounds good", "sure thing", "not really", "i think so", "i guess so", "i don't know",
     "not sure", "i'm not sure", "that's fine", "that's all", "that's it", "you too", "me too", "mm hmm", "uh huh",
     "why not", "not yet", "not at all", "go ahead", "excuse me", "thank you very much", "thanks a lot", "good morning",
     "good afternoon", "good evening", "that works", "yes sir", "no sir", "no problem", "never mind", "nothing else",
     "how come", "just looking", "yes it is", "no way", "say again", "hold on"}
)  # fmt: skip
_ELLIPSES = frozenset(
    f"{pronoun} {auxiliary}"
    for pronoun in _split("i you he she it we they that there")
    for auxiliary in _split("am is are was were do does did don't doesn't didn't have has haven't hasn't can can't "
                            "could couldn't will won't would wouldn't isn't aren't wasn't weren't should shouldn't")
)  # fmt: skip

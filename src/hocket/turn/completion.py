"""How likely the caller has finished, from the words alone.

Punctuation and case are not looked at: recognisers leave them out, and those that write them punctuate pauses wrongly.

Anchors: nothing 0.0; a filler at the end 0.05; a dangling word 0.1; digits in progress 0.2; a bare noun phrase 0.6; a
question, request or sentence with its parts 0.9; an answer of the kind that was asked for 0.95. English only: for other
languages the score says nothing that is useful.
"""

from __future__ import annotations

import re

from hocket.turn.asked import OPEN, Asked, asked_by
from hocket.turn.lexicon import (
    ALWAYS_GOING_ON,
    ARTICLES,
    ASKING_CONTRACTED,
    AUXILIARIES,
    BE,
    CLOSING,
    CONJUNCTIONS,
    CONTRACTED,
    DETERMINERS,
    DIGITS,
    FILLERS,
    GIVING,
    IMPERATIVES,
    MODIFIERS,
    MONTHS,
    NEEDS_OBJECT,
    OPENERS,
    ORDINALS,
    PARTICLES,
    PAST,
    PHRASAL,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS,
    SUBJECTS,
    SUBORDINATORS,
    THINKING,
    VERB_CALLERS,
    VERBS,
    WEAK_MODIFIERS,
    WH,
)

__all__ = ["OPEN", "Asked", "asked_by", "completion"]

EMPTY = 0.0
FILLER = 0.05
DANGLING = 0.1
DIGITS_GOING_ON = 0.2
LIKELY_DANGLING = 0.25
PHRASE = 0.6
SENTENCE = 0.9
ANSWER = 0.95


def completion(text: str, asked: Asked = OPEN) -> float:
    """How likely the turn is complete after these words, 0 to 1, given what the agent just asked."""
    if "@" in text:
        text = text.rstrip(" .").replace("@", " at ").replace(".", " dot ")
    words = _WORDS(text[-_LOOK_BACK:].lower())
    if not words:
        return EMPTY
    if len(text) > _LOOK_BACK:
        del words[0]  # may have been cut in half
    for rule in _RULES:
        score = rule(words, asked)
        if score is not None:
            return score
    return _shape(words)


def _filler(words: list[str], asked: Asked) -> float | None:
    """Sounds and phrases by which people keep the turn while they think."""
    last = words[-1]
    if last in FILLERS:
        return FILLER
    if last not in _FILLER_ENDS or len(words) < 2:
        return None
    pair = f"{words[-2]} {last}"
    before = words[-3] if len(words) > 2 else ""
    if pair in _FILLER_PAIRS:
        return None if before in _NOT_BEFORE_FILLER else FILLER
    if f"{before} {pair}" in _FILLER_TRIPLES:
        return FILLER
    return None


def _digits(words: list[str], asked: Asked) -> float | None:
    """Numbers that are being dictated."""
    if words[-1] not in DIGITS and not words[-1][0].isdigit():
        return None
    count, single, start = 0, 0, len(words)
    while start and (words[start - 1] in DIGITS or words[start - 1][0].isdigit()):
        start -= 1
        word = words[start]
        digits = len(word) if word[0].isdigit() else DIGITS[word]
        count += digits
        single += digits == 1
    before = words[start - 1] if start else ""
    if asked.kind == "digits":
        return ANSWER if count >= (asked.digits or _USUAL_LENGTH) else DIGITS_GOING_ON
    if asked.kind in ("number", "time", "date") and count <= 4:
        return None
    run = len(words) - start
    wanted = next((_LENGTHS[word] for word in words[max(0, start - 6) : start] if word in _LENGTHS), 0)
    if wanted and before in _ANNOUNCING | _LENGTHS.keys():
        if count >= wanted:
            return SENTENCE
        return DIGITS_GOING_ON
    if before in _BEFORE_TIME or run < 2 or (single < 2 and run < 3):
        return None
    return SENTENCE if count >= _USUAL_LENGTH else DIGITS_GOING_ON


def _dictation(words: list[str], asked: Asked) -> float | None:
    """E-mail addresses and names that are being spelled."""
    last = words[-1]
    if last in _ADDRESS_GLUE and (asked.kind in ("email", "spelling") or last in ("dot", "underscore", "hyphen")):
        return DANGLING
    if "dot" in words[-3:-1] and last in _DOMAINS:
        return ANSWER
    if last in _MAIL_HOSTS and "at" in words[-3:-1]:
        return LIKELY_DANGLING
    if asked.kind == "email":
        return DIGITS_GOING_ON if words[-1] not in _REPLIES else None
    if len(last) == 1 and last not in "ai" and len(words) > 1 and (len(words[-2]) == 1 or asked.kind == "spelling"):
        return 0.4
    return None


def _answer(words: list[str], asked: Asked) -> float | None:
    """Replies of a word or a few."""
    if len(words) > 4:
        return None
    phrase = " ".join(words)
    if phrase in _REPLIES:
        return ANSWER if asked.kind in ("yes_no", "choice") else 0.85
    if asked.kind == "yes_no" and len(words) == 2 and phrase in _ELLIPSES:
        return SENTENCE
    if len(words) == 3 and words[0] in _YES_NO and f"{words[1]} {words[2]}" in _ELLIPSES:
        return ANSWER
    if asked.kind in ("date", "time") and words[-1] in MONTHS and words[-1] != "may":
        return LIKELY_DANGLING
    if len(words) == 1 and phrase in WH:
        return 0.75
    return None


def _dangling(words: list[str], asked: Asked) -> float | None:
    """A last word that calls for another."""
    last = words[-1]
    if last not in _MAY_DANGLE:
        return None
    before = words[-2] if len(words) > 1 else ""
    for words_of_kind, judge in _JUDGES:
        if last in words_of_kind:
            score = judge(words, last, before)
            if score is not None:
                return score
    return None


def _never_ends(words: list[str], last: str, before: str) -> float | None:
    if last == "so" and before in ("think", "hope", "guess", "suppose", "say", "do", "much", "afraid"):
        return SENTENCE
    return DANGLING


def _preposition(words: list[str], last: str, before: str) -> float | None:
    if last == "like" and (
        not _WHAT.isdisjoint(words[-6:-1]) or "look" in words[-5:-1] or before in ("you", "i", "feel", "they")
    ):
        return 0.8 if "would" not in words[-4:-1] else DANGLING
    if last in PARTICLES and before in PHRASAL:
        return PHRASE
    # "what is it for", "who am i speaking with": the question word is what the preposition goes with.
    asking = any(word in WH or word in ASKING_CONTRACTED for word in words[-7:-1])
    if asking and before not in DETERMINERS and (before in _STRANDERS or words[-3] in PRONOUNS):
        return 0.75
    return DANGLING


def _auxiliary(words: list[str], last: str, before: str) -> float | None:
    if len(words) <= 4 and words[0] in _YES_NO and before in PRONOUNS:
        return ANSWER
    if last in ("do", "have", "did", "had") and before in PRONOUNS and any(word in _ASKING for word in words[:-2]):
        return 0.75
    if last in BE and before not in WH:
        # "do you know where my order is": the question word has its sentence, if something asks for it.
        tail = words[-8:-1]
        for index, word in enumerate(tail):
            if word in WH and index and tail[index - 1] in _KNOWING and AUXILIARIES.isdisjoint(tail[index + 1 :]):
                return 0.8
    return DANGLING


def _subject(words: list[str], last: str, before: str) -> float | None:
    if before in BE and len(words) > 2 and words[-3] in WH:
        return SENTENCE
    return DANGLING


def _pronoun(words: list[str], last: str, before: str) -> float | None:
    """ "You", "it", "that", "this": objects end a sentence, subjects do not."""
    asking = len(words) > 2 and (words[-3] in WH or words[-3] in MODIFIERS)
    if not before:
        return DANGLING if last == "you" else 0.5
    if before in ASKING_CONTRACTED or (before in BE and (asking or last != "you")):
        return SENTENCE
    if before in AUXILIARIES and before not in ("do", "did", "have", "had"):
        return DANGLING
    if before in ("do", "have", "did", "had"):
        return DANGLING if last == "you" or (len(words) > 2 and words[-3] in WH) or len(words) == 2 else SENTENCE
    if before in CONJUNCTIONS or before in WH or before in SUBORDINATORS or before == "that":
        return DANGLING
    if last == "that" and before in THINKING:
        return DANGLING
    if last in ("these", "those", "this") and before in PREPOSITIONS:
        return 0.5
    return None


def _question_word(words: list[str], last: str, before: str) -> float | None:
    if before in _KNOWING and last in ("why", "how", "when", "where", "what"):
        return PHRASE
    return 0.75 if len(words) <= 2 and before in OPENERS else DANGLING


def _transitive(words: list[str], last: str, before: str) -> float | None:
    if before in VERB_CALLERS and not any(word in _ASKING for word in words[:-2]):
        return LIKELY_DANGLING
    return None


def _going_on(words: list[str], last: str, before: str) -> float | None:
    asking = any(word in _ASKING for word in words[:-1])
    return None if asking and before not in ("was", "were") else LIKELY_DANGLING


def _modifier(words: list[str], last: str, before: str) -> float | None:
    if last in WEAK_MODIFIERS or before in DETERMINERS or before in WEAK_MODIFIERS:
        if (
            before in ("the", "that", "this", "is", "it", "very", "so")
            and last not in WEAK_MODIFIERS
            and last in _CAN_STAND
        ):
            return None
        return 0.2
    return None


def _me(words: list[str], last: str, before: str) -> float | None:
    return 0.15 if before in GIVING else None


def _negation(words: list[str], last: str, before: str) -> float | None:
    return SENTENCE if before in ("why", "hope", "or", "course", "think", "guess", "if", "probably") else DANGLING


def _shape(words: list[str]) -> float:
    """What the words would be if nothing followed them."""
    start = 0
    while start < len(words) - 1 and words[start] in OPENERS:
        start += 1
    first, size = words[start], len(words) - start
    rest = words[start + 1 :]
    if size == 1 and first in OPENERS:
        return 0.5
    ends_well = words[-1] in CLOSING
    if first in ASKING_CONTRACTED:
        return SENTENCE
    if first in WH:
        score = _asked(first, rest)
    elif first in AUXILIARIES and size > 2:
        score = 0.45 if size == 3 and rest[0] in DETERMINERS else SENTENCE
    elif first in SUBORDINATORS:
        subjects = sum(word in PRONOUNS or word in CONTRACTED for word in rest)
        score = 0.8 if subjects > 1 else 0.3
    elif first in IMPERATIVES:
        score = SENTENCE if size > 1 else 0.65
    elif _has_sentence(words[start:]):
        score = SENTENCE
    else:
        score = PHRASE + 0.02 * min(size, 5) if first not in ARTICLES else PHRASE
    return max(score, 0.8) if ends_well and size > 2 else score


def _asked(first: str, rest: list[str]) -> float:
    if len(rest) < 2:
        return 0.5 if not rest or rest[0] not in BE else PHRASE
    for index, word in enumerate(rest):
        if word in AUXILIARIES or word in CONTRACTED:
            after = rest[index + 1 :]
            if not after:
                return LIKELY_DANGLING
            if word in BE or len(after) > 3:
                return SENTENCE
            return SENTENCE if any(verb in VERBS or verb in PAST for verb in after) else 0.45
        if word in VERBS or word in PAST:
            return SENTENCE
    return PHRASE


def _has_sentence(words: list[str]) -> bool:
    """Whether there are a subject, its verb and something after them."""
    for index, word in enumerate(words[:-1]):
        if word in CONTRACTED:
            return True
        if index and (word in AUXILIARIES or word in PAST or word in VERBS or word.endswith(("ed", "ing"))):
            return True
    return len(words) > 1 and (words[-1] in PAST or words[-1] in VERBS) and words[-2] in PRONOUNS


_LOOK_BACK = 160  # characters, about 30 words: what comes earlier does not say whether this is the end
_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*").findall
_RULES = (_filler, _digits, _dictation, _answer, _dangling)

_split = str.split
_FILLER_PAIRS = frozenset(
    {"you know", "i mean", "let's see", "lets see", "kind of", "sort of", "what's called", "hold on", "hang on"}
)
_FILLER_TRIPLES = frozenset(
    {"let me see", "let me think", "let me check", "what's it called", "what is it", "give me a", "just a second",
     "what's the word", "how do i", "one moment please", "give me one", "what was it", "you know what"}
)  # fmt: skip
_FILLER_ENDS = frozenset(phrase.rsplit(" ", 1)[1] for phrase in _FILLER_PAIRS | _FILLER_TRIPLES)
_NOT_BEFORE_FILLER = frozenset(_split("do did would should if don't didn't how let what that"))

_USUAL_LENGTH = 10
_LENGTHS = {"zip": 5, "pin": 4, "phone": 10, "telephone": 10, "mobile": 10, "cell": 10, "number": 10, "account": 10,
            "digits": 4, "postcode": 5, "card": 16, "code": 4}  # fmt: skip
_ANNOUNCING = frozenset(_split("is are it's its number code was at zip with"))
_BEFORE_TIME = frozenset(_split("at by around until till before after about for"))
_ADDRESS_GLUE = frozenset(_split("at dot underscore hyphen dash slash"))
_DOMAINS = frozenset(_split("com net org edu gov co uk de fr es it io us ca au"))
_MAIL_HOSTS = frozenset(_split("gmail yahoo hotmail outlook icloud aol"))

_YES_NO = frozenset(_split("yes yeah yep yup no nope nah sure correct right well"))
_REPLIES = frozenset(
    _split("yes yeah yep yup no nope nah sure okay ok alright right correct thanks exactly absolutely definitely great "
           "perfect fine good hello hi bye goodbye please certainly true false cool sorry pardon help agreed done")
) | frozenset(
    {"thank you", "yes please", "no thanks", "no thank you", "of course", "that's right", "that's correct", "i see",
     "got it", "all right", "sounds good", "sure thing", "not really", "i think so", "i guess so", "i don't know",
     "not sure", "i'm not sure", "that's fine", "that's all", "that's it", "you too", "me too", "mm hmm", "uh huh",
     "why not", "not yet", "not at all", "go ahead", "excuse me", "thank you very much", "thanks a lot", "good morning",
     "good afternoon", "good evening", "that works", "yes sir", "no sir", "no problem", "never mind", "nothing else"}
)  # fmt: skip
_ELLIPSES = frozenset(
    f"{pronoun} {auxiliary}"
    for pronoun in _split("i you he she it we they that there")
    for auxiliary in _split("am is are was were do does did don't doesn't didn't have has haven't hasn't can can't "
                            "could couldn't will won't would wouldn't isn't aren't wasn't weren't should shouldn't")
)  # fmt: skip
_KNOWING = frozenset(
    _split("know tell me see remember check sure understand wondering ask say explain show forget out")
)
_STRANDERS = PRONOUNS | frozenset(
    _split(
        "speaking talking looking speak talk go come going coming get look pay ask waiting made me him her them live"
    )
)
_ASKING = WH | ASKING_CONTRACTED
_BEFORE_STANDING = frozenset(_split("the that this is it very so"))
_CAN_STAND = frozenset(
    _split(
        "same next last one first second third best good bad great nice big small large little full different main "
        "old new red blue green black white lot bit real several few many more most less another"
    )
)
_WHAT = frozenset(["what", "what's", "whats"])
_PLAIN_PRONOUNS = frozenset(_split("you it this that these those"))
_DANGLERS = (ARTICLES | (POSSESSIVES - {"her", "his"}) | (CONJUNCTIONS - {"though"}) | {"every", "each"}) - PREPOSITIONS
_JUDGES = (
    (_DANGLERS, _never_ends),
    (PREPOSITIONS, _preposition),
    (CONTRACTED, _never_ends),
    (AUXILIARIES, _auxiliary),
    (SUBJECTS, _subject),
    (_PLAIN_PRONOUNS, _pronoun),
    (WH, _question_word),
    (frozenset({"me"}), _me),
    (frozenset({"not"}), _negation),
    (ALWAYS_GOING_ON, _going_on),
    (NEEDS_OBJECT, _transitive),
    (MODIFIERS | WEAK_MODIFIERS | ORDINALS, _modifier),
)
_MAY_DANGLE = frozenset().union(*(words for words, _ in _JUDGES))

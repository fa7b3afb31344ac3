"""Words that call for another: a turn that ends in one has most likely not ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hocket.turn.anchors import ANSWER, DANGLING, LIKELY_DANGLING, PHRASE, SENTENCE, STANDING
from hocket.turn.lexicon import (
    ARTICLES,
    ASKING_CONTRACTED,
    AUXILIARIES,
    BE,
    CONJUNCTIONS,
    CONTRACTED,
    DETERMINERS,
    GIVING,
    GOING_ON,
    MODIFIERS,
    NEEDS_OBJECT,
    OBJECTS,
    OPENERS,
    ORDINALS,
    PARTICLES,
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
    YES_NO,
)


def dangling(words: list[str]) -> float | None:
    """The completion score of words whose last calls for another, or only seems to; None for any other word."""
    last = words[-1]
    judge = _JUDGES.get(last)
    if judge is None:
        return None
    return judge(words, last, words[-2] if len(words) > 1 else "")


def _linking(words: list[str], last: str, before: str) -> float | None:
    """Articles, possessives, conjunctions, "I'm", "that's"."""
    if last == "so" and before in _BEFORE_FINAL_SO:
        return SENTENCE
    if last == "though" and before != "even" and len(words) > 2:
        return None
    return DANGLING


def _preposition(words: list[str], last: str, before: str) -> float | None:
    if last == "like":
        alike = not _WHAT.isdisjoint(words[-6:-1]) or before in ("you", "feel", "look", "looks", "sound", "sounds")
        return 0.8 if alike and "would" not in words[-4:-1] else DANGLING
    if last in PARTICLES and (before in PHRASAL or (before in OBJECTS and PHRASAL.intersection(words[-3:-2]))):
        return PHRASE
    # "what is it for", "who am I speaking with": the preposition goes with the question word.
    third = words[-3] if len(words) > 2 else ""
    stranded = before in _STRANDERS or (last != "to" and (before in PRONOUNS or third in PRONOUNS))
    if stranded and before not in ARTICLES and before not in POSSESSIVES and _asks(words[-7:-1]):
        return STANDING
    # "which platform does the train leave from"
    if before in VERBS and words[0] in WH and not AUXILIARIES.isdisjoint(words[1:4]):
        return STANDING
    return DANGLING


def _auxiliary(words: list[str], last: str, before: str) -> float | None:
    if last == "may" and (before in ("of", "in", "this", "next", "last") or before in ORDINALS):
        return None  # the month
    if len(words) <= 4 and words[0] in YES_NO and before in PRONOUNS and CONJUNCTIONS.isdisjoint(words):
        return ANSWER
    if last in ("do", "have", "did", "had") and before in PRONOUNS and _asks(words[:-2]):
        return STANDING
    if last == "be" and before == "to" and _asks(words[:-2]):
        return STANDING
    if last in BE and before not in WH:
        # "do you know where my order is": the question word has its sentence, if something asks for it.
        tail = words[-8:-1]
        for index, word in enumerate(tail):
            if word in WH and index and tail[index - 1] in _KNOWING and AUXILIARIES.isdisjoint(tail[index + 1 :]):
                return 0.8
    return DANGLING


def _subject(words: list[str], last: str, before: str) -> float | None:
    asked = before in BE and len(words) > 2 and words[-3] in WH
    return SENTENCE if asked or _tags(words, before) else DANGLING


def _pronoun(words: list[str], last: str, before: str) -> float | None:
    """ "You", "it", "that", "this": objects end a sentence, subjects do not."""
    if not before:
        return DANGLING if last == "you" else 0.5
    third = words[-3] if len(words) > 2 else ""
    if before in ASKING_CONTRACTED or _tags(words, before):
        return SENTENCE
    if before in BE:
        asking = third in WH or third in MODIFIERS or (last != "you" and _asks(words[:-2]))
        return SENTENCE if asking else DANGLING
    if before in ("do", "did", "have", "had"):
        return DANGLING if last == "you" or third in WH or not third else SENTENCE
    if before in AUXILIARIES or before in CONJUNCTIONS or before in WH or before in SUBORDINATORS or before == "that":
        return DANGLING
    if last == "that" and (before in THINKING or (before in _TOLD and third in GIVING)):
        return DANGLING
    if last == "that" and third in ARTICLES:
        return DANGLING  # "the gate that"
    if last in ("these", "those", "this") and before in PREPOSITIONS:
        return STANDING if _asks(words[:-2]) or last == "this" else 0.65
    return None


def _question_word(words: list[str], last: str, before: str) -> float | None:
    if not before or before in OPENERS:
        return STANDING if len(words) <= 2 else DANGLING
    if before in _KNOWING and (not _NOT_KNOWING.isdisjoint(words[-5:-2]) or words == ["tell", "me", last]):
        return PHRASE
    return PHRASE if before in _TOLD and len(words) > 2 and words[-3] in ("told", "asked") else DANGLING


def _transitive(words: list[str], last: str, before: str) -> float | None:
    called = before in VERB_CALLERS or (
        before in ("you", "we", "they") and len(words) > 2 and words[-3] in AUXILIARIES  # "do you sell"
    )
    return LIKELY_DANGLING if called and _OBJECT_ASKED.isdisjoint(words[:-1]) else None


def _going_on(words: list[str], last: str, before: str) -> float | None:
    return None if _asks(words[:-1]) and before not in ("was", "were") else LIKELY_DANGLING


def _modifier(words: list[str], last: str, before: str) -> float | None:
    if last in ("never", "always", "ever", "hardly"):
        return DANGLING if before in CONTRACTED or before in AUXILIARIES or before in SUBJECTS else None
    if last == "either" and before in _BEFORE_FINAL_EITHER:
        return None
    if last in ("any", "some", "either"):
        return LIKELY_DANGLING if before not in ("have", "want", "need") or last == "any" else 0.4
    if last == "too":
        return DANGLING if before in BE or before in CONTRACTED else None
    if last == "also":
        return DANGLING if before in PRONOUNS or before in AUXILIARIES else LIKELY_DANGLING
    if last in WEAK_MODIFIERS:
        return 0.2
    if before in DETERMINERS or before in WEAK_MODIFIERS:
        return None if before in _BEFORE_STANDING and last in _CAN_STAND else 0.2
    return None


def _me(words: list[str], last: str, before: str) -> float | None:
    return 0.15 if before in GIVING else None


def _negation(words: list[str], last: str, before: str) -> float | None:
    return SENTENCE if before in _BEFORE_FINAL_NOT else DANGLING


def _opinion(words: list[str], last: str, before: str) -> float | None:
    """ "I think" opens a sentence, and closes one that it only comments."""
    return DANGLING if before in SUBJECTS and len(words) <= 3 else None


def _opener(words: list[str], last: str, before: str) -> float | None:
    """ "Well", "and then": nothing has been said yet."""
    return 0.15 if OPENERS.issuperset(words) else None


def _earlier(words: list[str], last: str, before: str) -> float | None:
    return None if before in _BEFORE_FINAL_BEFORE else DANGLING


def _tags(words: list[str], auxiliary: str) -> bool:
    """Whether a question is tagged on, such as "it isn't far is it"."""
    return (auxiliary[:-3] if auxiliary.endswith("n't") else f"{auxiliary}n't") in words[:-2]


def _asks(words: list[str]) -> bool:
    return not _ASKING.isdisjoint(words)


_split = str.split
_ASKING = WH | ASKING_CONTRACTED
_WHAT = frozenset({"what", "what's", "whats"})
_BEFORE_FINAL_SO = frozenset(_split("think hope guess suppose say do much afraid believe told"))
_BEFORE_FINAL_NOT = frozenset(_split("why hope or course think guess if probably absolutely definitely certainly "
                                     "maybe better rather"))  # fmt: skip
_BEFORE_FINAL_EITHER = frozenset(_split("do does don't doesn't didn't not can't won't me it that or"))
_OBJECT_ASKED = frozenset(_split("what what's whats which who whom whose much many"))
_BEFORE_FINAL_BEFORE = frozenset(_split("day week month night year ever never there here called shortly soon"))
_TOLD = frozenset(_split("me you us him her them"))
_KNOWING = frozenset(
    _split("know tell me see remember check sure understand wondering ask say explain show forget out")
)
_NOT_KNOWING = frozenset(_split("don't dont not didn't didnt no can't never"))
_STRANDERS = frozenset(
    _split("this that it you speaking talking looking speak talk go come going coming get look pay ask waiting made me "
           "him her them live belong send happen listening write from sign")
)  # fmt: skip
_BEFORE_STANDING = frozenset(_split("the that this is it very so"))
_CAN_STAND = frozenset(
    _split("same one first second third best good bad great nice big large small little full red blue green black "
           "white lot bit several many few less kind different certain wrong new old close busy")
)  # fmt: skip

_Judge: TypeAlias = Callable[[list[str], str, str], float | None]
# A word of several classes belongs to the first of them.
_CLASSES: tuple[tuple[frozenset[str], _Judge], ...] = (
    (frozenset(_split("any some too also either never always ever hardly")), _modifier),
    ((ARTICLES | (POSSESSIVES - {"her", "his"}) | CONJUNCTIONS | {"every", "each"}) - PREPOSITIONS, _linking),
    (PREPOSITIONS, _preposition),
    (frozenset({"before", "after"}), _earlier),
    (CONTRACTED, _linking),
    (AUXILIARIES, _auxiliary),
    (SUBJECTS, _subject),
    (frozenset(_split("you it this that these those")), _pronoun),
    (WH, _question_word),
    (frozenset({"me"}), _me),
    (frozenset({"not"}), _negation),
    (frozenset(_split("think guess suppose believe assume")), _opinion),
    (GOING_ON, _going_on),
    (NEEDS_OBJECT, _transitive),
    (MODIFIERS | WEAK_MODIFIERS | ORDINALS, _modifier),
    (frozenset(_split("well then now actually basically listen look anyway hey oh right")), _opener),
)
_JUDGES: dict[str, _Judge] = {word: judge for words, judge in reversed(_CLASSES) for word in words}

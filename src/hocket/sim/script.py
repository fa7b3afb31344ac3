"""What a caller says, word by word, with the truth about every pause: a seeded generator of callers' turns."""

from __future__ import annotations

from random import Random
from typing import Final, get_args

import msgspec

from hocket.sim.sentences import ANSWERS, BACKCHANNELS, DIGITS, FILLERS, QUESTIONS, STATEMENTS, UNFINISHED, Kind

STEP_MS = 10
"""All times are multiples of it, so that frames of 20 ms can show them exactly."""

WORD_MS: Final = (180, 450)
PAUSE_MS: Final = (200, 600)
COUGH_MS: Final = (150, 350)
FILLER_PART: Final = 0.08
"""Of sentences, in which somebody says "um" halfway."""

KINDS: Final[tuple[Kind, ...]] = ("question", "statement", "answer", "digits", "unfinished")
WEIGHTS: Final = (30, 28, 16, 8, 18)


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word as it would be written, with its punctuation; times from the start of the utterance."""

    text: str
    start_ms: int
    end_ms: int


class Pause(msgspec.Struct, frozen=True, gc=False):
    """The caller stops for at least 200 ms."""

    start_ms: int
    end_ms: int | None
    """None where the caller does not go on."""
    evident: bool = False
    """The words before it show that more is to come."""

    @property
    def unfinished(self) -> bool:
        """The caller goes on: an agent that speaks here cuts in."""
        return self.end_ms is not None


class Utterance(msgspec.Struct, frozen=True, gc=False):
    """One turn of a caller, or a sound in between."""

    kind: Kind
    words: tuple[Word, ...]
    pauses: tuple[Pause, ...]
    """In order; the last one, after the last word, is the only one that is finished."""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def last_speech_ms(self) -> int:
        """When the last sample of speech is said."""
        return self.words[-1].end_ms

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """(start, end) of the speech between pauses, in milliseconds."""
        starts = [0, *(pause.end_ms for pause in self.pauses if pause.end_ms is not None)]
        return list(zip(starts, (pause.start_ms for pause in self.pauses), strict=True))


def caller_turn(rng: Random, kind: Kind | None = None) -> Utterance:
    """A turn of the caller: of the kind asked for, else one drawn by how often people say such things."""
    kind = kind or rng.choices(KINDS, WEIGHTS)[0]
    match kind:
        case "question":
            marked = _with_filler(rng.choice(QUESTIONS), rng)
        case "statement":
            marked = _with_filler(rng.choice(STATEMENTS), rng)
        case "answer":
            marked = rng.choice(ANSWERS)
        case "digits":
            marked = _digits(rng)
        case "unfinished":
            marked = rng.choice(UNFINISHED)
        case "backchannel":
            marked = rng.choice(BACKCHANNELS)
        case "cough":
            length = _drawn(rng, *COUGH_MS)
            return Utterance("cough", (Word("", 0, length),), (Pause(length, None),))
    return spoken(kind, marked, rng)


def spoken(kind: Kind, marked: str, rng: Random) -> Utterance:
    """Time a sentence in which `...` and `|` mark pauses. A word takes 180 to 450 ms, longer words more of it."""
    words: list[Word] = []
    pauses: list[Pause] = []
    now = 0
    for token in marked.split():
        if token in ("...", "|"):
            length = _drawn(rng, *PAUSE_MS)
            pauses.append(Pause(now, now + length, evident=token == "..."))
            now += length
        else:
            shortest, longest = WORD_MS
            length = min(longest, shortest + STEP_MS * len(token) + _drawn(rng, 0, 100))
            words.append(Word(token, now, now + length))
            now += length
    pauses.append(Pause(now, None))
    return Utterance(kind, tuple(words), tuple(pauses))


def _with_filler(marked: str, rng: Random) -> str:
    if rng.random() >= FILLER_PART:
        return marked
    words = marked.split()
    at = rng.randrange(1, len(words) - 1)
    return " ".join([*words[:at], rng.choice(FILLERS), "...", *words[at:]])


def _digits(rng: Random) -> str:
    """A telephone or order number in groups, as people read them out: a pause that is no end follows each group."""
    groups = rng.choice(((3, 3), (3, 4), (4, 4), (3, 3, 3)))
    return " | ".join(" ".join(rng.choice(DIGITS) for _ in range(size)) for size in groups)


def _drawn(rng: Random, low_ms: int, high_ms: int) -> int:
    return rng.randrange(low_ms, high_ms + 1, STEP_MS)


assert set(KINDS) | {"backchannel", "cough"} == set(get_args(Kind))

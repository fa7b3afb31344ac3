"""What the providers of a turn were asked for: tokens, second calls, changes of provider, openers from the cache."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.trace.records import Mark, Tokens
from hocket.trace.turn_records import TurnRecords


class Providing(msgspec.Struct, frozen=True):
    """Of all replies that were begun for a turn; a reply that was cancelled before its end reports no tokens."""

    input_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: what the provider had kept from earlier calls."""
    output_tokens: int = 0
    hedges: int = 0
    """Second calls of a model that was late."""
    left: tuple[str, ...] = ()
    """Why a provider was given up for another, each time."""
    opener: Literal["hit", "missed", "none"] = "none"
    """Whether the first words of the answer came from the cache; none where nothing was looked up."""
    opener_saved: int = 0
    """Nanoseconds of synthesis that a hit did not wait for."""
    routed: str = ""
    """The model that answered in place of the usual one."""

    @property
    def uncached_tokens(self) -> int:
        return self.input_tokens - self.cached_tokens


class Provided:
    """The same of many turns together."""

    def __init__(self) -> None:
        self.input_tokens = 0
        self.cached_tokens = 0
        self.output_tokens = 0
        self.hedges = 0
        self.openers: Counter[str] = Counter()
        """hit, missed, none -> turns."""
        self.opener_saved = 0
        """Nanoseconds, of all hits."""
        self.routed = 0
        """Turns that another model than the usual answered."""
        self.left = 0

    def add(self, turn: Providing) -> None:
        self.input_tokens += turn.input_tokens
        self.cached_tokens += turn.cached_tokens
        self.output_tokens += turn.output_tokens
        self.hedges += turn.hedges
        self.openers[turn.opener] += 1
        self.opener_saved += turn.opener_saved
        self.routed += bool(turn.routed)
        self.left += len(turn.left)

    @property
    def opener_hit_rate(self) -> float | None:
        """Of the turns whose opener was looked up; None when none was."""
        looked_up = self.openers["hit"] + self.openers["missed"]
        return self.openers["hit"] / looked_up if looked_up else None


def providing(turn: TurnRecords, answer: ReplyId) -> Providing:
    """`answer` is the reply that was heard."""
    tokens = [moment.record for moment in turn.all(Tokens) if moment.record.reply in turn.replies]
    marks = [moment.record for moment in turn.all(Mark) if moment.record.reply in turn.replies]
    openers = [
        mark for mark in marks if mark.reply == answer and mark.stage == "tts" and mark.step in ("hit", "missed")
    ]
    hit = bool(openers) and openers[0].step == "hit"
    routed = [mark.detail for mark in marks if mark.step == "routed" and mark.reply == answer]
    return Providing(
        input_tokens=sum(used.input_tokens for used in tokens),
        cached_tokens=sum(used.cached_tokens for used in tokens),
        output_tokens=sum(used.output_tokens for used in tokens),
        hedges=sum(mark.step == "hedged" for mark in marks),
        left=tuple(mark.detail for mark in marks if mark.step == "left"),
        opener="hit" if hit else "missed" if openers else "none",
        opener_saved=openers[0].count * MS if hit else 0,
        routed=routed[0] if routed else "",
    )

"""The providers of one stage in the order they are preferred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from hocket.resilience.breaker import Breaker
from hocket.resilience.budget import Budget
from hocket.resilience.slots import Slots

RETRY_SHARE: Final = 0.1
"""Retries are at most so many of all calls (SRE book, chapter 21)."""


class Named(Protocol):
    """A stage has a name: "vendor/model"."""

    name: str


S = TypeVar("S", bound=Named)


@dataclass(frozen=True, slots=True)
class Link(Generic[S]):
    """One provider of a chain."""

    stage: S
    breaker: Breaker


class Chain(Generic[S]):
    """Shared by all calls of a process."""

    def __init__(self, stages: Sequence[S], slots: Slots, slow_ms: float) -> None:
        """`slow_ms`: see `Breaker`."""
        assert stages, "a chain has providers"
        self.links = tuple(Link(stage, Breaker(slow_ms)) for stage in stages)
        self.slots = slots
        self.budget = Budget(RETRY_SHARE)

    @property
    def first(self) -> S:
        """The one that is preferred."""
        return self.links[0].stage

    def pick(self, tried: Sequence[Link[S]] = ()) -> Link[S] | None:
        """The next provider to ask, with a slot taken: `chain.slots.give(link.stage.name)` gives it back.

        The first that is not in `tried`, is not left, and has room; if all the others have been left, the one of those
        with room whose rest is over soonest, for a doubtful provider is better than none. None when nobody is left to
        ask.
        """
        rest = [link for link in self.links if link not in tried]
        for link in rest:
            if link.breaker.allows():
                if self.slots.take(link.stage.name):
                    return link
                link.breaker.abandoned()
        rest.sort(key=lambda link: link.breaker.open_until)
        return next((link for link in rest if self.slots.take(link.stage.name)), None)

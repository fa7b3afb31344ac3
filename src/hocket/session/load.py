"""How loaded the process is, as its calls are told."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class LoadLevel:
    """One for all calls of a process: set by who measures the load, followed by who can leave work out.

    The level is one of `turn.shedding.Shed`.
    """

    __slots__ = ("_followers", "level")

    def __init__(self) -> None:
        self.level = 0
        self._followers: dict[object, Callable[[int], None]] = {}

    def follow(self, owner: object, tell: Callable[[int], None]) -> None:
        """Call `tell` with every new level; with the present one now, unless it is 0."""
        self._followers[owner] = tell
        if self.level:
            tell(self.level)

    def leave(self, owner: object) -> None:
        """Tell it no more; nothing happens if it did not follow."""
        self._followers.pop(owner, None)

    def set(self, level: int) -> None:
        """Tell everybody, if it is another level."""
        if level == self.level:
            return
        self.level = level
        for tell in tuple(self._followers.values()):
            try:
                tell(level)
            except Exception:  # one call's bug is not the others' trouble
                log.exception("A follower of the load failed")

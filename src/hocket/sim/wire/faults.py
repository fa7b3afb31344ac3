"""What goes wrong with a wire server's answers, planned request by request."""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

import msgspec

FaultKind: TypeAlias = Literal["status", "late", "stall", "slow", "reset", "close", "error", "garbage"]
"""What happens:

status   the request is refused with this HTTP status
late     the answer, or the WebSocket handshake, begins `seconds` late
stall    nothing is sent for `seconds`, then it goes on
slow     every further message comes `seconds` later
reset    the connection is reset
close    the connection is closed in good order, but too early
error    the answer says in the vendor's words that it failed, and ends; as close where a vendor has no such words
garbage  a message is replaced with one that nobody can read
"""


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong in one answer."""

    kind: FaultKind
    after_messages: int = 0
    """It happens when so many messages have been sent. A message is a WebSocket message or one event of a stream."""
    after_bytes: int = 0
    """Of streams over HTTP: and so many bytes of the next one."""
    seconds: float = 0.0
    """Of late, stall and slow: how long. Of status: the Retry-After header, when not zero."""
    status: int = 500


class Faults:
    """The faults of the requests to come: those planned one by one first, then the standing one."""

    __slots__ = ("_planned", "standing")

    def __init__(self) -> None:
        self.standing: Fault | None = None
        """Happens to every request for which nothing is planned."""
        self._planned: deque[Fault | None] = deque()

    def plan(self, *faults: Fault | None) -> None:
        """One for each of the next requests, in order; None for a request that goes well."""
        self._planned.extend(faults)

    def next(self) -> Fault | None:
        """What happens to the request that has just come."""
        return self._planned.popleft() if self._planned else self.standing

    def clear(self) -> None:
        """From now on everything goes well."""
        self.standing = None
        self._planned.clear()

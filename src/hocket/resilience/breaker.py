"""Whether a provider is worth asking: it is left when it fails, or when it is much slower than it used to be."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from hocket.clock import SECOND, LoopClock
from hocket.errors import StageError
from hocket.trace.percentiles import Percentiles

RECENT: Final = 30 * SECOND
RECENT_CALLS: Final = 16
"""So old, and so many, are the results that count; where hours lie between the calls, the last `LEAST_CALLS` count."""

LEAST_CALLS: Final = 3
"""Results from which a provider is judged; at least half of them have to be bad."""

SLOWER: Final = 3.0
"""Times its usual median: so slow is bad."""

TRIFLE: Final = 0.25
"""Of what is slow for anybody: faster is never slow, for the next provider might well be slower than that."""

USUAL_CALLS: Final = 10
"""Calls after which it is known what is usual."""

REST: Final = 5 * SECOND
LONGEST_REST: Final = 60 * SECOND
"""The rest before a provider that was left is tried again, doubled each time it fails the trial."""


class Breaker:
    """One provider's recent record, shared by all calls of a process.

    Closed, it lets every call through. Open, it lets none through until the rest is over, then a single one as a trial.
    Who was let through reports one of `succeeded`, `waited`, `failed` and `abandoned`, whatever happens.
    """

    def __init__(self, slow_ms: float) -> None:
        """`slow_ms`: a first result that takes longer is slow whatever is usual."""
        self._slow_ms = slow_ms
        self._clock = LoopClock()
        self._usual = Percentiles()
        self._recent: deque[tuple[int, float]] = deque(maxlen=RECENT_CALLS)
        """When and after how many ms a first result came, or was given up waiting for; endless for a failure."""
        self._rest = REST
        self._open_until: int | None = None
        self._on_trial = False
        self.why = ""
        """Why it is open."""

    @property
    def open(self) -> bool:
        """The provider has been left."""
        return self._open_until is not None

    @property
    def open_until(self) -> int:
        """When its rest is over, in `now` time; 0 when it has not been left."""
        return self._open_until or 0

    def allows(self) -> bool:
        """Whether a call may be made now. After a rest the first to ask is the trial: who asks has to call."""
        if self._open_until is None:
            return True
        if self._on_trial or self._clock.now() < self._open_until:
            return False
        self._on_trial = True
        return True

    def succeeded(self, ms: float) -> None:
        """A first result came after so long."""
        slow = self._is_slow(ms)
        if self._on_trial and not slow:
            self._close()
        if self._usual.count < USUAL_CALLS or not slow:
            self._usual.add(ms)
        self._took(ms, f"its first result still took {ms:.0f} ms")

    def waited(self, ms: float) -> None:
        """Nothing had come after so long, when it was no longer wanted: slow, but no failure."""
        if self._is_slow(ms):
            self._took(ms, f"it still sent nothing for {ms:.0f} ms")
        else:
            self.abandoned()

    def abandoned(self) -> None:
        """The call was given up for reasons of its own: it says nothing of the provider."""
        self._on_trial = False

    def failed(self, error: StageError) -> None:
        """A call failed. A provider that asks to be left alone is at once. One refusal may be about that very call, as
        when a vendor's filter lets its words not through; several are about the account, which takes longer to mend."""
        if error.retry_after_s > 0:
            self._leave(str(error), round(error.retry_after_s * SECOND))
        else:
            self._took(math.inf, str(error), REST if error.retryable else LONGEST_REST)

    def _took(self, ms: float, why: str, rest: int = REST) -> None:
        if self.open:
            # Calls that were begun before it was left say nothing new; of a trial, one result is enough.
            if self._on_trial and self._is_slow(ms):
                self._leave(why, rest)
            return
        now = self._clock.now()
        self._recent.append((now, ms))
        last = len(self._recent) - LEAST_CALLS
        recent = sorted(taken for index, (at, taken) in enumerate(self._recent) if index >= last or now - at <= RECENT)
        middle = recent[len(recent) // 2]
        if len(recent) >= LEAST_CALLS and self._is_slow(middle):
            self._leave(f"its first results take {middle:.0f} ms" if math.isfinite(middle) else why, rest)

    def _is_slow(self, ms: float) -> bool:
        usual = self._usual.p50 if self._usual.count >= USUAL_CALLS else None
        least = self._slow_ms * TRIFLE
        return ms > (self._slow_ms if usual is None else min(max(usual * SLOWER, least), self._slow_ms))

    def _leave(self, why: str, rest: int) -> None:
        if self._on_trial:
            self._rest = min(self._rest * 2, LONGEST_REST)
        self._open_until = max(self.open_until, self._clock.now() + max(rest, self._rest))
        self._on_trial = False
        self._recent.clear()
        self.why = why

    def _close(self) -> None:
        self._open_until = None
        self._on_trial = False
        self._rest = REST
        self.why = ""

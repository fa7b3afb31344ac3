"""Extra calls as a share of ordinary ones, so that a provider in trouble is not given more work by us."""

from __future__ import annotations


class Budget:
    """A token bucket that ordinary calls fill: over time, extra calls are at most `share` of them.

    Source of the idea: retry budgets as in the SRE book, chapter 21 (retries at most 10 % of requests), and hedging
    budgets as in Dean and Barroso, "The Tail at Scale", CACM 56 (2013).
    """

    def __init__(self, share: float, burst: float = 3.0) -> None:
        """`share`: 0 to 1. `burst`: extra calls that may come at once; a fresh budget has them."""
        self._share = share
        self._burst = burst
        self._tokens = burst

    def called(self) -> None:
        """An ordinary call was made."""
        self._tokens = min(self._burst, self._tokens + self._share)

    def take(self) -> bool:
        """Whether one extra call may be made; it counts as made."""
        # Many small shares do not add up to a whole exactly.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True

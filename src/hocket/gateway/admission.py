"""May a new call begin? Live calls keep their quality; who is refused is told at once, and when to try again."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

CALLS_PER_CORE: Final = 100
"""What a worker takes unless told otherwise: less than half of what `benchmarks/density.py` holds on one core with
simulated providers, for encryption and what the agent's own tools do take the rest. --max-calls says otherwise."""

LAG_P99_MS: Final = 5.0
"""Above it the loop is too late for 20 ms frames, so more calls would be everybody's trouble."""

CALLS_PER_ADDRESS: Final = 10
"""Live calls of one address on a worker, of those whose tickets were given to pages."""

Reason: TypeAlias = Literal[
    "busy", "overloaded", "providers_busy", "draining", "starting", "too_many_requests", "too_many_calls"
]


class Refusal(msgspec.Struct, frozen=True):
    """No call now."""

    reason: Reason
    retry_after_s: int
    status: int = 503
    """Of HTTP."""

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{_SENTENCES[self.reason]} Try again in {self.retry_after_s} s."

    @property
    def sip(self) -> str:
        """What a SIP server would answer (RFC 3261, 21)."""
        return _SIP[self.reason]

    @property
    def body(self) -> dict[str, str | int]:
        """What is answered, as JSON."""
        return {"reason": self.reason, "retry_after_s": self.retry_after_s, "message": self.sentence}

    @property
    def headers(self) -> dict[str, str]:
        """Of HTTP."""
        return {"Retry-After": str(self.retry_after_s)}


class Load(msgspec.Struct, frozen=True):
    """What admission looks at."""

    live: int
    max_calls: int
    lag_p99_ms: float = 0.0
    """How late the loop runs its callbacks, over the last seconds."""
    providers_full: bool = False
    """Have all the recognisers' accounts as many streams as they allow?"""
    draining: bool = False


def refusal(load: Load) -> Refusal | None:
    """Why a new call may not begin; None if it may."""
    if load.draining:
        return Refusal("draining", 5)
    if load.live >= load.max_calls:
        return Refusal("busy", 10)
    if load.providers_full:
        return Refusal("providers_busy", 10)
    # An idle worker that was late was not late for its calls.
    if load.live and load.lag_p99_ms > LAG_P99_MS:
        return Refusal("overloaded", 5)
    return None


_SENTENCES: Final[dict[Reason, str]] = {
    "busy": "All lines are taken.",
    "overloaded": "The calls that are held need all there is.",
    "providers_busy": "The accounts of the speech providers have no stream left.",
    "draining": "This server is being replaced.",
    "starting": "The server is starting.",
    "too_many_requests": "Too many requests came from your address.",
    "too_many_calls": "Your address has as many calls as one may have.",
}

_SIP: Final[dict[Reason, str]] = {
    "busy": "486 Busy Here",
    "overloaded": "503 Service Unavailable",
    "providers_busy": "503 Service Unavailable",
    "draining": "503 Service Unavailable",
    "starting": "480 Temporarily Unavailable",
    "too_many_requests": "503 Service Unavailable",
    "too_many_calls": "486 Busy Here",
}

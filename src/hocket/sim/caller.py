"""A simulated person: when to speak, when to wait, when to talk over the agent."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final, Literal

import msgspec

from hocket.sim.script import Utterance, caller_turn
from hocket.sim.sentences import Kind

GAP_MS: Final = (200, 1500)
"""From the end of the agent's speech to the caller's next turn."""

GREETING_MS: Final = 1_500
"""How long a caller waits to be greeted."""

PATIENCE_MS: Final = 8_000
"""How long a caller waits for an answer before going on regardless."""

TALK_OVER_MS: Final = (300, 1500)
"""After the agent's first sound in a reply."""

NEVER: Final = 1 << 62


class Manners(msgspec.Struct, frozen=True):
    """How often, per reply of the agent, the caller does what."""

    barge_in: float = 0.0
    backchannel: float = 0.0
    cough: float = 0.0


class SimCaller:
    """Says `turns` utterances, waits for the agent after each, and hangs up. All times are milliseconds of the line.

    The line asks `speaks` whenever `wake_ms` has come, and tells when the agent becomes audible.
    """

    __slots__ = ("_answered", "_aside", "_gap_ms", "_manners", "_rng", "_spoke_until", "_turn", "_turns", "hung_up",
                 "wake_ms")  # fmt: skip

    def __init__(
        self,
        rng: Random,
        turns: int = 10,
        manners: Manners = Manners(),  # noqa: B008 (immutable)
        script: Iterable[Utterance] | None = None,
    ) -> None:
        """`script`: what to say in place of drawn utterances."""
        self._rng = Random(rng.getrandbits(64))
        self._turns = iter(script) if script is not None else (caller_turn(self._rng) for _ in range(turns))
        self._turn = next(self._turns, None)
        """What to say next."""
        self._manners = manners
        self._gap_ms = GREETING_MS
        self._spoke_until = 0
        """The end of the caller's last turn."""
        self._answered = True
        self._aside: Kind | Literal["barge_in"] | None = None
        """What is about to be uttered while the agent speaks."""
        self.wake_ms = GREETING_MS
        self.hung_up = False

    def agent_began(self, at_ms: int) -> None:
        """The agent became audible. At its first sound in a reply people decide whether to talk over it."""
        if at_ms < self._spoke_until or (self._answered and self._spoke_until):
            return
        self._answered = True
        manners = self._manners
        kinds: tuple[Kind | Literal["barge_in"] | None, ...] = ("barge_in", "backchannel", "cough", None)
        parts = (manners.barge_in, manners.backchannel, manners.cough)
        self._aside = self._rng.choices(kinds, (*parts, 1 - sum(parts)))[0]
        if self._aside is not None:
            self.wake_ms = at_ms + self._rng.randint(*TALK_OVER_MS)

    def speaks(self, now_ms: int, agent_until_ms: int) -> Utterance | None:
        """What the caller begins to say at `now_ms`; `agent_until_ms` is when the agent is, or was last, audible."""
        aside, self._aside = self._aside, None
        if aside is not None and agent_until_ms > now_ms:
            if aside != "barge_in":
                utterance = caller_turn(self._rng, aside)
                self.wake_ms = now_ms + utterance.last_speech_ms + self._gap_ms
                return utterance
        else:
            answered = self._answered or agent_until_ms > self._spoke_until
            quiet_since = max(agent_until_ms, self._spoke_until)
            self.wake_ms = quiet_since + (self._gap_ms if answered else PATIENCE_MS)
            if now_ms < self.wake_ms:
                return None
        return self._take_turn(now_ms)

    def _take_turn(self, now_ms: int) -> Utterance | None:
        turn = self._turn
        if turn is None:
            self.hung_up = True
            self.wake_ms = NEVER
            return None
        self._turn = next(self._turns, None)
        self._spoke_until = now_ms + turn.last_speech_ms
        self._answered = False
        self._gap_ms = self._rng.randint(*GAP_MS)
        self.wake_ms = self._spoke_until + self._gap_ms
        return turn

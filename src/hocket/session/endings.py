"""How the caller's speech has ended: asked of a turn detector, and never waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from hocket.audio.frame import Frame
from hocket.audio.ring import Ring
from hocket.clock import MS, LoopClock
from hocket.stages.turn_detector import TurnDetector
from hocket.trace.records import Mark
from hocket.turn.events import Event, TurnScored

log = logging.getLogger(__name__)

HEARD_S: Final = 8
"""The speech that is kept for the detector: what stages.turn_detector promises to look at, at most."""

BEFORE_MS: Final = 200
"""Of the line before the first word, so that its first sound is there."""

SCORE_S: Final = 0.17
"""A score that takes longer is given up: complete words, the only ones it is asked about, are committed by then."""


class Endings:
    """The end of the caller's speech, and one question about it at a time.

    A detector that fails, declines or takes too long leaves the turn to its words.
    """

    def __init__(
        self,
        detector: TurnDetector,
        rate: int,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        post: Callable[[Event], None],
        mark: Callable[[Mark], None],
    ) -> None:
        self._detector = detector
        self._rate = rate
        self._spawn = spawn
        self._post = post
        self._mark = mark
        self._ring = Ring(HEARD_S * rate)
        self._end = 0  # media time, in samples, of what has been heard
        self._begun = 0  # and of the beginning of the utterance
        self._over = True  # the utterance: the next speech begins another one
        self._asking: asyncio.Task[None] | None = None

    def push(self, frame: Frame) -> None:
        self._ring.append(frame.samples)
        self._end = frame.end

    def speech_started(self, at: int) -> None:
        """The caller began to speak at this sample. What was asked about the pause before has lost its reason."""
        self._give_up()
        if self._over:
            self._over = False
            self._begun = at - BEFORE_MS * self._rate // 1000

    def agent_heard(self) -> None:
        """An answer sounds: the utterance before it is over."""
        self._over = True

    def ask(self) -> None:
        """Have the speech so far scored; `TurnScored` is posted if that works out in time."""
        self._give_up()
        self._asking = self._spawn(self._ask())

    def _give_up(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        samples = self._ring.since(max(0, self._ring.end - (self._end - self._begun)))
        began = LoopClock().now()
        self._mark(Mark("turn", "started"))
        try:
            async with asyncio.timeout(SCORE_S):
                probability = await self._detector.score(samples, self._rate)
        except asyncio.CancelledError:
            self._mark(Mark("turn", "cancelled"))
            raise
        except TimeoutError:
            self._mark(Mark("turn", "failed", detail=f"nothing in {SCORE_S * 1000:.0f} ms"))
        except Exception as error:  # whatever it is, a call does not end by it
            log.info("the turn detector gave no score", exc_info=error)
            self._mark(Mark("turn", "failed", detail=str(error)))
        else:
            took_ms = (LoopClock().now() - began) / MS
            self._mark(Mark("turn", "ended", detail=f"complete {probability:.2f}, {took_ms:.0f} ms"))
            self._post(TurnScored(probability))

"""An open-loop load of many callers: every frame has a time at which it is to be sent, fixed before the call.

A load that waits for a slow server offers it less, and hides what callers would suffer. Here the times are kept
whatever the server does; a frame that is late is sent at once, none is left out, and by how much they are late is
counted, because a load that is late itself measures itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from hocket.audio.frame import FRAME_MS

SLOT_S: Final = 0.001
SLOTS: Final = FRAME_MS
"""Calls are spread over so many moments of a frame's time."""

BRIDGE_S: Final = 0.1
"""A gap of the agent's sound up to which it is one sound: between sentences, or a late piece."""

_STEP_MS: Final = 0.1
_STEPS: Final = 10_000
"""Of the histogram: up to a second; what is later counts as a second."""

Send = Callable[[float], bool]
"""Sends the next frame at this time of the loop; False when it was the last."""


class Turn(msgspec.Struct, frozen=True):
    """Where a caller speaks in a script, in seconds from its beginning."""

    start_s: float
    end_s: float
    """Just after the last sample of speech."""


class Script(msgspec.Struct, frozen=True):
    """What a caller says in a call: its frames of 20 ms as they are sent, made ahead, and its turns."""

    frames: tuple[str, ...]
    turns: tuple[Turn, ...]


class Sound(NamedTuple):
    """A stretch in which the agent was audible, in seconds of the call."""

    start_s: float
    end_s: float


class Answer(msgspec.Struct, frozen=True):
    """What a turn of the caller got."""

    latency_ms: float | None
    """From the last sample of speech to the first audible one; None: no answer, or one that had begun before."""
    talked_over: bool = False
    """The agent was audible while the caller spoke."""


class Lateness:
    """By how many milliseconds frames were sent after their time: a histogram in steps of 0.1 ms."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * _STEPS

    def add(self, late_s: float) -> None:
        self.count += 1
        self._counts[min(max(0, int(late_s * 1000 / _STEP_MS)), _STEPS - 1)] += 1

    def ms(self, fraction: float) -> float:
        """So large a part of all frames, 0 to 1, were no later than this; 0 before the first."""
        left = fraction * self.count
        for step, count in enumerate(self._counts):
            left -= count
            if left <= 0 and count:
                return round((step + 1) * _STEP_MS, 1)
        return 0.0


class Pacer:
    """One timer that sends the frames of all calls."""

    def __init__(self) -> None:
        self.lateness = Lateness()
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._slots: list[dict[Send, int]] = [{} for _ in range(SLOTS)]
        """Who sends in this moment of every frame's time, and from which tick on; tick n is at `_zero` + n ms."""
        self._tick = 0
        """The next to be looked at."""
        self._timer: asyncio.TimerHandle | None = None

    def start(self, send: Send) -> float:
        """Call `send` every 20 ms until it returns False. Returns the time the first call is intended for: within a
        frame and a millisecond from now, in the moment of a frame's time that fewest calls share."""
        soonest = int((self._loop.time() - self._zero) / SLOT_S) + 1
        tick = min(range(soonest, soonest + SLOTS), key=lambda tick: len(self._slots[tick % SLOTS]))
        idle = not any(self._slots)
        self._slots[tick % SLOTS][send] = tick
        if idle or tick < self._tick:
            self._tick = tick
            self._arm()
        return self._time(tick)

    def stop(self, send: Send) -> None:
        """Call it no more. Legal twice."""
        for slot in self._slots:
            slot.pop(send, None)

    def _turn(self) -> None:
        time = self._loop.time
        while (intended := self._time(self._tick)) <= time():
            slot = self._slots[self._tick % SLOTS]
            for send, since in tuple(slot.items()):
                if since <= self._tick:
                    now = time()
                    self.lateness.add(now - intended)
                    if not send(now):
                        slot.pop(send, None)
            self._tick += 1
        self._arm()

    def _arm(self) -> None:
        """Wait for the next moment that has somebody in it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for tick in range(self._tick, self._tick + SLOTS):
            if self._slots[tick % SLOTS]:
                self._tick = tick
                self._timer = self._loop.call_at(self._time(tick), self._ring)
                return

    def _ring(self) -> None:
        if self._loop.time() < self._time(self._tick):  # some loops round timers to the millisecond, and fire early
            self._timer = self._loop.call_later(SLOT_S, self._ring)
        else:
            self._turn()

    def _time(self, tick: int) -> float:
        return self._zero + tick * SLOT_S


class Heard:
    """When the agent was audible at one caller."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []

    def add(self, start_s: float, end_s: float) -> None:
        """Audible from here to there, after all that was added before."""
        if self._ends and start_s - self._ends[-1] <= BRIDGE_S:
            self._ends[-1] = end_s
        else:
            self._starts.append(start_s)
            self._ends.append(end_s)

    def cut(self, now_s: float) -> None:
        """What was to sound from now on does not."""
        while self._starts and self._starts[-1] >= now_s:
            self._starts.pop()
            self._ends.pop()
        if self._ends:
            self._ends[-1] = min(self._ends[-1], now_s)

    @property
    def sounds(self) -> list[Sound]:
        return [Sound(*times) for times in zip(self._starts, self._ends, strict=True)]


def answers(turns: Sequence[Turn], sounds: Sequence[Sound], until_s: float) -> list[Answer]:
    """What each turn got that had its whole time, up to the next turn, before `until_s` seconds of the call."""
    nexts = [turn.start_s for turn in turns[1:]] + [until_s]
    return [
        _answer(turn, before_s, sounds)
        for turn, before_s in zip(turns, nexts, strict=True)
        if turn.end_s < before_s <= until_s
    ]


def _answer(turn: Turn, before_s: float, sounds: Sequence[Sound]) -> Answer:
    over = any(turn.start_s <= start_s < turn.end_s for start_s, _ in sounds)
    if any(start_s < turn.end_s < end_s for start_s, end_s in sounds):
        return Answer(None, talked_over=True)
    first = next((start_s for start_s, _ in sounds if turn.end_s <= start_s < before_s), None)
    return Answer(None if first is None else (first - turn.end_s) * 1000, over)

"""One timer wheel that paces the speech of all sessions.

A task with a sleep for each speaking session would cost 15 % of a core for a thousand of them; one wheel costs 2 %.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hocket.audio.frame import FRAME_MS
from hocket.trace.histogram import LATENESS_MS, Histogram

SLOT_MS: Final = 5
"""How finely the sessions are spread over a frame's time."""

_SLOTS: Final = FRAME_MS // SLOT_MS


class Wheel:
    """Calls every running callback once a frame. Made for one event loop, shared by its sessions.

    A loop that stood still is not made up for: what was due is called once, and knows by the time how much it owes.
    """

    __slots__ = ("_handle", "_loop", "_slot_of", "_slots", "_tick", "_zero", "lateness")

    def __init__(self) -> None:
        self.lateness = Histogram(LATENESS_MS)
        """How late frames were sent, milliseconds: for all of a slot when the last of them was."""
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._slots: list[dict[object, Callable[[], None]]] = [{} for _ in range(_SLOTS)]
        self._slot_of: dict[object, int] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._tick = 0

    def start(self, owner: object, callback: Callable[[], None]) -> None:
        """Call `callback` every 20 ms, from 15 to 20 ms from now on. Nothing changes if the owner is running.

        A callback that raises is the event loop's to report; it is called again, and no other is held up.
        """
        if owner in self._slot_of:
            return
        now_tick = self._now_tick()
        slot = self._slot_of[owner] = now_tick % _SLOTS
        self._slots[slot][owner] = callback
        if self._handle is None:
            self._tick = now_tick
            self._arm()

    def stop(self, owner: object) -> None:
        """Call it no more; nothing happens if it was not running."""
        slot = self._slot_of.pop(owner, None)
        if slot is None:
            return
        del self._slots[slot][owner]
        if self._handle is not None and not self._slot_of:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        """Wait for the next slot that has somebody in it."""
        for ahead in range(1, _SLOTS + 1):
            if self._slots[(self._tick + ahead) % _SLOTS]:
                self._tick += ahead
                self._handle = self._loop.call_at(self._zero + self._tick * SLOT_MS / 1000, self._turn)
                return

    def _turn(self) -> None:
        due = list(self._slots[self._tick % _SLOTS].items())
        due_at = self._zero + self._tick * SLOT_MS / 1000
        behind = self._now_tick() - self._tick
        if behind > _SLOTS:
            self._tick += behind - behind % _SLOTS  # in the same slot
        self._handle = None
        self._arm()
        for owner, callback in due:
            if owner in self._slot_of:  # else one before it has stopped it
                try:
                    callback()
                except Exception as error:
                    self._loop.call_exception_handler({"message": "a session could not send", "exception": error})
        if due:
            self.lateness.add(max(0.0, self._loop.time() - due_at) * 1000, len(due))

    def _now_tick(self) -> int:
        # A timer may fire a hair before its time, which must not count as the tick before.
        return int((self._loop.time() - self._zero) * 1000 / SLOT_MS + 0.01)

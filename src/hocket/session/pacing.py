"""One timer wheel that paces the speech of all sessions.

A task with a sleep for each speaking session would cost 15 % of a core for a thousand of them; one wheel costs 2 %.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hocket.audio.frame import FRAME_MS

SLOT_MS: Final = 5
"""A frame is sent at most so much before it is due."""

_SLOTS: Final = FRAME_MS // SLOT_MS


class Wheel:
    """Calls every running callback once a frame. Made for one event loop, shared by its sessions."""

    __slots__ = ("_handle", "_loop", "_slots", "_tick", "_zero")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._slots: list[dict[object, Callable[[], None]]] = [{} for _ in range(_SLOTS)]
        self._handle: asyncio.TimerHandle | None = None
        self._tick = 0

    def start(self, owner: object, callback: Callable[[], None]) -> None:
        """Call `callback` every 20 ms, from 15 to 20 ms from now on. An owner has one callback at most."""
        now_tick = int((self._loop.time() - self._zero) * 1000 / SLOT_MS)
        self._slots[(now_tick + _SLOTS) % _SLOTS][owner] = callback
        if self._handle is None:
            self._tick = now_tick
            self._arm()

    def stop(self, owner: object) -> None:
        """Call it no more; nothing happens if it was not running."""
        for slot in self._slots:
            slot.pop(owner, None)
        if self._handle is not None and not any(self._slots):
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        """Wait for the next slot that has somebody in it."""
        for ahead in range(1, _SLOTS + 1):
            if self._slots[(self._tick + ahead) % _SLOTS]:
                self._tick += ahead
                self._handle = self._loop.call_at(self._zero + self._tick * SLOT_MS / 1000, self._turn)
                return
        self._handle = None

    def _turn(self) -> None:
        for callback in list(self._slots[self._tick % _SLOTS].values()):
            callback()
        behind = int((self._loop.time() - self._zero) * 1000 / SLOT_MS) - self._tick
        if behind > _SLOTS:
            self._tick += behind - behind % _SLOTS  # the loop stood still: callbacks catch up by themselves
        self._handle = None
        self._arm()

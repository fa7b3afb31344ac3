"""Audio that was sent and of which nobody knows yet whether it sounded: what a returning client is sent again."""

from __future__ import annotations

from typing import Final

KEPT_S: Final = 10.0
"""A client that never says what has sounded keeps no more; the oldest is forgotten."""


class Unheard:
    """Bytes by position in samples, from `start` on. Adding and forgetting cost the same however much is kept."""

    __slots__ = ("_data", "_most", "_width", "start")

    def __init__(self, rate: int, width: int) -> None:
        self._data = bytearray()
        self._width = width
        self._most = round(KEPT_S * rate) * width
        self.start = 0

    def add(self, data: bytes) -> None:
        """The next audio."""
        self._data += data
        if len(self._data) > self._most:
            # A second at a time, so that the rest is not moved with every frame.
            self.forget(self.start + (len(self._data) - self._most) // self._width + self._most // 10 // self._width)

    def forget(self, before: int) -> None:
        """All before this position has sounded."""
        count = max(0, before - self.start)
        del self._data[: count * self._width]
        self.start += count

    def cut(self, at: int) -> None:
        """All from this position on is taken back."""
        del self._data[max(0, at - self.start) * self._width :]
        self.start = min(self.start, at)

    def since(self, position: int) -> bytes:
        """All from this position on."""
        return bytes(self._data[max(0, position - self.start) * self._width :])

"""Stages whose first use would be slow: connections that can be opened ahead."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Warmable(Protocol):
    """A stage that can have connections open before they are needed."""

    async def warm(self, rate: int) -> None:
        """Open and prime connections for calls at `rate` Hertz, and keep them so in the background until `close`.

        Returns when the first are ready. Legal many times; what is warm already costs nothing. Raises `StageError`.
        """
        ...

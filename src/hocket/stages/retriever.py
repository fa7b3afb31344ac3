"""Retrieval: the passages of the agent's knowledge that are closest to some words."""

from __future__ import annotations

from typing import Protocol

from hocket.stages.llm import Passage


class Retriever(Protocol):
    """An index over documents, shared by all calls."""

    async def search(self, query: str, limit: int = 3) -> tuple[Passage, ...]:
        """The closest passages, best first; none when nothing is close."""
        ...

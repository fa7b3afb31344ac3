"""What the model behind a wire server says."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec


class ToolUse(msgspec.Struct, frozen=True):
    """The model asks for a tool."""

    name: str
    arguments: str = "{}"
    """A JSON object."""


class Reply(msgspec.Struct, frozen=True):
    """One answer of the model: text, tools, or the one and then the other."""

    text: str = ""
    tools: tuple[ToolUse, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """A request, without its dialect."""

    model: str
    instructions: str
    said: str
    """The user's last message."""
    results: tuple[str, ...] = ()
    """What the tools answered that were asked for last; none when the user spoke last."""
    tools: tuple[str, ...] = ()
    """The names on offer."""


Replies: TypeAlias = Callable[[Asked], Reply]
"""What is answered to what."""


def always(text: str) -> Replies:
    """The same to everything."""
    return lambda _: Reply(text)


def in_turn(*replies: Reply | str) -> Replies:
    """One after the other, and from then on the last."""
    waiting = deque(Reply(reply) if isinstance(reply, str) else reply for reply in replies)
    return lambda _: waiting.popleft() if len(waiting) > 1 else waiting[0]


def tokens(text: str) -> list[str]:
    """The text in pieces of about a token; joined, they are the text."""
    return re.findall(r"\s*[^\s]{1,6}|\s+", text)


def token_count(text: str) -> int:
    """About four characters make a token, as vendors say of English."""
    return -(-len(text) // 4)


class PrefixCache:
    """The prompts a vendor has seen. Vendors cache nothing under 1,024 tokens."""

    KEPT: Final = 64
    FROM_TOKENS: Final = 1024

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: deque[str] = deque(maxlen=self.KEPT)

    def longest(self, prompt: str) -> int:
        """Tokens of the longest beginning that this prompt has in common with one before; it is remembered."""
        least = prompt[: 4 * self.FROM_TOKENS]
        alike = [seen for seen in self._seen if seen.startswith(least)] if len(least) == 4 * self.FROM_TOKENS else []
        self._seen.append(prompt)
        return max((_common(prompt, seen) for seen in alike), default=0) // 4

    def whole(self, prefix: str) -> bool:
        """Whether this very prefix is cached; it is remembered."""
        seen = prefix in self._seen
        if not seen and token_count(prefix) >= self.FROM_TOKENS:
            self._seen.append(prefix)
        return seen


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common; by halving, for prompts are long and callers wait."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[:middle]):
            low = middle
        else:
            high = middle - 1
    return low

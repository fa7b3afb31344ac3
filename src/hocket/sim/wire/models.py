"""What the wire servers of language models share: replies, the pace of tokens, and the models they know."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from hocket.clock import SECOND
from hocket.sim.delays import TOKEN_NS, Delays
from hocket.sim.wire.exchange import Exchange
from hocket.sim.wire.replies import PrefixCache, Replies, Reply, always, tokens
from hocket.sim.wire.server import WireServer


class ModelServer(WireServer):
    """`replies`: what is answered, or one text for everything. `models`: the names that are known; None: any.

    With `delays`, the first token comes after a drawn delay and one more every `token_ns`; without, all come at once.
    """

    def __init__(
        self,
        replies: Replies | str = "Hello, how can I help?",
        *,
        models: Sequence[str] | None = None,
        delays: Delays | None = None,
        token_ns: int = TOKEN_NS,
        key: str | None = None,
    ) -> None:
        super().__init__(delays=delays, key=key)
        self.replies = always(replies) if isinstance(replies, str) else replies
        self.models = models
        self.cache = PrefixCache()
        self._token_ns = token_ns if delays is not None else 0

    def pace(self, exchange: Exchange) -> Pace:
        """When the tokens of an answer are due."""
        return Pace(exchange.began, self.delays.llm_first_token(), self._token_ns)

    def knows(self, model: str) -> bool:
        return self.models is None or model in self.models


class Pace:
    """Tokens at their times: what one took longer is not added to the next."""

    __slots__ = ("_at_s", "_step_s")

    def __init__(self, began_s: float, first_ns: int, token_ns: int) -> None:
        self._at_s = began_s + first_ns / SECOND
        self._step_s = token_ns / SECOND

    async def next(self) -> None:
        """Wait until the next token is due."""
        if (wait_s := self._at_s - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait_s)
        self._at_s += self._step_s


class Limited(msgspec.Struct, frozen=True):
    """A reply, cut where the request's limit of tokens is."""

    text: tuple[str, ...]
    """In tokens."""
    arguments: tuple[tuple[str, ...], ...]
    """Of each tool, in tokens; of the last one maybe not all."""
    cut: bool

    @property
    def count(self) -> int:
        return len(self.text) + sum(len(pieces) for pieces in self.arguments)


def limited(reply: Reply, limit: int) -> Limited:
    """The first `limit` tokens of a reply."""
    text = tokens(reply.text)[:limit]
    left = limit - len(text)
    arguments: list[tuple[str, ...]] = []
    cut = len(text) < len(tokens(reply.text))
    for tool in () if cut else reply.tools:
        pieces = tokens(tool.arguments)
        arguments.append(tuple(pieces[:left]))
        cut = cut or len(pieces) > left
        left = max(0, left - len(pieces))
    return Limited(tuple(text), tuple(arguments), cut)


def json_object(body: bytes) -> dict[str, Any] | None:
    """A request's body; None when it is no JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def text_of(content: Any) -> str:
    """A message's content, which is a text or a list of blocks."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content if isinstance(block, dict))
    return content if isinstance(content, str) else ""

"""The conversation as it was heard: what the caller said and what of our words had sounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal

import msgspec

from hocket.ids import ToolCallId
from hocket.turn.meaning import same_meaning


class ToolUse(msgspec.Struct, frozen=True, gc=False):
    """A tool that was asked for, and what it answered."""

    id: ToolCallId
    name: str
    arguments: str
    """A JSON object."""
    result: str


class Entry(msgspec.Struct, frozen=True):
    """One party's words, or the tools that a reply used."""

    role: Literal["user", "assistant", "tool", "marker"]
    """marker: older entries were dropped here."""
    text: str = ""
    interrupted: bool = False
    """The assistant was cut short after this text."""
    tool: ToolUse | None = None
    """Of role tool: the request and its result, never one without the other."""


class History:
    """What both parties said, oldest first, at most `limit` entries and a marker for those dropped."""

    __slots__ = ("_dropped", "_entries", "_pending")

    def __init__(self, limit: int = 200) -> None:
        assert limit > 0
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._dropped = False
        self._pending: dict[ToolCallId, tuple[str, str]] = {}

    def messages(self) -> Iterator[Entry]:
        """All entries. Turns of the caller between which nothing was heard are one; a tool is there with its result."""
        if self._dropped:
            yield Entry("marker", "Earlier parts of this conversation are left out.")
        turns: list[str] = []
        for entry in self._entries:
            if entry.role == "user":
                turns.append(entry.text)
                continue
            if turns:
                yield Entry("user", " ".join(turns))
                turns.clear()
            yield entry
        if turns:
            yield Entry("user", " ".join(turns))

    def user(self, text: str) -> None:
        """The caller's turn was committed."""
        if text:
            self._append(Entry("user", text))

    def amend_user(self, text: str) -> bool:
        """The caller's last turn was recognised better; returns whether that changes its meaning."""
        last = self._last_user()
        before = self._entries[last].text
        if text:
            self._entries[last] = Entry("user", text)
        else:
            del self._entries[last]
        return not same_meaning(before, text)

    def withdraw_user(self) -> str:
        """The caller's last turn had not ended after all; returns its words."""
        last = self._last_user()
        text = self._entries[last].text
        del self._entries[last]
        return text

    def heard(self, text: str, interrupted: bool = False) -> None:
        """These words of ours have sounded."""
        if text:
            self._append(Entry("assistant", text, interrupted))

    def tool_call(self, call: ToolCallId, name: str, arguments: str) -> None:
        """The model asks for a tool; not part of the conversation before its result is."""
        self._pending[call] = (name, arguments)

    def tool_result(self, call: ToolCallId, text: str) -> None:
        """A tool has answered, failed or was given up."""
        assert call in self._pending, f"a result of a tool that was not called: {call}"
        name, arguments = self._pending.pop(call)
        self._append(Entry("tool", tool=ToolUse(call, name, arguments, text)))

    def _last_user(self) -> int:
        for index in range(len(self._entries) - 1, -1, -1):
            if self._entries[index].role == "user":
                return index
        raise AssertionError("the caller has had no turn")

    def _append(self, entry: Entry) -> None:
        self._dropped = self._dropped or len(self._entries) == self._entries.maxlen
        self._entries.append(entry)

"""Names for things that are counted within one call."""

from __future__ import annotations

from typing import NewType

ReplyId = NewType("ReplyId", int)
"""A reply of the agent. Ids only grow: news of a reply that is not current is dropped (the fence)."""

TurnId = NewType("TurnId", int)
"""A committed turn of the caller."""

ToolCallId = NewType("ToolCallId", str)
"""One request of the model to run a tool, unique within the call."""

CallId = NewType("CallId", str)
"""One call: the carrier's own id where there is a carrier."""

NO_REPLY = ReplyId(0)
"""The id that no reply has: for marks of the trace that belong to the whole call."""

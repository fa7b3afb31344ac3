"""hocket: voice agents that answer as fast as people do."""

from __future__ import annotations

from hocket.agent.agent import Agent, Manners
from hocket.agent.call import Call, CallRecord, ToolRun, TranscriptEntry
from hocket.agent.tools import Tool
from hocket.errors import HocketError

__all__ = ["Agent", "Call", "CallRecord", "HocketError", "Manners", "Tool", "ToolRun", "TranscriptEntry"]

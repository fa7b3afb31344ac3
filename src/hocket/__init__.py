"""hocket: voice agents that answer as fast as people do."""

from __future__ import annotations

from hocket.agent.agent import Agent, Manners, Resilience
from hocket.agent.call import Call, CallRecord, ToolRun, TranscriptEntry
from hocket.agent.tools import Tool
from hocket.errors import HocketError

__all__ = ["Agent", "Call", "CallRecord", "HocketError", "Manners", "Resilience", "Tool", "ToolRun", "TranscriptEntry"]

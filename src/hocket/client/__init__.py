"""Calls to a gateway from Python.

async with connect("http://localhost:8080", api_key=KEY) as call:
    await call.say(samples)
    async for event in call:
        ...
"""

from __future__ import annotations

from hocket.client.call import Call, CallEvent, connect
from hocket.client.ear import Heard
from hocket.client.errors import CallLost, CallRefused

__all__ = ["Call", "CallEvent", "CallLost", "CallRefused", "Heard", "connect"]

"""The receptionist of a kayak hire: knowledge in a folder, and two tools.

Talk to recorded callers with it: `hocket call examples/harbour_kayaks/agent.py caller.wav`
"""

from __future__ import annotations

import logging
from typing import Literal

from hocket import Agent, Call, CallRecord

log = logging.getLogger("harbour_kayaks")

agent = Agent(
    "You are the receptionist of Harbour Kayaks, a small kayak hire on the harbour. "
    "You tell callers what they need to know and book boats for them.",
    name="Harbour Kayaks",
    knowledge="knowledge",
    greeting="Harbour Kayaks, good morning. How can I help you?",
    phrases=[
        "what will the weather be tomorrow",
        "is the weather good for a paddle",
        "could you put me through to the billing department please",
        "i would like to book kayaks for six people",
        "we are five",
        "three of us",
        "yes please",
        "nope not today",
        "that is all thanks",
    ],
)

FORECAST = {
    "today": {"sky": "sunny", "temperature_c": 19, "wind": "light, from the south west"},
    "tomorrow": {"sky": "cloudy", "temperature_c": 16, "wind": "fresh, with gusts in the afternoon"},
}


@agent.tool(filler="Let me look at the forecast.")
def weather(day: Literal["today", "tomorrow"] = "today") -> dict[str, object]:
    """The weather on the harbour: sky, temperature and wind, today or tomorrow."""
    return {"day": day, **FORECAST[day]}


@agent.tool(filler="One moment, I am booking that.", deadline_s=5.0)
async def book_boats(call: Call, people: int, day: str = "today") -> str:
    """Book boats for a group. Use it for every wish to hire, rent or reserve kayaks or canoes."""
    if not 1 <= people <= 12:
        return "We have boats for one to twelve people."
    call.notes["booked"] = people
    return f"I have booked kayaks for {people} people for {day}."


@agent.on("ended")
def keep(call: Call, record: CallRecord) -> None:
    """Where a real business would write to its calendar."""
    log.info("%s after %d s, booked for %d", record.reason, record.duration_ms // 1000, call.notes.get("booked", 0))

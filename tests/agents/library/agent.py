"""The desk of a town library: an agent that nothing in hocket was written for."""

from __future__ import annotations

from typing import Literal

from hocket import Agent, Manners

agent = Agent(
    "You are the information desk of the Ashdown Town Library.",
    name="Ashdown Library",
    knowledge="knowledge",
    greeting="Ashdown Library, how can I help?",
    phrases=["i want to renew a loan", "is the reading room free on friday", "do you lend board games"],
    manners=Manners(no_input_s=6.0, goodbye="Thank you for calling the library. Goodbye."),
)


@agent.tool(filler="I am looking that up.")
async def renew_loan(card_number: str, weeks: Literal[2, 4] = 2) -> dict[str, object]:
    """Renew a loan, so that the borrower may keep the items longer."""
    return {"card_number": card_number, "items_renewed": 3, "days": weeks * 7}


@agent.tool
async def reserve_room(room: Literal["reading room", "music room", "workshop"], day: str) -> str:
    """Reserve a room for a meeting or a rehearsal."""
    return f"The {room} is yours on {day}."


@agent.tool
def new_arrivals() -> list[str]:
    """The newest arrivals on our shelves: novels, films and records that came in lately."""
    return ["The Salt Path", "Piranesi", "A Month in the Country", "Orbital"]

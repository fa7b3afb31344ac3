"""The instructions a model is given: the agent's own, then the rules that every spoken reply keeps."""

from __future__ import annotations

from hocket.agent.agent import Agent
from hocket.agent.call import Call
from hocket.errors import AgentError

HOUSE_RULES = (
    "You are talking with a caller, and what you write is spoken aloud. "
    "Answer in two or three short sentences of plain text with normal punctuation; no lists, markup, links or emoji. "
    # Short openings are spoken soonest, and once their sound is known they cost no synthesis at all.
    "Begin with a short sentence of a few words that fits, such as: Of course. Or: Let me see. "
    "Write numbers, dates and prices as people say them. "
    "Use only what you are told here, the passages and your tools; if they do not say, say that you don't know. "
    "The caller's words come from speech recognition and may be wrong: ask when they make no sense. "
    "When the caller has finished, say goodbye and call end_call."
)


def instructions_for(agent: Agent, call: Call) -> str:
    """The stable prefix of every request of a call: the same for the same agent and call, so that it can be cached.

    Raises `AgentError` when the agent's prompt function raises or returns no text.
    """
    rules = HOUSE_RULES if call.language == "en" else f"{HOUSE_RULES} Speak the language {call.language}."
    return f"{_own(agent, call)}\n\n{rules}"


def _own(agent: Agent, call: Call) -> str:
    if isinstance(agent.instructions, str):
        return agent.instructions.strip()
    try:
        text = agent.instructions(call)
    except Exception as error:
        raise AgentError(
            f'The prompt function of agent "{agent.name}" raised {type(error).__name__}: {error}. '
            "Make it return a text for every call."
        ) from error
    if not isinstance(text, str) or not text.strip():
        raise AgentError(
            f'The prompt function of agent "{agent.name}" returned no text: make it return the instructions.'
        )
    return text.strip()

"""Two models for one agent: a fast one, and one for the few turns that need thinking."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from typing import Final

import msgspec

from hocket.stages.llm import Llm, LlmDelta, LlmRequest
from hocket.stages.notices import notify

LONG_WORDS: Final = 40
"""A caller who says more in one turn has a story; questions have about ten words."""

QUESTION_WORDS: Final = 4
"""A shorter question is politeness or part of the one before: "How are you?", "Or Saturday?"."""

QUESTIONS: Final = 2
STEPS: Final = 3
"""So many different things to be done, or fewer that are said to come one after the other."""

_REASONING: Final = re.compile(
    r"\b(explain|compare|calculate|work out|figure out|summari[sz]e|analy[sz]e|estimate|why|how come|what if|"
    r"what would happen|step by step|walk me through|talk me through|break (it|that|this) down|in detail|"
    r"pros and cons|advantages|difference between|differ|versus|vs|better or|(cheaper|better|faster|quicker) for me|"
    r"which (one |of (them|these|those|the two) )?(is|are|would be|works out) (the )?"
    r"(better|best|cheaper|cheapest|quicker|faster)|trade-?offs?|depending on|otherwise|unless|"
    r"how much (would|will|do) .* (altogether|in total|overall))\b"
)
_STEP: Final = re.compile(
    r"\b(book|cancel|change|move|reschedule|order|send|email|text|call|check|update|add|remove|refund|transfer|find|"
    r"pay|split|swap|confirm)\b"
)
_IN_ORDER: Final = re.compile(r"\b(and then|then|after that|afterwards|once (that|you|it))\b")
_NEXT_QUESTION: Final = re.compile(r",? and (?=(?:what|how|when|where|who|which|why|do|does|is|are|can|could|will)\b)")
_ENDS: Final = re.compile(r"(?<=[.!?])\s+")
_ASKING: Final = re.compile(
    r"(?:(?:and|or|so|also|oh|hi|hello|okay|well|then)\W+)*"
    r"(?:what|what's|whats|how|how's|when|when's|where|where's|who|who's|which|do|does|did|is|are|can|could|will|would|"
    r"should|have|has|may)\b"
)


def looks_complex(request: LlmRequest) -> bool:
    """Whether the caller's last words ask for more than a fact or a favour.

    They do with a word of reasoning or comparison ("explain", "why", "which is cheaper"), with two questions of four
    words or more, with three things to do or two in an order, and above 40 words. English words; of other languages
    only the length and the question marks count.
    """
    said = next((message.content for message in reversed(request.messages) if message.role == "user"), "")
    text = said.lower().replace("’", "'")
    if len(text.split()) > LONG_WORDS or _REASONING.search(text):
        return True
    steps = len(set(_STEP.findall(text)))
    return _questions(text) >= QUESTIONS or steps >= (STEPS - 1 if _IN_ORDER.search(text) else STEPS)


def _questions(text: str) -> int:
    parts = [part for sentence in _ENDS.split(text) for part in _NEXT_QUESTION.split(sentence)]
    return sum(
        len(part.split()) >= QUESTION_WORDS and (part.endswith("?") or _ASKING.match(part) is not None)
        for part in parts
    )


class RoutedLlm:
    """`fast` answers, except turns that `is_complex` says are for `complex`. Shared by all calls of a process.

    A turn's tool rounds stay with the model that began it: `is_complex` is shown the request as it was when the caller
    had spoken. It has to say the same of the same request.
    """

    def __init__(self, fast: Llm, complex: Llm, is_complex: Callable[[LlmRequest], bool] = looks_complex) -> None:
        self.name = fast.name
        self.turns = 0
        """Requests that a caller's words began. One turn may begin several, when it is answered before it is over."""
        self.complex_turns = 0
        """Those of them that `complex` answered."""
        self._fast = fast
        self._complex = complex
        self._is_complex = is_complex

    def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply of one of the two. Closing the generator cancels the request. Raises that model's error."""
        asked = _as_asked(request)
        is_complex = self._is_complex(asked)
        if len(asked.messages) == len(request.messages):
            self.turns += 1
            self.complex_turns += is_complex
        if not is_complex:
            return self._fast.reply(request)
        notify("llm", "routed", self._complex.name)
        return self._complex.reply(request)


def _as_asked(request: LlmRequest) -> LlmRequest:
    """The request without what came after the caller's last words."""
    last = next((index for index, message in reversed([*enumerate(request.messages)]) if message.role == "user"), None)
    if last is None or last == len(request.messages) - 1:
        return request
    return msgspec.structs.replace(request, messages=request.messages[: last + 1])

"""The offline language model: it answers from the passages of its request, calls tools by intent, and admits what
it does not know. It knows nothing of any business; all of that comes with the request. English only."""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from hocket.agent.tools import END_CALL
from hocket.knowledge.documents import heading_of
from hocket.providers.dialogue.answers import find_answer
from hocket.providers.dialogue.intents import wanted_tool
from hocket.providers.dialogue.pending import ANYTHING_ELSE, Offer, Question, asked_again, offer_of, pending
from hocket.providers.dialogue.phrasing import failed, is_action, listed, spoken_result, topic_phrase
from hocket.providers.dialogue.slots import Parameter, answer, fill, parameters, question_for
from hocket.providers.dialogue.talk import after_yes_or_no, small_talk, yes_or_no
from hocket.providers.dialogue.utterance import Utterance, understand
from hocket.stages.llm import LlmDelta, LlmRequest, Message, TextDelta, ToolCall, ToolSpec

GOODBYE = "Thank you for calling. Goodbye."
UNKNOWN = "I'm sorry, I don't know that."
TOOL_BIAS = 0.05
"""What a tool is ahead of a passage that fits as well: a tool knows about now."""

ATTEMPTS = 3
"""How often a parameter is asked for before giving up."""

_TOPIC = re.compile(r"(?!(?:if|how|what|where|when|who|why|the)\b)\S+(?: \S+){0,3}", re.IGNORECASE)


class Plan(msgspec.Struct, frozen=True):
    """A reply: words, then perhaps a tool."""

    text: str = ""
    call: ToolCall | None = None


class Responder:
    """An `Llm` without a model. The same request is always answered alike; the seed chooses among equal wordings."""

    name = "responder"

    def __init__(self, seed: int = 0) -> None:
        self._assent = random.Random(seed).choice(("All right.", "Sure.", "Of course."))

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply, a word at a time."""
        plan = _Turn(request, self._assent).plan()
        for token in re.findall(r"\s*\S+", plan.text)[: request.max_tokens]:
            yield TextDelta(token)
            await asyncio.sleep(0)
        if plan.call:
            yield plan.call


class _Turn:
    """What to reply to one request."""

    __slots__ = ("_assent", "_request", "_said", "_tools")

    def __init__(self, request: LlmRequest, assent: str) -> None:
        self._request = request
        self._assent = assent
        self._tools = [tool for tool in request.tools if tool.name != END_CALL and _usable(tool)]
        spoken = [message.content for message in request.messages if message.role == "user"]
        self._said = understand(spoken[-1] if spoken else "")

    def plan(self) -> Plan:
        if self._request.messages and self._request.messages[-1].role == "tool":
            return self._after_tools()
        if not self._said.words:
            return Plan("Sorry, I did not hear you. Could you say that again?")
        match pending(self._request.messages, self._tools):
            case Question() as question:
                return self._answered(question)
            case Offer(tool):
                return self._offered(tool)
            case None:
                return self._fresh(self._said) or self._unknown()
            case _:
                return self._closing()

    def _answered(self, question: Question) -> Plan:
        """The caller was asked for a parameter."""
        said = self._said
        talk = small_talk(said.text, said.words)
        if talk in ("goodbye", "repeat", "identity"):
            return self._talk(talk)
        refused = (
            question.parameter.kind != "yes_no" and yes_or_no(said.words) == "no" and not after_yes_or_no(said.words)
        )
        if refused or talk == "stop":
            return Plan(f"All right. {ANYTHING_ELSE}")
        value = answer(question.parameter, said)
        if value is not None:
            return self._act(
                question.tool, question.known | fill(question.tool, said) | {question.parameter.name: value}
            )
        if plan := self._fresh(said):
            return plan
        if question.times >= ATTEMPTS:
            return Plan(f"I'm sorry, I did not understand that. {ANYTHING_ELSE}")
        return Plan(asked_again(question_for(question.parameter)))

    def _offered(self, tool: ToolSpec) -> Plan:
        said = self._said
        values = fill(tool, said)
        verdict = yes_or_no(said.words)
        if verdict == "yes" or (verdict is None and any(parameter.name in values for parameter in _required(tool))):
            return self._act(tool, values)
        rest = understand(" ".join(after_yes_or_no(said.words))) if verdict else said
        if verdict and (not rest.words or small_talk(rest.text, rest.words) in ("thanks", "stop")):
            return Plan(f"All right. {ANYTHING_ELSE}")
        return self._fresh(rest) or self._unknown()

    def _closing(self) -> Plan:
        said = self._said
        verdict = yes_or_no(said.words)
        rest = understand(" ".join(after_yes_or_no(said.words))) if verdict else said
        if verdict == "no" and (not rest.words or small_talk(rest.text, rest.words)):
            return self._goodbye()
        if verdict == "yes" and not rest.words:
            return Plan("What can I do for you?")
        return self._fresh(rest) or self._unknown()

    def _fresh(self, said: Utterance) -> Plan | None:
        """The caller brings something up; None when it is not understood."""
        if talk := small_talk(said.text, said.words):
            return self._talk(talk)
        wanted = wanted_tool(said, self._tools)
        found = find_answer(said.text, self._request.passages)
        if wanted and (found is None or wanted.score + TOOL_BIAS >= found.coverage):
            return self._act(wanted.tool, fill(wanted.tool, said))
        if found:
            return Plan(found.text)
        verdict = yes_or_no(said.words)
        if verdict and not after_yes_or_no(said.words):
            return Plan("What can I do for you?" if verdict == "yes" else f"All right. {ANYTHING_ELSE}")
        return None

    def _act(self, tool: ToolSpec, values: Mapping[str, Any]) -> Plan:
        """Call the tool, or ask for the first parameter that is missing."""
        for parameter in _required(tool):
            if parameter.name not in values:
                return Plan(f"{self._assent} {question_for(parameter)}")
        return Plan(call=self._call(tool.name, values))

    def _talk(self, kind: str) -> Plan:
        match kind:
            case "goodbye":
                return self._goodbye()
            case "thanks":
                return Plan(f"You're welcome. {ANYTHING_ELSE}")
            case "greeting":
                return Plan("Hello. How can I help you?")
            case "repeat":
                spoken = [m.content for m in self._request.messages if m.role == "assistant" and m.content.strip()]
                return Plan(spoken[-1] if spoken else "How can I help you?")
            case "identity":
                found = re.match(r"\s*you are ((?:the|an?) [^,.;\n]{1,120})", self._request.instructions, re.IGNORECASE)
                who = f"{found.group(1).strip()}, an automated assistant" if found else "an automated assistant"
                return Plan(f"I am {who}. How can I help you?")
        return Plan(f"All right. {ANYTHING_ELSE}")

    def _goodbye(self) -> Plan:
        can_end = any(tool.name == END_CALL for tool in self._request.tools)
        return Plan(GOODBYE, self._call(END_CALL, {}) if can_end else None)

    def _unknown(self) -> Plan:
        spoken = [message.content for message in self._request.messages if message.role == "assistant"]
        if spoken and spoken[-1].startswith(UNKNOWN[:20]):
            return Plan(f"I'm sorry, I can't help with that. {ANYTHING_ELSE}")
        headings = dict.fromkeys(heading_of(passage) for passage in self._request.passages)
        topics = [heading[0].lower() + heading[1:] for heading in headings if _TOPIC.fullmatch(heading)][:2]
        topics += [topic_phrase(tool) for tool in self._tools[:3]]
        return Plan(f"{UNKNOWN} I can help with {listed(topics, 'or')}." if topics else f"{UNKNOWN} {ANYTHING_ELSE}")

    def _after_tools(self) -> Plan:
        """Put the results into words, and lead on."""
        results: list[Message] = []
        for message in reversed(self._request.messages):
            if message.role != "tool":
                break
            results.insert(0, message)
        calls = {call.id: call for message in self._request.messages for call in message.tool_calls}
        ran = [(calls.get(result.tool_call_id), result.content) for result in results]
        if any(call and call.name == END_CALL for call, _ in ran):
            return Plan()
        if any(failed(content) for _, content in ran):
            return Plan(f"I'm sorry, that did not work. {ANYTHING_ELSE}")
        texts = [self._spoken(call, content) for call, content in ran]
        if not texts[-1].endswith("?") and (following := self._following({call.name for call, _ in ran if call})):
            texts.append(following)
        return Plan(" ".join(texts))

    def _spoken(self, call: ToolCall | None, content: str) -> str:
        tool = next((tool for tool in self._tools if call and tool.name == call.name), None)
        return spoken_result(tool.name, content, _names(tool)) if tool else spoken_result("result", content)

    def _following(self, ran: set[str]) -> str:
        """After something was done: is there more? After something was told: an offer, once in a call."""
        if any(is_action(tool) for tool in self._tools if tool.name in ran):
            return ANYTHING_ELSE
        called = {call.name for message in self._request.messages for call in message.tool_calls}
        spoken = " ".join(message.content for message in self._request.messages if message.role == "assistant")
        for tool in self._tools:
            if is_action(tool) and tool.name not in called and offer_of(tool) not in spoken:
                return offer_of(tool)
        return ""

    def _call(self, name: str, values: Mapping[str, Any]) -> ToolCall:
        # Made from the whole history, so that no two requests of a call share an id and the same request keeps its own.
        history = msgspec.json.encode(self._request.messages)
        arguments = msgspec.json.encode(dict(values)).decode()
        return ToolCall(f"{name}-{len(self._request.messages)}-{zlib.crc32(history):08x}", name, arguments)


def _names(tool: ToolSpec) -> list[str]:
    return [parameter.name for parameter in parameters(tool)]


def _required(tool: ToolSpec) -> list[Parameter]:
    return [parameter for parameter in parameters(tool) if parameter.required]


def _usable(tool: ToolSpec) -> bool:
    return all(parameter.kind != "other" for parameter in _required(tool))

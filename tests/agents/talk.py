"""A text call with an agent of this repository: its real knowledge, tools and the offline responder, no audio."""

from __future__ import annotations

from pathlib import Path

from hocket.agent.call import Call
from hocket.agent.loader import load_agent
from hocket.agent.prompt import instructions_for
from hocket.agent.tools import END_CALL
from hocket.errors import ToolError
from hocket.knowledge.documents import load_documents
from hocket.knowledge.index import LexicalIndex
from hocket.providers.responder import Responder
from hocket.sim.loop import run
from hocket.stages.llm import LlmRequest, Message, TextDelta, ToolCall

ROOT = Path(__file__).parent.parent.parent
HARBOUR = ROOT / "examples" / "harbour_kayaks" / "agent.py"
LIBRARY = ROOT / "tests" / "agents" / "library" / "agent.py"


class Talk:
    """Holds the history, as the session does."""

    def __init__(self, target: Path) -> None:
        self.agent = load_agent(str(target))
        assert self.agent.knowledge
        self.documents = load_documents(self.agent.knowledge)
        self.calls: list[ToolCall] = []
        self.results: list[str] = []
        self._index = LexicalIndex(self.documents.passages)
        self._call = Call("text")
        self._responder = Responder()
        self.messages = [Message("assistant", self.agent.greeting or "Hello.")]

    @property
    def ended(self) -> bool:
        return any(call.name == END_CALL for call in self.calls)

    def say(self, text: str) -> str:
        """What the agent answers, after any tools it called."""
        self.messages.append(Message("user", text))
        return run(self._reply(text))

    async def _reply(self, text: str) -> str:
        for _ in range(4):
            deltas = [delta async for delta in self._responder.reply(self.request(text))]
            words = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
            calls = tuple(delta for delta in deltas if isinstance(delta, ToolCall))
            self.calls += calls
            self.messages.append(Message("assistant", words, calls))
            if not calls or self.ended:
                return words
            for call in calls:
                result = await self._run(call)
                self.results.append(result)
                self.messages.append(Message("tool", result, tool_call_id=call.id))
        raise AssertionError("the agent calls tools for ever")

    def request(self, text: str) -> LlmRequest:
        return LlmRequest(
            instructions_for(self.agent, self._call),
            tuple(self.messages),
            self.agent.tool_specs,
            self._index.closest(text),
        )

    async def _run(self, call: ToolCall) -> str:
        try:
            return await self.agent.tools[call.name].run(self._call, call.arguments)
        except ToolError as error:
            return str(error)

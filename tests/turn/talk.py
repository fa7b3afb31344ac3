"""Drives a turn engine through a scenario in milliseconds, and shows what it ordered."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hocket.ids import ReplyId, ToolCallId
from hocket.turn.commands import CloseTurn, Command, CommitTurn, StartPlayout, StartReply, StartSay, StopPlayout
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.events import (
    CallStarted,
    Event,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    ReplyReady,
    SpeechPaused,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    ToolFinished,
    ToolRequested,
    Transcribed,
)

MS = 1_000_000
QUESTION = "what time do you open tomorrow"


Kind = TypeVar("Kind", bound=msgspec.Struct)


class Talk:
    """One call. Deadlines fire on time; a stopped playout is acknowledged at once, as a session does."""

    def __init__(self, config: TurnConfig | None = None, *, started: bool = True) -> None:
        self.engine = TurnEngine(config or TurnConfig())
        self.now_ms = 0.0
        self.log: list[tuple[float, Event | Command]] = []
        self.heard = ""
        self.unheard = ""
        if started:
            self.at(0, CallStarted())

    def at(self, ms: float, event: Event) -> list[Command]:
        """Let time pass to `ms`, then tell the engine something."""
        self.until(ms)
        return self.tell(event)

    def until(self, ms: float) -> None:
        """Let time pass; deadlines fire."""
        while (due := self.engine.deadline) is not None and due <= ms * MS:
            self.now_ms = max(self.now_ms, due / MS)
            self.tell(TimerFired())
        assert ms >= self.now_ms, "time does not go back"
        self.now_ms = ms

    def tell(self, event: Event) -> list[Command]:
        self.log.append((self.now_ms, event))
        orders = self.engine.handle(round(self.now_ms * MS), event)
        for order in orders:
            self.log.append((self.now_ms, order))
        for order in orders:
            if isinstance(order, StopPlayout):
                orders = orders + self.tell(PlayoutStopped(order.reply, self.heard, self.unheard))
        return orders

    # -- the caller

    def speak(self, start_ms: float, end_ms: float, text: str = "", *, quiet: bool = True) -> None:
        """An utterance: onset seen 55 ms late, words 100 ms after it ends, the flip 105 ms after it."""
        self.at(start_ms + 55, SpeechStarted(round(start_ms * MS)))
        if quiet:
            self.at(max(end_ms + 80, self.now_ms), SpeechPaused(round(end_ms * MS)))
        if text:
            self.at(max(end_ms + 100, self.now_ms), Transcribed(text, final=False))
        self.at(max(end_ms + 105, self.now_ms), SpeechStopped(round(end_ms * MS)))

    def final(self, ms: float, text: str) -> None:
        self.at(ms, Transcribed(text, final=True, finalized=True))

    # -- the agent

    def ready(self, ms: float, reply: int | None = None) -> None:
        self.at(ms, ReplyReady(self.reply if reply is None else ReplyId(reply)))

    def audible(self, ms: float) -> None:
        self.at(ms, PlayoutStarted(self.reply))

    def finish(self, ms: float, heard: str) -> None:
        self.at(ms, PlayoutFinished(self.reply, heard))

    def ask_tool(self, ms: float, name: str, call: str = "1") -> None:
        self.at(ms, ToolRequested(self.reply, ToolCallId(call), name, "{}"))

    def tool_answers(self, ms: float, result: str, call: str = "1", *, failed: bool = False) -> None:
        self.at(ms, ToolFinished(self.reply, ToolCallId(call), result, failed))

    def answer(self, text: str, heard: str, start_ms: float = 1000, seconds: float = 2) -> None:
        """A whole exchange: the caller asks, the agent answers and is heard to the end."""
        self.speak(start_ms, start_ms + 1000, text)
        self.final(start_ms + 1000 + 260, text)
        self.ready(start_ms + 1400)
        self.audible(start_ms + 1410)
        self.finish(start_ms + 1410 + seconds * 1000, heard)

    # -- what came of it

    @property
    def orders(self) -> list[Command]:
        return [record for _, record in self.log if isinstance(record, Command)]

    @property
    def reply(self) -> ReplyId:
        """The newest reply."""
        return next(order.reply for order in reversed(self.orders) if isinstance(order, (StartReply, StartSay)))

    def names(self, since_ms: float = -1) -> list[str]:
        """The orders' names, in order."""
        return [type(r).__name__ for ms, r in self.log if isinstance(r, Command) and ms >= since_ms]

    def time_of(self, kind: type[msgspec.Struct], nth: int = 0) -> float:
        """When the nth order (or event) of a kind came, in ms; negative nth counts from the end."""
        return [ms for ms, record in self.log if isinstance(record, kind)][nth]

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [record for _, record in self.log if isinstance(record, kind)]

    @property
    def committed(self) -> list[str]:
        """The words of every turn that was committed, withdrawn ones included."""
        return [order.text for order in self.of(CommitTurn)]

    @property
    def heard_turns(self) -> list[str]:
        """What history keeps of the caller."""
        return [entry.text for entry in self.engine.history.messages() if entry.role == "user"]

    @property
    def spoken(self) -> list[str]:
        """What history keeps of the agent."""
        return [entry.text for entry in self.engine.history.messages() if entry.role == "assistant"]

    @property
    def outcomes(self) -> list[str]:
        return [order.outcome for order in self.of(CloseTurn)]

    @property
    def sayings(self) -> list[str]:
        return [order.kind for order in self.of(StartSay)]

    @property
    def playing(self) -> bool:
        return any(isinstance(order, StartPlayout) and order.reply == self.reply for order in self.orders)

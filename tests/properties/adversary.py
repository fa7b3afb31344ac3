"""A world that keeps every contract with the turn engine and is otherwise as unkind as the drawn numbers make it.

The caller does what is drawn, whenever; stages take drawn times, fail or never answer; a session's guarantees hold:
`StopPlayout` is answered at once, `RunTool` by exactly one `ToolFinished`, a cancelled reply is heard of no more, and
what plays ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Literal

from hocket.clock import MS
from hocket.ids import ReplyId, ToolCallId
from hocket.trace.records import Entry
from hocket.turn import commands as c
from hocket.turn import events as e
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine

Move = Literal[
    "voice",  # the detector hears speech, or stops to hear it
    "level",  # the line's level falls or rises while the detector hears speech
    "words",  # the recogniser has understood more
    "other words",  # and changes its mind
    "fewer words",  # or takes them back
    "own final",  # and settles them without being asked
    "score",
    "say",
    "say for good",
    "end",
    "end without a word",
    "end with words",
    "leave",
    "line",  # the connection breaks off, or is there again
    "load",  # the process has more or less to do
    "nothing",
]
WORDS = ("what", "time", "do", "you", "open", "yes", "yeah", "mm-hmm", "um", "because", "four", "please wait", "no")
FOR_GOOD = "This call is recorded."


@dataclass(frozen=True, slots=True)
class Draw:
    """All that chance decides."""

    moves: Sequence[tuple[int, Move, int]]
    """Milliseconds since the move before, what, and which."""
    finals: Sequence[int | None]
    """Milliseconds a final takes; None for never."""
    replies: Sequence[tuple[int | None, int | None, int, int]]
    """Milliseconds to the first audio (None: never), to a failure (None: none), of sound, and number of tools."""
    tools: Sequence[int | None]
    """Milliseconds a tool takes; None for never."""
    misheard: Sequence[bool]
    """Does a final read otherwise than the interim before it?"""
    ties: Sequence[bool]
    """At the same nanosecond: the deadline before the event?"""


@dataclass(slots=True)
class Voice:
    """A reply as its stages know it."""

    id: ReplyId
    sound_ms: int
    interruptible: bool = True
    began_at: int | None = None
    played: int = 0
    audible: bool = False
    paused: bool = False
    open: bool = False
    """It has passed the gate."""
    broken: bool = False

    def position(self, now: int) -> int:
        return min(self.sound_ms * MS, self.played + (0 if self.began_at is None else now - self.began_at))

    def heard(self, now: int) -> str:
        return " ".join(f"{self.id}.{n}" for n in range(self.position(now) // (200 * MS)))

    def unheard(self, now: int) -> str:
        return " ".join(f"{self.id}.{n}" for n in range(self.position(now) // (200 * MS), self.sound_ms // 200))


@dataclass(slots=True)
class Caller:
    speaking: bool = False
    quiet: bool = False
    since_final: list[str] = field(default_factory=list)
    """What the recogniser has understood since its last final."""
    onset: int = 0


Seen = Callable[[int, e.Event, list[c.Command], "World"], None]


class World:
    """One call. `seen` is shown every event with the commands it caused, after they have been carried out."""

    def __init__(self, config: TurnConfig, draw: Draw, seen: Seen) -> None:
        self.config = config
        self.engine = TurnEngine(config)
        self.caller = Caller()
        self.voice: Voice | None = None
        self.entries: list[Entry] = []
        self.heard: list[str] = []
        self.ended = self.away = False
        self.now = 0
        self.tools: dict[ToolCallId, ReplyId] = {}
        self._seen = seen
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._finals: Iterator[int | None] = cycle(draw.finals)
        self._replies = cycle(draw.replies)
        self._tool_times: Iterator[int | None] = cycle(draw.tools)
        self._misheard = cycle(draw.misheard)
        self._ties = cycle(draw.ties)
        self.tell(e.CallStarted())
        at = 0
        for gap_ms, move, which in draw.moves:
            at += gap_ms
            self.later(at, self.move, move, which)
        self.later(at, self.come_back)
        self.last_move_ms = at

    # -- time

    def later(self, ms: float, what: Callable[..., None], *args: Any) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (self.now + round(ms * MS), self._count, what, args))

    def run(self, until_ms: float) -> None:
        """Let everything happen that is due by then."""
        while not self.ended or self._agenda:
            deadline = None if self.ended else self.engine.deadline
            event_at = self._agenda[0][0] if self._agenda else None
            if deadline is None and event_at is None:
                break
            timer = deadline is not None and (
                event_at is None or deadline < event_at or (deadline == event_at and next(self._ties))
            )
            at = deadline if timer else event_at
            assert at is not None
            if at > until_ms * MS:
                break
            self.now = max(self.now, at)
            if timer:
                self.tell(e.TimerFired())
            else:
                _, _, what, args = heapq.heappop(self._agenda)
                what(*args)
        if not self.ended:
            self.now = max(self.now, round(until_ms * MS))

    def tell(self, event: e.Event) -> None:
        self.entries.append(Entry(self.now, event))
        sounding = self.voice if self.voice and self.voice.audible and not self.voice.paused else None
        orders = self.engine.handle(self.now, event)
        self.entries += [Entry(self.now, order) for order in orders]
        answers = [answer for order in orders if (answer := self._do(order))]
        if sounding and sounding.interruptible and isinstance(event, e.SpeechStarted):
            assert sounding.paused, "the agent yields at the onset"
        self._seen(self.now, event, orders, self)
        for answer in answers:
            self.tell(answer)

    # -- the caller and the agent's code

    def move(self, move: Move, which: int) -> None:
        if self.ended:
            return
        match move:
            case "voice":
                self.turn_voice(which)
            case "level" if self.caller.speaking:
                self.caller.quiet = not self.caller.quiet
                self.tell(e.SpeechPaused(max(0, self.now - 80 * MS)) if self.caller.quiet else e.SpeechResumed())
            case "words":
                self.understand(WORDS[which % len(WORDS)])
            case "other words" if self.caller.since_final:
                self.caller.since_final[-1] = WORDS[which % len(WORDS)]
                self.report(final=False)
            case "fewer words":
                del self.caller.since_final[-1 - which % 3 :]
                self.report(final=False)
            case "own final":
                self.report(final=True)
            case "score":
                self.tell(e.TurnScored(which / 12))
            case "say":
                self.tell(e.SayRequested("By the way."))
            case "say for good":
                self.tell(e.SayRequested(FOR_GOOD, interruptible=False))
            case "end" | "end without a word" | "end with words":
                self.tell(e.EndRequested("enough", {"end": None, "end with words": "Bye now."}.get(move, "")))
            case "leave":
                self.tell(e.CallerLeft("hung up"))
            case "line" if self.away:
                self.come_back()
            case "line":
                self.away = True
                self.tell(e.LineLost())
            case "load":
                self.tell(e.LoadShed(which % 5))

    def come_back(self) -> None:
        """Nobody is away for ever: a session ends the call then."""
        if self.away and not self.ended:
            self.away = False
            self.tell(e.LineBack())

    def turn_voice(self, lateness: int) -> None:
        caller = self.caller
        caller.speaking, caller.quiet = not caller.speaking, False
        if caller.speaking:
            caller.onset = max(0, self.now - lateness * 10 * MS)
            self.tell(e.SpeechStarted(caller.onset))
        else:
            self.tell(e.SpeechStopped(max(caller.onset, self.now - lateness * 10 * MS), lateness * 7 % 41 * MS))

    def understand(self, word: str) -> None:
        self.caller.since_final.append(word)
        self.report(final=False)

    def report(self, *, final: bool, finalized: bool = False) -> None:
        words = self.caller.since_final
        if final and words and next(self._misheard):
            words[-1] = "kayaks"
        text = " ".join(words)
        if final:
            words.clear()
        if not self.ended:
            self.tell(e.Transcribed(text, final, finalized))

    # -- the session

    def _do(self, order: c.Command) -> e.Event | None:
        match order:
            case c.Finalize():
                if (ms := next(self._finals)) is not None:
                    self.later(ms, lambda: self.report(final=True, finalized=True))
            case c.StartReply(reply):
                self._begin(reply, interruptible=True, answers=True)
            case c.StartSay(reply, text, kind):
                self._begin(reply, interruptible=self._may_be_interrupted(text, kind), answers=False)
            case c.CancelReply(reply):
                if self.voice and self.voice.id == reply:
                    assert not self.voice.open, "what sounds is stopped before it is given up"
                    self.voice = None
            case c.StartPlayout():
                assert self.voice
                self.voice.open = True
                self._sound(self.voice)
            case c.PausePlayout():
                self._pause()
            case c.ResumePlayout():
                assert self.voice
                self.voice.paused = False
                if self.voice.open:
                    self._sound(self.voice)
            case c.StopPlayout(reply):
                return self._stop(reply)
            case c.RunTool(reply, call):
                self.tools[call] = reply
                if (ms := next(self._tool_times)) is not None:
                    self.later(ms, self._tool_done, call, False)
            case c.CancelTool(call):
                self.later(1, self._tool_done, call, True)
            case c.EndCall():
                self.ended = True
        return None

    def _may_be_interrupted(self, text: str, kind: e.SayKind) -> bool:
        if kind == "greeting":
            return self.config.greeting_interruptible
        return kind != "goodbye" and text != FOR_GOOD

    def _begin(self, reply: ReplyId, *, interruptible: bool, answers: bool) -> None:
        ready_ms, fails_ms, sound_ms, tools = next(self._replies)
        voice = self.voice = Voice(reply, sound_ms, interruptible)
        for n in range(tools if answers else 0):
            self.later(10 + 5 * n, self._of, voice, e.ToolRequested(reply, ToolCallId(f"{reply}-{n}"), "look", "{}"))
        if ready_ms is not None:
            self.later(ready_ms, self._of, voice, e.ReplyReady(reply))
        if fails_ms is not None:
            self.later(fails_ms, self._fail, voice)

    def _of(self, voice: Voice, event: e.Event) -> None:
        if voice is self.voice and not voice.broken and not self.ended:
            self.tell(event)

    def _fail(self, voice: Voice) -> None:
        """The model or the voice breaks off; what there is of a reply's sound plays on."""
        if voice is self.voice and not voice.broken and not self.ended:
            voice.broken = True
            self.tell(e.ReplyFailed(voice.id, "lost"))

    def _sound(self, voice: Voice) -> None:
        began = voice.began_at = self.now
        if not voice.audible:
            self.later(20, self._audible, voice, began)
        self.later(voice.sound_ms - voice.played // MS + 21, self._finish, voice, began)

    def _audible(self, voice: Voice, began: int) -> None:
        # A first sample that is on its way when the reply is paused sounds all the same.
        if voice is self.voice and not voice.audible and (voice.began_at == began or voice.paused) and not self.ended:
            voice.audible = True
            self.tell(e.PlayoutStarted(voice.id))

    def _finish(self, voice: Voice, began: int) -> None:
        if voice is self.voice and voice.began_at == began and not self.ended:
            self.voice = None
            self._report_heard(voice.heard(self.now))
            self.tell(e.PlayoutFinished(voice.id, voice.heard(self.now)))

    def _pause(self) -> None:
        voice = self.voice
        assert voice
        voice.played, voice.began_at, voice.paused = voice.position(self.now), None, True

    def _stop(self, reply: ReplyId) -> e.Event:
        voice = self.voice
        if voice is None or voice.id != reply or not voice.open:
            return e.PlayoutStopped(reply, "")  # it was a filler that sounded
        self.voice = None
        heard = voice.heard(self.now)
        self._report_heard(heard)
        return e.PlayoutStopped(reply, heard, voice.unheard(self.now))

    def _report_heard(self, heard: str) -> None:
        if heard:
            self.heard.append(heard)

    def _tool_done(self, call: ToolCallId, failed: bool) -> None:
        if call in self.tools:
            self.tell(e.ToolFinished(self.tools.pop(call), call, "done", failed))

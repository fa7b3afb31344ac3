"""What the engine knows. Reducers read and change it; nobody else does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from hocket.ids import NO_REPLY, ReplyId, ToolCallId, TurnId
from hocket.turn.asked import OPEN, Asked
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.events import SayKind, ToolRequested
from hocket.turn.history import History
from hocket.turn.speculation import Speculation
from hocket.turn.spent import Words
from hocket.turn.timers import Timers

MS: Final = 1_000_000

MAX_SAYS: Final = 8
"""Sayings that wait for the floor; one more is dropped, oldest kept."""


class Sound(Enum):
    """How far a reply has come to the ear."""

    NONE = auto()
    OPEN = auto()
    """It has passed the gate."""
    HEARD = auto()
    """Its first audible sample has been played."""


class Phase(Enum):
    """Whose floor it is."""

    LISTENING = auto()
    """The caller's: no reply is committed."""
    ANSWERING = auto()
    """The agent's, and nothing of its reply has sounded."""
    SPEAKING = auto()
    """The agent's, and the caller has heard some of it."""
    ENDED = auto()


@dataclass(slots=True)
class Caller:
    """The caller's voice in the current utterance."""

    speaking: bool = False
    """The detector hears speech."""
    quiet: bool = False
    """The level has fallen though the detector has not decided."""
    onset: int = 0
    last_speech: int = 0
    stopped_at: int = 0
    """From when the silence counts: about when the detector flipped; 0 if it has heard nothing of this utterance."""
    spoken: int = 0
    """Nanoseconds of speech in this utterance, finished stretches only."""
    final_asked: bool = False
    """The recogniser has been asked for a final since the caller last made a sound."""
    words_at: int = 0
    """When the words of the transcript last changed."""
    acoustic: float | None = None
    """The turn detector's score of this pause."""
    ending_asked: bool = False
    """The turn detector has been asked about this pause."""
    cut_short: str = ""
    """The words that the agent took for a whole turn, if hardly any of its answer was heard before the caller went on:
    what comes now is the rest of them."""
    asked: Asked = OPEN
    """What the agent asked for last."""
    reprompted: int = 0
    """How often a silent caller has been asked in a row."""
    away: bool = False
    """The line is lost, and the caller may come back."""

    def forget(self) -> None:
        """The utterance is over: what comes next is another one."""
        self.spoken = 0
        self.stopped_at = 0
        self.cut_short = ""


@dataclass(slots=True)
class Reply:
    """The one reply that is being computed, waits at the gate, or plays."""

    id: ReplyId
    text: str
    """The caller's words it answers, or the words it says."""
    kind: SayKind | None = None
    """What kind of saying; None for an answer of the model."""
    turn: TurnId | None = None
    """The committed turn it answers."""
    committed: bool = False
    ready: bool = False
    sound: Sound = Sound.NONE
    paused: bool = False
    interruptible: bool = True
    broken: str = ""
    """Why no more audio will come."""
    ends_call: str = ""
    """The reason the call ends once this has been heard."""
    ran_tools: bool = False
    waiting_tools: list[ToolRequested] = field(default_factory=list)
    """Asked for while speculative: they run at the commit, or never."""
    fillers: int = 0

    @property
    def gate_open(self) -> bool:
        return self.sound is not Sound.NONE

    @property
    def audible(self) -> bool:
        return self.sound is Sound.HEARD


@dataclass(frozen=True, slots=True)
class Saying:
    """Words that wait for the floor."""

    text: str
    kind: SayKind
    interruptible: bool = True
    ends_call: str = ""


class Ending(Enum):
    """How far the call is from its end."""

    NOT_YET = auto()
    GOODBYE = auto()
    """The last words are on their way."""
    ENDED = auto()


@dataclass(slots=True)
class Ids:
    """The newest ids; they only grow."""

    reply: ReplyId = NO_REPLY
    turn: TurnId = TurnId(0)  # noqa: RUF009 (an int)

    def next_reply(self) -> ReplyId:
        self.reply = ReplyId(self.reply + 1)
        return self.reply

    def next_turn(self) -> TurnId:
        self.turn = TurnId(self.turn + 1)
        return self.turn


@dataclass(slots=True)
class State:
    """The whole of it."""

    config: TurnConfig
    caller: Caller = field(default_factory=Caller)
    transcript: Words = field(default_factory=Words)
    reply: Reply | None = None
    cut: Reply | None = None
    """The reply whose `PlayoutStopped` is still to come."""
    unheard: Saying | None = None
    """What a noise kept from being heard, if it was one: said after all."""
    says: deque[Saying] = field(default_factory=deque)
    tools: dict[ToolCallId, ToolRequested] = field(default_factory=dict)
    """Running tools. They outlive the reply that asked for them."""
    ending: Ending = Ending.NOT_YET
    speculation: Speculation = field(default_factory=Speculation)
    history: History = field(default_factory=History)
    timers: Timers = field(default_factory=Timers)
    ids: Ids = field(default_factory=Ids)
    out: list[Command] = field(default_factory=list)

    @property
    def phase(self) -> Phase:
        if self.ended:
            return Phase.ENDED
        reply = self.reply
        if reply is None or not reply.committed:
            return Phase.LISTENING
        return Phase.SPEAKING if reply.audible else Phase.ANSWERING

    def spend(self, turn: str = "") -> None:
        """All words, or those of an answered turn, are dealt with: what comes next is another utterance."""
        self.transcript.spend(turn)
        self.speculation.next_utterance()

    def emit(self, command: Command) -> None:
        self.out.append(command)

    def current(self, reply: ReplyId) -> Reply | None:
        """The fence: the reply if news of it still counts."""
        return self.reply if self.reply is not None and self.reply.id == reply else None

    @property
    def ended(self) -> bool:
        return self.ending is Ending.ENDED

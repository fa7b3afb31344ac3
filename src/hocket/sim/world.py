"""The turn engine alone, in a world of discrete events: no loop, no audio, a whole call in milliseconds.

The same callers, scripts and delays as on the virtual loop; what happens between the engine's commands and the ear is
modelled here in a few lines. For policy: thousands of calls a minute. For the session, use `hocket.sim.loop`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.sim.caller import Manners, SimCaller
from hocket.sim.delays import TOKEN_NS, Delays
from hocket.sim.heard import HeardTurn, Interval, heard_turns
from hocket.sim.recognition import INTERIM_MS, Recognition
from hocket.sim.script import Utterance
from hocket.sim.speaking import CHARACTER_MS, reply_text
from hocket.sim.timeline import Timeline
from hocket.sim.voice_edges import voice_edges
from hocket.trace.records import Entry
from hocket.turn import commands as c
from hocket.turn import events as e
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine

FADE_NS: Final = 5 * MS
"""From the order to be silent to the last audible sample."""

FILLER_WORDS_NS: Final = 800 * MS
"""A filler's sound; it is prepared, and begins at once."""

_NEVER: Final = 1 << 62
LONGEST_NS: Final = 4 * 3600 * 1000 * MS


class WorldRun(msgspec.Struct, frozen=True):
    """A call that is over."""

    turns: list[HeardTurn]
    """Everything the caller uttered, in order, with what it met."""
    model_calls: list[int]
    """Per turn that was not withdrawn: how often the model was asked."""
    outcomes: dict[str, int]
    """How committed turns ended -> how many."""
    ended_at: int
    entries: list[Entry]
    """Every event and command, in order."""

    def trace(self) -> bytes:
        """The entries as JSON lines."""
        return msgspec.json.Encoder().encode_lines(self.entries)


def simulate(
    seed: int,
    config: TurnConfig = TurnConfig(),  # noqa: B008 (immutable)
    *,
    turns: int = 20,
    manners: Manners = Manners(),  # noqa: B008 (immutable)
    script: Iterable[Utterance] | None = None,
    uniform: bool = False,
) -> WorldRun:
    """Hold one call. The same arguments give the same run, byte for byte."""
    rng = Random(seed)
    delays = Delays.uniform(rng) if uniform else Delays.reference(rng)
    return _World(SimCaller(rng, turns, manners, script), TurnEngine(config), delays, rng).run()


@dataclass(slots=True)
class _Voice:
    """One reply's sound."""

    reply: ReplyId
    text: str
    began_at: int | None = None
    """When the part that sounds now began; None while silent."""
    played_ns: int = 0
    """What sounded before that."""
    pauses: int = 0
    """Tells the end that was foreseen before a pause from the one that comes."""

    @property
    def length_ns(self) -> int:
        return len(self.text) * CHARACTER_MS * MS

    def position_ns(self, now: int) -> int:
        sounding = 0 if self.began_at is None else max(0, now - self.began_at)
        return min(self.length_ns, self.played_ns + sounding)


class _World:
    def __init__(self, caller: SimCaller, engine: TurnEngine, delays: Delays, rng: Random) -> None:
        self._caller = caller
        self._engine = engine
        self._delays = delays
        self._rng = Random(rng.getrandbits(64))
        self._timeline = Timeline()
        self._recognition = Recognition(self._timeline.words, Random(rng.getrandbits(64)))
        self._agenda = _Agenda()
        self._voices = _Voices(self)
        self._ledger = _Ledger()
        self._final_at = 0
        """Finals come in order: the latest that is on its way."""
        self._silent_from = 0
        """When the detector's lateness over the last stretch of speech ends."""

    def run(self) -> WorldRun:
        engine, agenda, caller = self._engine, self._agenda, self._caller
        self.tell(0, e.CallStarted())
        while not self._ledger.ended:
            deadline, wake = engine.deadline, caller.wake_ms * MS
            if deadline is not None and deadline <= agenda.next_at and deadline <= wake:
                agenda.now = max(agenda.now, deadline)
                self.tell(agenda.now, e.TimerFired())
            elif wake < agenda.next_at:
                agenda.now = max(agenda.now, wake)
                self._wake(agenda.now)
            else:
                agenda.step()
            assert agenda.now < LONGEST_NS, "the call does not end"
        ledger = self._ledger
        turns = heard_turns(self._timeline.said, self._voices.intervals, 0)
        return WorldRun(turns, ledger.model_calls, ledger.outcomes, agenda.now, ledger.entries)

    def tell(self, now: int, event: e.Event) -> None:
        """One fact for the engine, and its orders carried out."""
        if self._ledger.ended:
            return
        entries = self._ledger.entries
        entries.append(Entry(now, event))
        for command in self._engine.handle(now, event):
            entries.append(Entry(now, command))
            self._do(now, command)

    def at(self, when: int, callback: Callable[..., None], *args: Any) -> None:
        """Call `callback(when, *args)` then."""
        self._agenda.add(when, callback, args)

    def agent_began(self, now: int) -> None:
        self._caller.agent_began(now // MS)

    def _wake(self, now: int) -> None:
        utterance = self._caller.speaks(now // MS, self._voices.audible_until // MS)
        if utterance is not None:
            self._say(now, utterance)
        elif self._caller.hung_up:
            self.tell(now, e.CallerLeft("The caller hung up."))
            self._ledger.ended = True

    def _say(self, now: int, utterance: Utterance) -> None:
        said = self._timeline.say(now // MS, utterance)
        edges, self._silent_from = voice_edges(said, self._delays, self._rng, self._silent_from)
        for when, event in edges:
            self.at(when, self.tell, event)
        for word in utterance.words:
            if word.text:
                self.at((said.at_ms + word.end_ms + INTERIM_MS) * MS, self._interim)

    def _interim(self, now: int) -> None:
        text = self._recognition.interim(now // MS)
        if text is not None:
            self._transcribe(now, e.Transcribed(text, final=False))

    def _transcribe(self, when: int, event: e.Transcribed) -> None:
        self._final_at = max(self._final_at, when)
        self.at(self._final_at, self.tell, event)

    def _do(self, now: int, command: c.Command) -> None:
        match command:
            case c.Finalize():
                final = self._recognition.final(now // MS)
                self._transcribe(now + self._delays.stt_finalize(), e.Transcribed(final, final=True, finalized=True))
            case c.StartReply(reply, text):
                self._ledger.calls += 1
                computing = self._delays.llm_first_token() + TOKEN_NS + self._delays.tts_first_byte()
                self._voices.start(now + computing, reply, reply_text(Random(f"{text}")))
            case c.StartSay(reply, text):
                self._voices.start(now + self._delays.tts_first_byte(), reply, text)
            case c.CancelReply(reply):
                self._voices.cancel(reply)
            case c.StartPlayout(reply):
                self._voices.play(now, reply)
            case c.PlayFiller():
                self._voices.fill(now)
            case c.PausePlayout():
                self._voices.pause(now)
            case c.ResumePlayout():
                self._voices.resume(now)
            case c.StopPlayout(reply):
                self._voices.stop(now, reply)
            case c.CloseTurn():
                self._ledger.close(command.outcome)
            case c.RunTool() | c.CancelTool():
                raise AssertionError("the world's model asks for no tools")
            case c.EndCall():
                self._ledger.ended = True
            case c.ScoreTurn() | c.HearEnding() | c.StartRetrieval() | c.CommitTurn() | c.AmendTurn():
                pass  # no detector, no knowledge; the rest is history's


class _Agenda:
    """What happens next, in order of time and then of entry."""

    __slots__ = ("_items", "_sequence", "next_at", "now")

    def __init__(self) -> None:
        self._items: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self.now = 0
        self.next_at = _NEVER

    def add(self, when: int, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        assert when >= self.now, "the past is over"
        self._sequence += 1
        heapq.heappush(self._items, (when, self._sequence, callback, args))
        self.next_at = self._items[0][0]

    def step(self) -> None:
        assert self._items, "nobody waits for anything, and the call has not ended"
        self.now, _, callback, args = heapq.heappop(self._items)
        self.next_at = self._items[0][0] if self._items else _NEVER
        callback(self.now, *args)


class _Voices:
    """The agent's sound: replies that become ready, play, pause and end; and when any of it is audible."""

    __slots__ = ("_filled_until", "_playing", "_replies", "_world", "intervals")

    def __init__(self, world: _World) -> None:
        self._world = world
        self._replies: dict[ReplyId, _Voice] = {}
        """Computing, or waiting at the gate."""
        self._playing: _Voice | None = None
        self._filled_until = 0
        self.intervals: list[Interval] = []

    @property
    def audible_until(self) -> int:
        """When the agent falls, or last fell, silent as far as is known now."""
        return self.intervals[-1].ended_at if self.intervals else 0

    def start(self, ready_at: int, reply: ReplyId, text: str) -> None:
        self._replies[reply] = _Voice(reply, text)
        self._world.at(ready_at, self._ready, reply)

    def cancel(self, reply: ReplyId) -> None:
        self._replies.pop(reply, None)

    def play(self, now: int, reply: ReplyId) -> None:
        self._playing = self._replies.pop(reply)
        self._sound(now, first=True)

    def fill(self, now: int) -> None:
        """A filler sounds at once; the reply waits for its end."""
        self._filled_until = now + FILLER_WORDS_NS
        self._audible(now, self._filled_until)

    def pause(self, now: int) -> None:
        self._hush(now)
        voice = self._playing
        if voice is not None and voice.began_at is not None:
            voice.played_ns = voice.position_ns(now)
            voice.began_at = None
            voice.pauses += 1

    def resume(self, now: int) -> None:
        if self._playing is not None:
            self._sound(now, first=False)

    def stop(self, now: int, reply: ReplyId) -> None:
        self.pause(now)
        voice, self._playing = self._playing, None
        heard = unheard = ""
        if voice is not None and voice.reply == reply:
            heard, unheard = _split(voice.text, voice.played_ns)
        self._world.at(now + FADE_NS, self._world.tell, e.PlayoutStopped(reply, heard, unheard))

    def _ready(self, now: int, reply: ReplyId) -> None:
        if reply in self._replies:
            self._world.tell(now, e.ReplyReady(reply))

    def _sound(self, now: int, *, first: bool) -> None:
        voice = self._playing
        assert voice is not None
        voice.began_at = max(now, self._filled_until)
        ends_at = voice.began_at + voice.length_ns - voice.played_ns
        self._audible(voice.began_at, ends_at)
        if first or not voice.played_ns:
            self._world.at(voice.began_at, self._started, voice, voice.pauses)
        self._world.at(ends_at, self._finished, voice, voice.pauses)

    def _started(self, now: int, voice: _Voice, pauses: int) -> None:
        if voice is self._playing and voice.pauses == pauses:
            self._world.tell(now, e.PlayoutStarted(voice.reply))

    def _finished(self, now: int, voice: _Voice, pauses: int) -> None:
        if voice is self._playing and voice.pauses == pauses:
            self._playing = None
            self._world.tell(now, e.PlayoutFinished(voice.reply, voice.text))

    def _audible(self, began_at: int, ended_at: int) -> None:
        self.intervals.append(Interval(began_at, ended_at))
        self._world.at(began_at, self._noticed)

    def _noticed(self, now: int) -> None:
        """The caller hears the agent begin, unless it fell silent before."""
        if any(sound.began_at == now for sound in self.intervals[-2:]):
            self._world.agent_began(now)

    def _hush(self, now: int) -> None:
        """Nothing is audible after a fade."""
        self._filled_until = min(self._filled_until, now)
        while self.intervals and self.intervals[-1].began_at >= now:
            self.intervals.pop()
        if self.intervals and self.intervals[-1].ended_at > now + FADE_NS:
            self.intervals[-1] = Interval(self.intervals[-1].began_at, now + FADE_NS)


class _Ledger:
    """What is counted, and written down."""

    __slots__ = ("calls", "ended", "entries", "model_calls", "outcomes")

    def __init__(self) -> None:
        self.calls = 0
        """Of the model, since the last turn that was not withdrawn."""
        self.model_calls: list[int] = []
        self.outcomes: dict[str, int] = {}
        self.entries: list[Entry] = []
        self.ended = False

    def close(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome != "withdrawn":
            self.model_calls.append(self.calls)
            self.calls = 0


def _split(text: str, played_ns: int) -> tuple[str, str]:
    """The words that have sounded to their end, and the rest."""
    at = min(len(text), played_ns // (CHARACTER_MS * MS))
    if at < len(text) and text[at] != " ":
        at = text.rfind(" ", 0, at) + 1
    return text[:at].strip(), text[at:].strip()

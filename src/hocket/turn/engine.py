"""The turn engine: events in, commands out, one deadline with its reason.

It owns every decision that two sources can race for. `handle` is synchronous and runs to completion; a reducer a phase
(`listening`, `answering`, `barge_in`) and the policies beside them do the work, this module only dispatches. Feeding
the events of a finished log through a fresh engine gives the same commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hocket.ids import ToolCallId
from hocket.turn import absence, answering, barge_in, invariants, listening, replying, silence, tools
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.events import (
    CallerLeft,
    CallStarted,
    EndRequested,
    Event,
    LineBack,
    LineLost,
    LoadShed,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    ReplyFailed,
    ReplyReady,
    SayRequested,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    ToolFinished,
    ToolRequested,
    Transcribed,
    TurnScored,
)
from hocket.turn.history import History
from hocket.turn.state import MAX_SAYS, MS, Phase, Saying, State
from hocket.turn.timers import Reason

SOONEST_FLIP: Final = 80 * MS
"""After the last speech: detectors mostly take 100 ms. One that comes down with the voice itself, in a word, would have
the agent begin in a gap that a consonant makes."""


class TurnEngine:
    """Turn-taking for one call."""

    __slots__ = ("_handlers", "_state")

    def __init__(self, config: TurnConfig = TurnConfig()) -> None:  # noqa: B008 (immutable)
        self._state = State(config)

    @property
    def history(self) -> History:
        """The conversation as heard."""
        return self._state.history

    @property
    def phase(self) -> Phase:
        """Whose floor it is."""
        return self._state.phase

    @property
    def deadline(self) -> int | None:
        """When `TimerFired` is due, in `now` time; None while nothing is waited for."""
        due = self._state.timers.next
        return None if due is None else due[0]

    @property
    def reason(self) -> Reason | None:
        """What the deadline is for."""
        due = self._state.timers.next
        return None if due is None else due[1]

    def handle(self, now: int, event: Event) -> list[Command]:
        """Take one fact at `now` (monotonic nanoseconds, never going back) and return the orders it causes."""
        s = self._state
        if s.ended:
            if isinstance(event, (PlayoutStopped, ToolFinished)):
                _HANDLERS[type(event)](s, now, event)
        else:
            _HANDLERS[type(event)](s, now, event)
            if s.says:
                replying.next_saying(s, now)
        invariants.check(s)
        out, s.out = s.out, []
        return out


def _call_started(s: State, now: int, event: CallStarted) -> None:
    silence.call_started(s, now)


def _speech_started(s: State, now: int, event: SpeechStarted) -> None:
    if s.caller.speaking:
        return
    caller = s.caller
    caller.speaking = True
    caller.quiet = False
    caller.onset = event.onset
    caller.acoustic = None
    caller.ending_asked = False
    caller.final_asked = False
    s.timers.stop(Reason.NO_INPUT)
    _REDUCERS[s.phase].speech_started(s, now)


def _speech_paused(s: State, now: int, event: SpeechPaused) -> None:
    if not s.caller.speaking:
        return
    s.caller.quiet = True
    s.caller.last_speech = event.last_speech
    if s.phase is Phase.LISTENING:
        listening.speech_paused(s, now)


def _speech_resumed(s: State, now: int, event: SpeechResumed) -> None:
    if not s.caller.speaking:
        return
    s.caller.quiet = False
    s.caller.final_asked = False
    _REDUCERS[s.phase].speech_resumed(s, now)


def _speech_stopped(s: State, now: int, event: SpeechStopped) -> None:
    caller = s.caller
    if not caller.speaking:
        return
    caller.speaking = False
    caller.quiet = True
    caller.last_speech = event.last_speech
    caller.stopped_at = max(now - event.since, event.last_speech + SOONEST_FLIP)
    caller.spoken += max(0, event.last_speech - caller.onset)
    s.timers.stop(Reason.STUCK)
    _REDUCERS[s.phase].speech_stopped(s, now)


def _transcribed(s: State, now: int, event: Transcribed) -> None:
    before = s.transcript.text
    if settled := s.transcript.hear(event.text, event.final):
        replying.amend_heard(s, settled)
    changed = s.transcript.text != before
    if changed:
        s.caller.words_at = now
    if changed or event.finalized:
        _REDUCERS[s.phase].transcribed(s, now, event)


def _turn_scored(s: State, now: int, event: TurnScored) -> None:
    if s.phase is Phase.LISTENING and not s.caller.speaking:
        s.caller.acoustic = event.probability
        listening.turn_scored(s, now)


def _reply_ready(s: State, now: int, event: ReplyReady) -> None:
    if reply := s.current(event.reply):
        replying.ready(s, reply)


def _reply_failed(s: State, now: int, event: ReplyFailed) -> None:
    if reply := s.current(event.reply):
        replying.failed(s, reply, event.reason)
        if reply.committed and s.reply is None:
            listening.floor_returned(s, now)


def _playout_started(s: State, now: int, event: PlayoutStarted) -> None:
    if reply := s.current(event.reply):
        replying.audible(s, reply)


def _playout_finished(s: State, now: int, event: PlayoutFinished) -> None:
    if reply := s.current(event.reply):
        replying.finished(s, reply, event.heard)
        listening.floor_returned(s, now)


def _playout_stopped(s: State, now: int, event: PlayoutStopped) -> None:
    if s.cut and s.cut.id == event.reply:
        replying.stopped(s, s.cut, event.heard, event.unheard)


def _tool_requested(s: State, now: int, event: ToolRequested) -> None:
    if reply := s.current(event.reply):
        tools.requested(s, reply, event, now)


def _tool_finished(s: State, now: int, event: ToolFinished) -> None:
    tools.finished(s, event, now)


def _say_requested(s: State, now: int, event: SayRequested) -> None:
    if len(s.says) < MAX_SAYS:
        replying.say(s, Saying(event.text, "say", event.interruptible))


def _end_requested(s: State, now: int, event: EndRequested) -> None:
    silence.close(s, event.reason, event.goodbye)


def _line_lost(s: State, now: int, event: LineLost) -> None:
    absence.lost(s)


def _line_back(s: State, now: int, event: LineBack) -> None:
    absence.back(s, now)


def _caller_left(s: State, now: int, event: CallerLeft) -> None:
    replying.end(s, event.reason)


def _load_shed(s: State, now: int, event: LoadShed) -> None:
    s.speculation.shed = event.level


def _timer_fired(s: State, now: int, event: TimerFired) -> None:
    while expired := s.timers.pop_first(now):
        reason, key = expired
        match reason:
            case Reason.CANDIDATE:
                listening.candidate(s, now)
            case Reason.COMMIT:
                listening.commit(s, now)
            case Reason.STUCK:
                listening.stuck(s, now)
            case Reason.SPECULATE:
                listening.speculate_due(s)
            case Reason.FINALIZE:
                listening.nothing_said(s, now)
            case Reason.DECIDE:
                (barge_in if s.phase is Phase.SPEAKING else answering).decide(s, now)
            case Reason.TOOL:
                tools.overdue(s, ToolCallId(key))
            case Reason.OWED:
                silence.owed(s, now)
            case Reason.REPLY:
                assert s.reply
                replying.give_up(s, s.reply, "no audio in time")
                listening.floor_returned(s, now)
            case Reason.NO_INPUT:
                silence.no_input(s, now)
            case Reason.MAX_DURATION:
                silence.too_long(s, now)


_REDUCERS: Final[dict[Phase, Any]] = {
    Phase.LISTENING: listening,
    Phase.ANSWERING: answering,
    Phase.SPEAKING: barge_in,
}

_HANDLERS: Final[dict[type, Callable[[State, int, Any], None]]] = {
    CallStarted: _call_started,
    SpeechStarted: _speech_started,
    SpeechPaused: _speech_paused,
    SpeechResumed: _speech_resumed,
    SpeechStopped: _speech_stopped,
    Transcribed: _transcribed,
    TurnScored: _turn_scored,
    ReplyReady: _reply_ready,
    ReplyFailed: _reply_failed,
    PlayoutStarted: _playout_started,
    PlayoutFinished: _playout_finished,
    PlayoutStopped: _playout_stopped,
    ToolRequested: _tool_requested,
    ToolFinished: _tool_finished,
    SayRequested: _say_requested,
    EndRequested: _end_requested,
    LineLost: _line_lost,
    LineBack: _line_back,
    CallerLeft: _caller_left,
    LoadShed: _load_shed,
    TimerFired: _timer_fired,
}

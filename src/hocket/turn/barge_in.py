"""The reducer while the caller hears the agent: yield at the onset, then stop or resume.

The agent falls silent as soon as the detector hears the caller, and decides within `decide_ms`: words that are no
backchannel, or speech that goes on, stop it; a cough, an "mm-hmm" or a door let it go on from the very sample.
"""

from __future__ import annotations

from hocket.turn import listening, replying
from hocket.turn.asked import OPEN
from hocket.turn.backchannel import is_backchannel, is_word
from hocket.turn.commands import AmendTurn, Finalize, PausePlayout, ResumePlayout
from hocket.turn.events import SpeechStarted, SpeechStopped, Transcribed
from hocket.turn.meaning import same_meaning
from hocket.turn.state import MS, State
from hocket.turn.timers import Reason


def speech_started(s: State, now: int, event: SpeechStarted) -> None:
    reply = s.reply
    assert reply
    if not s.caller.interrupting:
        s.caller.interrupting = True
        s.transcript.clear()
    if reply.interruptible and not reply.paused:
        reply.paused = True
        s.emit(PausePlayout(reply.id))
        s.timers.set(Reason.DECIDE, now + s.config.decide_ms * MS)


def speech_stopped(s: State, now: int, event: SpeechStopped) -> None:
    """Ask for the words at once: they decide."""
    if s.caller.interrupting:
        s.emit(Finalize())


def transcribed(s: State, now: int, event: Transcribed) -> None:
    reply = s.reply
    assert reply
    text = s.transcript.text
    if s.caller.interrupting:
        if reply.interruptible and _takes_floor(s, now):
            _stop(s, now)
    elif event.final and text:
        # The late final of the turn that is being answered: too late to answer it, not to remember it.
        if reply.turn is not None and not same_meaning(reply.text, text):
            s.history.amend_user(text)
            s.emit(AmendTurn(reply.turn, text))
        s.transcript.clear()


def decide(s: State, now: int) -> None:
    """The deadline of the decision."""
    reply = s.reply
    assert reply and reply.paused
    text = s.transcript.text
    goes_on = s.caller.speaking and not s.caller.quiet and not is_backchannel(text)
    if goes_on or _takes_floor(s, now):
        _stop(s, now)
        return
    reply.paused = False
    s.emit(ResumePlayout(reply.id))


def heard_out(s: State, now: int) -> None:
    """The reply ended by itself: what the caller said under it is the start of their turn, or nothing."""
    if s.caller.speaking:
        return
    # "Yes" under the end of a question answers it; under a statement it was only agreement.
    answers = is_word(s.transcript.text) or s.caller.asked.kind != OPEN.kind
    if s.caller.interrupting and answers and listening.takes_turn(s):
        listening.candidate(s, now)
    else:
        listening.nothing_said(s, now)


def _takes_floor(s: State, now: int) -> bool:
    """Words do, if they were more than a click of the recogniser."""
    if not is_word(s.transcript.text):
        return False
    spoken = s.caller.spoken + (now - s.caller.onset if s.caller.speaking else 0)
    return spoken > 0


def _stop(s: State, now: int) -> None:
    replying.interrupt(s)
    if not s.caller.speaking:
        listening.candidate(s, now)

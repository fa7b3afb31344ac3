"""The reducer while a reply is committed and nothing of it has sounded.

Speech that comes now may mean that the turn was not over. The gate is held at once; words, or speech that lasts,
withdraw the reply unheard.
"""

from __future__ import annotations

from hocket.turn import listening, replying
from hocket.turn.backchannel import is_word
from hocket.turn.commands import PausePlayout, ResumePlayout
from hocket.turn.events import Transcribed
from hocket.turn.meaning import same_meaning
from hocket.turn.state import MS, State
from hocket.turn.timers import Reason


def speech_started(s: State, now: int) -> None:
    reply = s.reply
    assert reply
    if reply.interruptible and not reply.paused:
        reply.paused = True
        if reply.gate_open or reply.fillers:
            s.emit(PausePlayout(reply.id))
        s.timers.set(Reason.DECIDE, now + s.config.endpointing.min_speech_ms * MS)


def speech_resumed(s: State, now: int) -> None:
    speech_started(s, now)  # it may have been taken for a noise in between


def speech_stopped(s: State, now: int) -> None:
    """Ask for the words at once: they decide."""
    listening.ask_final(s)


def transcribed(s: State, now: int, event: Transcribed) -> None:
    reply = s.reply
    assert reply
    text = s.transcript.text
    if reply.turn is None:
        if reply.interruptible and is_word(text):
            _give_way(s, now)
    elif text and not same_meaning(reply.text, text):
        if s.caller.speaking or reply.paused:
            _give_way(s, now)
        elif event.final:
            replying.look_up(s, s.transcript.stable)
            replying.amend(s, now)


def decide(s: State, now: int) -> None:
    reply = s.reply
    assert reply and reply.paused
    spoken = s.caller.speaking and not s.caller.quiet
    if spoken or (reply.turn is None and is_word(s.transcript.text)):
        _give_way(s, now)
        return
    reply.paused = False
    if reply.gate_open or reply.fillers:
        s.emit(ResumePlayout(reply.id))
    replying.open_gate(s, reply)


def _give_way(s: State, now: int) -> None:
    replying.withdraw(s)
    if s.caller.speaking:
        listening.speech_started(s, now)
    else:
        listening.candidate(s, now)

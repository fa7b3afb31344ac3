"""The reducer while the caller hears the agent: yield at the onset, then stop or resume.

The agent falls silent as soon as the detector hears the caller. Words that are no backchannel stop it. A sound that is
over within `decide_ms`, a cough, an "mm-hmm" or a door, lets it go on from the very sample. Speech that goes on by then
keeps it silent, and stops it when its first words say so: recognisers show a word only when it has been said, and
whoever is stopped for an "mm-hmm" has to begin its sentence anew.
"""

from __future__ import annotations

from typing import Final

from hocket.turn import listening, replying
from hocket.turn.backchannel import is_backchannel, is_word
from hocket.turn.commands import PausePlayout, ResumePlayout
from hocket.turn.events import Transcribed
from hocket.turn.state import MS, Reply, State
from hocket.turn.timers import Reason

UNDETECTED_WORDS: Final = 3
"""So many stable words take the floor though the detector heard no voice: music hides it. One or two may be a click."""


WORDS_MS: Final = 900
"""From the onset of speech until some of its words are known, if it has any that can be recognised; and from its end
until all are. A word that comes later belongs to no voice."""


def speech_started(s: State, now: int) -> None:
    reply = s.reply
    assert reply
    if reply.interruptible:
        s.spend()  # words that did not take the floor do not add up to some that do
    _yield(s, reply, now)


def speech_resumed(s: State, now: int) -> None:
    reply = s.reply
    assert reply
    _yield(s, reply, now)  # it may have been taken for a noise in between


def speech_stopped(s: State, now: int) -> None:
    """Ask for the words at once: they decide."""
    listening.ask_final(s)


def transcribed(s: State, now: int, event: Transcribed) -> None:
    reply = s.reply
    assert reply
    if reply.interruptible and _takes_floor(s, now):
        _stop(s, now)


def decide(s: State, now: int) -> None:
    """The deadline of the decision."""
    reply = s.reply
    assert reply and reply.paused
    text, words_due = s.transcript.text, s.caller.onset + WORDS_MS * MS
    goes_on = s.caller.speaking and not s.caller.quiet and not is_backchannel(text)
    if goes_on and not text and now < words_due:
        s.timers.set(Reason.DECIDE, words_due)
    elif goes_on or _takes_floor(s, now):
        _stop(s, now)
    else:  # not before the deadline: a soft first sound and the word behind it may be two for the detector
        reply.paused = False
        s.emit(ResumePlayout(reply.id))


def _yield(s: State, reply: Reply, now: int) -> None:
    if reply.interruptible and not reply.paused:
        reply.paused = True
        s.emit(PausePlayout(reply.id))
        s.timers.set(Reason.DECIDE, now + s.config.decide_ms * MS)


def _takes_floor(s: State, now: int) -> bool:
    """Words do, if they were more than a click of the recogniser."""
    if not is_word(s.transcript.text):
        return False
    recent = s.caller.spoken > 0 and now - s.caller.last_speech <= WORDS_MS * MS
    voiced = s.caller.speaking or recent
    return voiced or len(s.transcript.stable.split()) >= UNDETECTED_WORDS


def _stop(s: State, now: int) -> None:
    replying.interrupt(s)
    listening.floor_returned(s, now)

"""The life of the one reply: speculative -> committed -> playing -> heard, cut or given up."""

from __future__ import annotations

from collections import deque
from typing import Final

from hocket.turn import tools
from hocket.turn.asked import asked_by
from hocket.turn.commands import (
    AmendTurn,
    CancelReply,
    CloseTurn,
    CommitTurn,
    EndCall,
    StartPlayout,
    StartReply,
    StartRetrieval,
    StartSay,
    StopPlayout,
)
from hocket.turn.meaning import same_meaning
from hocket.turn.shedding import Shed
from hocket.turn.state import MS, Ending, Reply, Saying, Sound, State
from hocket.turn.timers import Reason

_KEPT: Final = ("say", "goodbye")
"""Sayings that wait on though the caller has had a turn; an apology or a reprompt has lost its reason by then."""

_OWED_LEAST: Final = 300 * MS
"""A turn that took long to commit has its reply nearly ready: a filler now would only be in its way."""

_HARDLY_ANY: Final = 2
"""Words of an answer that the caller has heard when they only went on with their sentence."""


def speculate(s: State) -> None:
    """Start a reply to the words so far; it may compute, and nothing else."""
    assert s.reply is None, "one reply at a time"
    assert s.transcript.text, "a reply answers words"
    s.reply = Reply(s.ids.next_reply(), s.transcript.text)
    s.speculation.calls += 1
    _begin(s, s.reply, speculative=True)


def look_up(s: State, words: str) -> None:
    """Knowledge for these words, once."""
    if s.config.retrieve and words and words != s.speculation.looked_up:
        s.speculation.looked_up = words
        s.emit(StartRetrieval(words))


def _begin(s: State, reply: Reply, *, speculative: bool) -> None:
    look_up(s, reply.text)  # an index in this process has answered before the model is asked
    voiced = not speculative or s.speculation.shed < Shed.SPECULATIVE_TTS
    s.emit(StartReply(reply.id, reply.text, speculative, voiced))


def commit(s: State, now: int) -> None:
    """The words so far are the caller's turn; the reply to them may be heard as soon as it can be."""
    text = s.transcript.text
    assert text, "a committed turn has words"
    reply = s.reply
    if reply and not same_meaning(reply.text, text):
        drop(s, "the words changed")
        reply = None
    if reply:
        s.speculation.outcomes.append(True)
    fresh = reply is None
    reply = reply or Reply(s.ids.next_reply(), text)
    reply.turn = s.ids.next_turn()
    s.reply = reply
    s.caller.reprompted = 0
    s.unheard = None
    s.says = deque(saying for saying in s.says if saying.kind in _KEPT)
    s.transcript.seal()
    s.history.user(text)
    s.emit(CommitTurn(reply.turn, text, reply.id))
    if fresh:
        _begin(s, reply, speculative=False)
    _take_floor(s, reply, now)
    tools.run_waiting(s, reply, now)


def amend(s: State, now: int) -> None:
    """The committed words turned out to be others, and nothing has sounded: answer the right ones."""
    reply = s.reply
    assert reply and reply.turn is not None and not reply.audible
    text = s.transcript.text
    s.history.amend_user(text)
    s.emit(AmendTurn(reply.turn, text))
    if reply.ran_tools:
        reply.text = text
        return  # what has been done cannot be undone; the model sees the right words next time
    _silence(s, reply, "the final differs")
    s.reply = Reply(s.ids.next_reply(), text, turn=reply.turn)
    _begin(s, s.reply, speculative=False)
    _take_floor(s, s.reply, now)


def amend_heard(s: State, text: str) -> None:
    """The late final of a turn whose answer has sounded: too late to answer it, not to remember it."""
    if s.history.amend_user(text):
        s.emit(AmendTurn(s.ids.turn, text))


def withdraw(s: State) -> None:
    """The caller went on before anything was heard: the turn was not over."""
    reply = s.reply
    assert reply and reply.committed and not reply.audible
    _silence(s, reply, "the caller went on")
    if reply.turn is None:
        s.unheard = _rest(reply, reply.text)
    elif reply.ran_tools:
        s.emit(CloseTurn(reply.turn, "interrupted"))
        s.spend(reply.text)
    else:
        s.history.withdraw_user()
        s.emit(CloseTurn(reply.turn, "withdrawn"))
        s.caller.spoken += s.config.endpointing.min_speech_ms * MS  # what was a turn is more than a cough
    _leave_floor(s)


def interrupt(s: State) -> None:
    """The caller took the floor: what was heard stays, the rest is dropped."""
    reply = s.reply
    assert reply and reply.audible
    _silence(s, reply, "barge-in")
    if reply.turn is not None:
        s.emit(CloseTurn(reply.turn, "interrupted"))
    _leave_floor(s)


def drop(s: State, reason: str) -> None:
    """A speculation that nobody will hear."""
    reply = s.reply
    assert reply and not reply.committed and not reply.gate_open, "only a speculation is dropped"
    s.emit(CancelReply(reply.id, reason))
    s.reply = None


def ready(s: State, reply: Reply) -> None:
    reply.ready = True
    s.timers.stop(Reason.REPLY)
    open_gate(s, reply)


def open_gate(s: State, reply: Reply) -> None:
    """The gate: only a committed reply that nobody is talking over is heard."""
    if reply.committed and reply.ready and not reply.gate_open and not reply.paused:
        reply.sound = Sound.OPEN
        s.emit(StartPlayout(reply.id))


def audible(s: State, reply: Reply) -> None:
    assert reply.committed and reply.gate_open, "no sound before the commit"
    if reply.audible:
        return
    reply.sound = Sound.HEARD
    s.timers.stop(Reason.OWED)
    if reply.turn is not None:
        s.spend(reply.text)


def failed(s: State, reply: Reply, reason: str) -> None:
    """No (more) audio will come."""
    if not reply.committed:
        s.reply = None
        s.emit(CancelReply(reply.id, reason))
    elif reply.gate_open:
        reply.broken = reason  # what there is plays to its end first
    else:
        give_up(s, reply, reason)


def give_up(s: State, reply: Reply, reason: str) -> None:
    """A committed reply will not be heard (any further): say so, unless the saying itself is what failed."""
    if not reply.broken:
        _silence(s, reply, reason)
    if reply.turn is not None:
        s.emit(CloseTurn(reply.turn, "failed"))
        s.spend(reply.text)
    _leave_floor(s)
    if reply.ends_call:
        _end_after_goodbye(s, reply)
    elif reply.kind is None:
        say(s, Saying(s.config.apology, "apology"))


def finished(s: State, reply: Reply, heard: str) -> None:
    """All of it has been played."""
    assert reply.gate_open, "only what plays can finish"
    s.history.heard(heard, interrupted=False)
    s.caller.asked = asked_by(heard)
    if reply.broken:
        give_up(s, reply, reply.broken)
        return
    if reply.turn is not None:
        s.emit(CloseTurn(reply.turn, "answered"))
    _leave_floor(s)
    if reply.ends_call:
        end(s, reply.ends_call)


def stopped(s: State, reply: Reply, heard: str, unheard: str) -> None:
    """A `StopPlayout` has been carried out."""
    s.cut = None
    if reply.turn is not None and reply.audible and len(heard.split()) <= _HARDLY_ANY:
        s.caller.cut_short = reply.text
    if heard:
        s.history.heard(heard, interrupted=True)
        s.caller.asked = asked_by(heard)
    if reply.audible or reply.turn is None:  # an answer that nobody has heard any of was withdrawn with its turn
        s.unheard = _rest(reply, unheard)


def say(s: State, saying: Saying) -> None:
    """To be said as soon as the floor is free, which may be now."""
    if saying.text:
        s.says.append(saying)


def next_saying(s: State, now: int) -> None:
    """Give the floor to what waits for it."""
    if not s.says or s.ended or not _floor_is_free(s):
        return
    saying = s.says.popleft()
    if s.reply:
        drop(s, "something else has to be said")
    reply = Reply(
        s.ids.next_reply(),
        saying.text,
        kind=saying.kind,
        interruptible=saying.interruptible,
        ends_call=saying.ends_call,
    )
    s.reply = reply
    s.emit(StartSay(reply.id, saying.text, saying.kind))
    _take_floor(s, reply, now)


def _floor_is_free(s: State) -> bool:
    """Nobody speaks, and no words of the caller wait to be answered."""
    if s.caller.speaking or (s.reply and s.reply.committed):
        return False
    return not (s.timers.has(Reason.CANDIDATE) or s.timers.has(Reason.COMMIT) or s.timers.has(Reason.FINALIZE))


def go_on(s: State) -> None:
    """What a noise cut off is said after all."""
    if s.unheard:
        s.says.appendleft(s.unheard)
        s.unheard = None


def _rest(reply: Reply, text: str) -> Saying | None:
    return Saying(text, "continuation", ends_call=reply.ends_call) if text else None


def end(s: State, reason: str) -> None:
    """Hang up, and account for whatever is open."""
    if s.ended:
        return
    reply = s.reply
    if reply:
        if reply.committed:
            _silence(s, reply, "the call ends")
            if reply.turn is not None:
                s.emit(CloseTurn(reply.turn, "ended"))
        else:
            drop(s, "the call ends")
        s.reply = None
    tools.cancel_all(s, "the call ends")
    s.timers.clear()
    s.says.clear()
    s.ending = Ending.ENDED
    s.emit(EndCall(reason))


def _take_floor(s: State, reply: Reply, now: int) -> None:
    reply.committed = True
    reply.paused = s.caller.away
    s.caller.forget()
    s.timers.stop(Reason.NO_INPUT, Reason.CANDIDATE, Reason.COMMIT, Reason.SPECULATE, Reason.FINALIZE, Reason.STUCK)
    if not reply.ready:
        s.timers.set(Reason.REPLY, now + s.config.reply_ms * MS)
    owe(s, reply, now)
    open_gate(s, reply)


def owe(s: State, reply: Reply, now: int) -> None:
    """The caller waits for an answer: if none is heard in time, they are owed a sound."""
    if reply.kind is None and (s.config.fillers or s.config.tool_fillers):
        s.timers.set(Reason.OWED, max(now + _OWED_LEAST, s.caller.last_speech + s.config.owed_ms * MS))


def _leave_floor(s: State) -> None:
    s.reply = None
    s.timers.stop(Reason.REPLY, Reason.OWED, Reason.DECIDE)


def _silence(s: State, reply: Reply, reason: str) -> None:
    """Stop the sound and the computing; neither is waited for."""
    if reply.gate_open or reply.fillers:
        s.cut = reply
        s.emit(StopPlayout(reply.id))
    s.emit(CancelReply(reply.id, reason))


def _end_after_goodbye(s: State, reply: Reply) -> None:
    """The model ended the call without a word the caller could hear."""
    if reply.kind == "goodbye" or not s.config.goodbye:
        end(s, reply.ends_call)
    else:
        s.says.appendleft(Saying(s.config.goodbye, "goodbye", interruptible=False, ends_call=reply.ends_call))

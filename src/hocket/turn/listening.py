"""The reducer while the floor is the caller's: endpointing, speculation, commit."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from hocket.turn import replying
from hocket.turn.anchors import ANSWER
from hocket.turn.asked import OPEN
from hocket.turn.backchannel import is_backchannel, is_word
from hocket.turn.commands import Finalize, HearEnding, ScoreTurn
from hocket.turn.completion import completion
from hocket.turn.endpointing import COMPLETE, as_heard
from hocket.turn.events import Transcribed
from hocket.turn.meaning import same_meaning
from hocket.turn.shedding import Shed
from hocket.turn.speculation import FRESH, LAST_WORD, LEAD, READS_COMPLETE
from hocket.turn.state import MS, State
from hocket.turn.timers import Reason

_completion: Final = lru_cache(256)(completion)
"""The same words are scored at the pause, the flip and the candidate."""

VOICE_LASTS: Final = 1_500 * MS
"""Words come so long after their voice at the latest."""

VOICELESS_WORDS: Final = 3
"""So many words are believed though the detector heard nobody."""

FINAL_WAIT: Final = 800 * MS
"""How long words may still come for speech that has none yet."""


def floor_returned(s: State, now: int) -> None:
    """The agent has no more to say: what the caller said under it is the start of their turn, or nothing."""
    if s.ended:
        return
    # "Yes" under the end of a question answers it; under a statement it was only agreement.
    if s.caller.speaking:
        speech_started(s, now)
    elif _says_something(s) and takes_turn(s):
        candidate(s, now)
    else:
        nothing_said(s, now)


def speech_started(s: State, now: int) -> None:
    s.timers.stop(Reason.CANDIDATE, Reason.COMMIT, Reason.SPECULATE, Reason.FINALIZE)
    s.timers.set(Reason.STUCK, now + s.config.no_input_ms * MS)


def speech_paused(s: State, now: int) -> None:
    _speculate_if_worth(s, now)


def speech_resumed(s: State, now: int) -> None:
    s.timers.stop(Reason.SPECULATE)


def speech_stopped(s: State, now: int) -> None:
    s.timers.set(Reason.CANDIDATE, max(now, s.caller.stopped_at + s.config.endpointing.silence_ms * MS))
    _speculate_if_worth(s, now)
    _hear_ending(s)


def transcribed(s: State, now: int, event: Transcribed) -> None:
    """The words changed, or a final came."""
    text = s.transcript.text
    reply = s.reply
    if reply and not same_meaning(reply.text, text):
        replying.drop(s, "the words changed")
        s.speculation.outcomes.append(False)
    replying.look_up(s, s.transcript.stable)
    if s.caller.speaking:
        s.timers.set(Reason.STUCK, now + s.config.endpointing.stuck_ms * MS)
        if s.caller.quiet:
            _speculate_if_worth(s, now)
    elif s.timers.has(Reason.CANDIDATE):
        _speculate_if_worth(s, now)
        _hear_ending(s)
    elif event.finalized and not text:
        nothing_said(s, now)
    else:
        _after_candidate(s, now)


def turn_scored(s: State, now: int) -> None:
    if s.timers.has(Reason.COMMIT):
        _after_candidate(s, now)


def candidate(s: State, now: int) -> None:
    """First stage: everything downstream starts."""
    ask_final(s)
    replying.look_up(s, s.transcript.stable)
    s.emit(ScoreTurn())
    _after_candidate(s, now)


def _after_candidate(s: State, now: int) -> None:
    """Arm the second stage from what is known by now."""
    s.timers.stop(Reason.NO_INPUT)
    if not takes_turn(s):
        s.timers.stop(Reason.COMMIT, Reason.SPECULATE)
        s.timers.set(Reason.FINALIZE, max(now, s.caller.stopped_at) + FINAL_WAIT)
        return
    s.timers.stop(Reason.FINALIZE)
    flip = s.caller.stopped_at
    if not flip:  # words that the detector never heard as speech count from their own arrival
        flip = s.caller.last_speech = s.caller.words_at
    s.timers.set(Reason.COMMIT, max(now, flip + s.config.endpointing.wait(score(s))))
    _speculate_if_worth(s, now)
    _hear_ending(s)


def _hear_ending(s: State) -> None:
    """Once a pause, and only after words that read complete and may not be all: sound adds to nothing else."""
    if not s.config.hear_endings or s.caller.ending_asked or s.speculation.shed >= Shed.TURN_MODEL:
        return
    if s.config.endpointing.stretches and takes_turn(s) and COMPLETE <= score(s) < ANSWER:
        s.caller.ending_asked = True
        s.emit(HearEnding())


def ask_final(s: State) -> None:
    """Once a pause: recognisers lose context at every final."""
    if not s.caller.final_asked:
        s.caller.final_asked = True
        s.emit(Finalize())


def takes_turn(s: State) -> bool:
    """Is this utterance more than a cough? Short speech counts when it is a word, or agreement that was asked for.

    Words without any voice are mostly the recogniser's own; whole phrases are somebody speaking too softly.
    """
    text = s.transcript.text
    if not text:
        return False
    if not s.caller.speaking and s.caller.words_at - s.caller.last_speech > VOICE_LASTS:
        return is_word(text) and len(text.split()) >= VOICELESS_WORDS
    return s.caller.spoken >= s.config.endpointing.min_speech_ms * MS or _says_something(s)


def _says_something(s: State) -> bool:
    text = s.transcript.text
    return is_word(text) or (s.caller.asked.kind != OPEN.kind and is_backchannel(text))


def score(s: State) -> float:
    """How complete the turn is, 0 to 1, from its words and, where a detector spoke, its sound."""
    words = _completion(f"{s.caller.cut_short} {s.transcript.text}".lstrip(), s.caller.asked)
    return words if s.caller.acoustic is None else as_heard(words, s.caller.acoustic)


def _speculate_if_worth(s: State, now: int) -> None:
    """Start a reply to the freshest words, now or when they are due."""
    if s.reply or not s.config.speculate or not s.speculation.within_budget or not takes_turn(s):
        return
    committing = s.timers.has(Reason.COMMIT)
    if not committing and (s.speculation.shed >= Shed.EARLY_LLM or not s.speculation.pays):
        return
    if score(s) >= READS_COMPLETE:
        settled = s.transcript.final and s.caller.final_asked  # a final of an earlier pause lacks what came since
        fresh = settled or s.caller.words_at >= s.caller.last_speech + FRESH
        due = now if fresh else s.caller.last_speech + LAST_WORD
    elif committing:
        due = s.timers.due(Reason.COMMIT) - LEAD
    else:
        s.timers.stop(Reason.SPECULATE)
        return
    if due > now:
        s.timers.set(Reason.SPECULATE, due)
    else:
        s.timers.stop(Reason.SPECULATE)
        _speculate(s)


def _speculate(s: State) -> None:
    """The settled words confirm the speculation, or replace it, long before the commit. They are asked for no sooner:
    recognisers keep their order, so a final that is under way would hold up the interim with the last word."""
    replying.speculate(s)
    ask_final(s)


def speculate_due(s: State) -> None:
    """The words had their time to be complete."""
    if s.reply is None and s.transcript.text and s.speculation.within_budget:
        _speculate(s)


def commit(s: State, now: int) -> None:
    """Second stage: the turn is over."""
    s.timers.stop(Reason.CANDIDATE, Reason.SPECULATE, Reason.FINALIZE, Reason.STUCK)
    replying.commit(s, now)


def stuck(s: State, now: int) -> None:
    """The detector is held high by something that is not this conversation: music, a crowd, a fan."""
    s.caller.speaking = False
    s.caller.spoken += max(0, now - s.caller.onset)
    if takes_turn(s):
        commit(s, now)
    else:
        nothing_said(s, now)


def nothing_said(s: State, now: int) -> None:
    """The utterance had no words: a cough, a door, somebody else."""
    s.timers.stop(Reason.CANDIDATE, Reason.COMMIT, Reason.SPECULATE, Reason.FINALIZE, Reason.STUCK)
    if s.reply and not s.reply.committed:
        replying.drop(s, "nothing was said")
    s.spend()
    s.caller.forget()
    s.timers.set(Reason.NO_INPUT, now + s.config.no_input_ms * MS)
    replying.go_on(s)

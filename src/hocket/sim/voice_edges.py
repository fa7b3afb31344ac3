"""What voice activity and the line's level make of an utterance: the engine's speech events, with their times."""

from __future__ import annotations

from random import Random
from typing import Final, TypeAlias

from hocket.clock import MS
from hocket.sim.delays import Delays
from hocket.sim.hearing import COUGH_HEARD_PART, WINDOW_MS
from hocket.sim.timeline import Said
from hocket.turn.activity import LATENESS, QUIET
from hocket.turn.events import Event, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped

LEVEL_NS: Final = 20 * MS
"""The level is known when its frame has been said."""

_NEVER: Final = 1 << 62

Edges: TypeAlias = list[tuple[int, Event]]


def voice_edges(said: Said, delays: Delays, rng: Random, silent_from: int) -> tuple[Edges, int]:
    """(time, event) in order, and when the detector falls silent after the last of it.

    `silent_from` is when it fell, or falls, silent after what was said before.
    """
    if said.utterance.kind == "cough" and rng.random() >= COUGH_HEARD_PART:
        return [], silent_from
    heard: list[tuple[int, int, int, int]] = []
    for start_ms, end_ms in said.utterance.stretches:
        start, end = (said.at_ms + start_ms) * MS, (said.at_ms + end_ms) * MS
        on, off = start + delays.vad_onset(), end + delays.vad_offset()
        if not heard:
            on = max(on, silent_from + WINDOW_MS * MS)
        if on < off:
            heard.append((start, end, on, off))
    edges: Edges = []
    speaking = False
    for index, (start, end, on, off) in enumerate(heard):
        loud_again, on_again = (
            (heard[index + 1][0], heard[index + 1][2]) if index + 1 < len(heard) else (_NEVER, _NEVER)
        )
        if not speaking:
            edges.append((on, SpeechStarted(start)))
        quiet_at = max(end + QUIET, on)
        if quiet_at < min(off, loud_again):
            edges.append((quiet_at, SpeechPaused(end)))
            if loud_again + LEVEL_NS < off:
                edges.append((loud_again + LEVEL_NS, SpeechResumed()))
        speaking = on_again <= off
        if not speaking:
            # Where speech goes on as the detector falls, the level cannot tell when it stopped.
            edges.append((off, SpeechStopped(end if loud_again >= off else max(start, off - LATENESS))))
        silent_from = off
    return edges, silent_from

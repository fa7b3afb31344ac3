from __future__ import annotations

from random import Random

import numpy as np

from hocket.clock import MS
from hocket.sim.delays import Delays
from hocket.sim.script import caller_turn, spoken
from hocket.sim.timeline import Said
from hocket.sim.voice_edges import voice_edges
from hocket.turn.activity import QUIET
from hocket.turn.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped


def test_edges_alternate_whatever_is_drawn() -> None:
    rng = Random(1)
    delays = Delays.reference(rng)
    silent_from = at_ms = 0
    for _ in range(2000):
        said = Said(at_ms, caller_turn(rng, rng.choice([None, "cough", "backchannel"])))
        edges, silent_from = voice_edges(said, delays, rng, silent_from)
        times = [when for when, _ in edges]
        assert times == sorted(times)
        speaking = paused = False
        for when, event in edges:
            match event:
                case SpeechStarted(onset):
                    assert not speaking
                    assert onset < when
                    speaking = True
                case SpeechPaused(last_speech):
                    assert speaking
                    assert not paused
                    assert when >= last_speech + QUIET
                    paused = True
                case SpeechResumed():
                    assert paused
                    paused = False
                case SpeechStopped(last_speech):
                    assert speaking
                    assert last_speech < when == (silent_from if event is edges[-1][1] else when)
                    speaking = paused = False
        assert not speaking
        at_ms = said.last_speech_ms + rng.choice([200, 400, 1500])


def test_the_last_edges_tell_when_speech_ended() -> None:
    rng = Random(2)
    delays = Delays.reference(rng)
    late = []
    for number in range(2000):
        said = Said(number * 10_000, spoken("answer", "That's right.", rng))
        edges, _ = voice_edges(said, delays, rng, 0)
        when, stopped = edges[-1]
        assert stopped == SpeechStopped(said.last_speech_ms * MS)
        late.append((when - said.last_speech_ms * MS) / MS)
    assert abs(np.percentile(late, 50) - 103) < 5
    assert abs(np.percentile(late, 90) - 198) < 8


def test_a_short_pause_is_not_always_noticed() -> None:
    rng = Random(3)
    delays = Delays.reference(rng)
    stops = []
    for number in range(300):
        said = Said(number * 10_000, spoken("unfinished", "I want ... that one.", rng))
        edges, _ = voice_edges(said, delays, rng, 0)
        stops.append(sum(isinstance(event, SpeechStopped) for _, event in edges))
    assert set(stops) == {1, 2}
    assert stops.count(2) > 200

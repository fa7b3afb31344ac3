from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.activity import LATENESS, THRESHOLD, Activity, Edge
from hocket.turn.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped

MS = 1_000_000
FRAMES = pytest.mark.parametrize("frame", [20, 40])
WINDOW = 32  # ms a window

Spans = list[tuple[int, int]]


def heard(voice: Spans, detected: Spans, until: int = 3000, frame: int = 20) -> list[tuple[int, Edge]]:
    """Millisecond -> edge, for a level above the noise in `voice`, told by frames of so many milliseconds, and a
    detector high in windows that end in `detected`."""
    activity = Activity()
    edges: list[tuple[int, Edge]] = []
    for now in sorted({*range(frame, until + 1, frame), *range(WINDOW, until + 1, WINDOW)}):
        told: list[Edge | None] = []
        if now % frame == 0:
            last_voice = max((min(now, end) // 10 * 10 for start, end in voice if start < now), default=0)
            told.append(activity.level(now * MS, last_voice * MS, last_voice * MS))
        if now % WINDOW == 0:
            high = any(start < now <= end for start, end in detected)
            told.append(activity.window((now - WINDOW) * MS, now * MS, 0.9 if high else 0.1))
        edges += [(now, edge) for edge in told if edge is not None]
    return edges


def kinds(edges: list[tuple[int, Edge]]) -> list[type[Edge]]:
    return [type(edge) for _, edge in edges]


@FRAMES
def test_speech_is_told_from_its_first_voice_to_its_last_however_late_the_detector_is(frame: int) -> None:
    assert heard(voice=[(1000, 2000)], detected=[(1100, 2100)], frame=frame) == [
        (1120, SpeechStarted(1000 * MS)),
        (2080, SpeechPaused(2000 * MS)),
        (2112, SpeechStopped(2000 * MS)),
    ]


@pytest.mark.parametrize(("probability", "speech"), [(THRESHOLD, True), (THRESHOLD - 0.01, False)])
def test_a_window_is_speech_from_the_threshold(probability: float, speech: bool) -> None:
    assert (Activity().window(1000 * MS, 1032 * MS, probability) is not None) is speech


def test_without_a_voice_in_the_level_speech_starts_with_its_first_window() -> None:
    assert heard(voice=[], detected=[(1000, 1500)], until=1400) == [(1024, SpeechStarted(992 * MS))]


def test_a_voice_that_began_long_before_is_not_the_onset() -> None:
    assert heard(voice=[(500, 1500)], detected=[(1000, 1500)], until=1400) == [(1024, SpeechStarted(992 * MS))]


def test_a_pause_is_told_once_and_armed_again_by_voice() -> None:
    edges = heard(voice=[(1000, 1400), (1520, 2000)], detected=[(1000, 2100)])
    assert kinds(edges) == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechStopped]
    assert [now for now, edge in edges if isinstance(edge, SpeechPaused)] == [1480, 2080]


def test_a_detector_that_stays_high_is_not_waited_for() -> None:
    edges = heard(voice=[(1000, 2000)], detected=[(1000, 2400)])
    assert kinds(edges) == [SpeechStarted, SpeechPaused, SpeechStopped]
    assert edges[-1] == (2140, SpeechStopped(2000 * MS))


def test_voice_under_a_detector_that_stayed_high_is_speech_again_at_once() -> None:
    edges = heard(voice=[(1000, 2000), (2300, 2500)], detected=[(1000, 2600)])
    assert kinds(edges) == [SpeechStarted, SpeechPaused, SpeechStopped] * 2
    assert edges[3] == (2336, SpeechStarted(2300 * MS))


def test_once_the_detector_has_come_down_it_is_believed_again_without_voice() -> None:
    edges = heard(voice=[(1000, 2000)], detected=[(1000, 2300), (2500, 2600)])
    assert kinds(edges) == [SpeechStarted, SpeechPaused, SpeechStopped, SpeechStarted, SpeechStopped]


@FRAMES
def test_the_closure_of_a_consonant_is_no_pause(frame: int) -> None:
    edges = heard(voice=[(1000, 1400), (1460, 2000)], detected=[(1000, 2040)], frame=frame)
    assert kinds(edges) == [SpeechStarted, SpeechStopped]


@FRAMES
@pytest.mark.parametrize(("closure", "onset"), [(40, 1320), (80, 1480)])
def test_a_voice_begins_behind_a_gap_but_not_behind_a_closure(closure: int, onset: int, frame: int) -> None:
    edges = heard(voice=[(1320, 1400), (1400 + closure, 2000)], detected=[(1530, 2040)], frame=frame)
    assert edges[0][1] == SpeechStarted(onset * MS)


@FRAMES
def test_of_the_silence_behind_a_window_only_that_of_its_own_frame_counts(frame: int) -> None:
    def stopped(late: int) -> Edge | None:
        activity = Activity()
        for end in range(frame, 2000 + late + 1, frame):
            activity.level(end * MS, 1920 * MS, 1920 * MS)
            if end == 1920:
                activity.window(1900 * MS, 1915 * MS, 0.9)
        return activity.window(1960 * MS, 1987 * MS, 0.1)

    assert stopped(0) == SpeechStopped(1920 * MS, 13 * MS)
    assert stopped(40) == SpeechStopped(1920 * MS, frame * MS)


@pytest.mark.parametrize("end", range(2000, 2160, 32))
def test_on_a_loud_line_the_last_speech_is_a_typical_lateness_before_the_flip(end: int) -> None:
    edges = heard(voice=[(0, 3000)], detected=[(1000, end)])
    assert kinds(edges) == [SpeechStarted, SpeechStopped]
    flip, stopped = edges[-1]
    assert stopped == SpeechStopped(flip * MS - LATENESS)


def test_a_blip_on_a_loud_line_is_not_shorter_than_nothing() -> None:
    edges = heard(voice=[(0, 3000)], detected=[(1000, 1024)])
    assert edges == [(1024, SpeechStarted(992 * MS)), (1056, SpeechStopped(992 * MS))]


def test_a_detector_that_flutters_within_one_sound_hears_no_part_of_it_twice() -> None:
    edges = heard(voice=[(1000, 1300)], detected=[(1000, 1090), (1130, 1300)])
    assert kinds(edges)[:3] == [SpeechStarted, SpeechStopped, SpeechStarted]
    first, second = edges[1][1], edges[2][1]
    assert isinstance(first, SpeechStopped)
    assert isinstance(second, SpeechStarted)
    assert first.last_speech <= second.onset


def spans(lengths: list[int]) -> Spans:
    """Every second of these lengths, laid end to end."""
    return [(sum(lengths[:index]), sum(lengths[: index + 1])) for index in range(1, len(lengths), 2)]


SPANS = st.lists(st.integers(1, 400), max_size=14).map(spans)


@given(SPANS, SPANS)
def test_whatever_is_heard_edges_alternate_and_times_go_on(voice: Spans, detected: Spans) -> None:
    speaking = paused = False
    at = 0
    for now, edge in heard(voice, detected):
        match edge:
            case SpeechStarted(onset):
                assert not speaking
                assert at <= onset <= now * MS
                speaking, at = True, onset
            case SpeechPaused(last_speech):
                assert speaking
                assert not paused
                assert at <= last_speech <= (now - 80) * MS
                paused = True
            case SpeechResumed():
                assert speaking
                assert paused
                paused = False
            case SpeechStopped(last_speech):
                assert speaking
                assert at <= last_speech <= now * MS
                speaking = paused = False
                at = last_speech


@pytest.mark.parametrize(
    ("probability", "overlapping", "speech"),
    [(0.35, False, False), (0.35, True, True), (0.25, True, False)],
)
def test_a_soft_onset_counts_while_the_agent_is_heard(probability: float, overlapping: bool, speech: bool) -> None:
    activity = Activity()
    activity.overlapping = overlapping
    assert (activity.window(0, 32 * MS, probability) is not None) is speech


@pytest.mark.parametrize(
    ("before_ms", "voice_ms", "loud_ms", "overlapping", "speech"),
    [
        (0, 1000, 1000, True, True),  # out of the calm, and loud: a suspicion is enough
        (690, 1000, 1000, True, True),
        (710, 1000, 1000, True, False),  # a line that is seldom calm
        (0, 1000, 0, True, False),  # soft
        (0, 1000, 1000, False, False),  # nobody is talked over, so there is time
    ],
)
def test_a_sudden_loud_onset_needs_only_a_suspicion_over_the_agent(
    before_ms: int, voice_ms: int, loud_ms: int, overlapping: bool, speech: bool
) -> None:
    activity = Activity()
    activity.overlapping = overlapping
    for end, voice, loud in ((980, before_ms, before_ms), (1000, voice_ms, loud_ms)):
        activity.level(end * MS, voice * MS, loud * MS)
    assert (activity.window(984 * MS, 1016 * MS, 0.25) is not None) is speech


def test_what_was_sudden_is_not_so_for_long() -> None:
    activity = Activity()
    activity.overlapping = True
    for end in range(1000, 1201, 20):
        activity.level(end * MS, end * MS, end * MS)
    assert activity.window(1168 * MS, 1200 * MS, 0.25) is None


@pytest.mark.parametrize(
    ("voice_until", "probability", "still"),
    [(500, 0.1, True), (520, 0.1, False), (500, 0.2, False), (500, 0.9, False)],
)
def test_a_line_is_still_when_neither_level_nor_detector_tell_of_a_voice(
    voice_until: int, probability: float, still: bool
) -> None:
    activity = Activity()
    assert not activity.still, "nothing has been heard"
    activity.level(1000 * MS, voice_until * MS, voice_until * MS)
    assert not activity.still, "the detector has not been heard"
    activity.window(968 * MS, 1000 * MS, probability)
    assert activity.still is still

"""Voice activity: from a detector's windows and the line's level to the facts the engine is told.

The detector says whether somebody speaks; the level says when they stopped, because detectors stay high for about
100 ms after people do. All times are nanoseconds, given by the caller.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from hocket.turn.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped

_MS: Final = 1_000_000

THRESHOLD: Final = 0.45
"""Probability from which a window is speech."""

OVERLAP_THRESHOLD: Final = 0.3
"""The same while the agent is heard: soft first sounds ("s", "f") are worth yielding to, because a yield for nothing
costs a short pause and a voice that is not yielded to costs the caller's patience."""

SUDDEN_OVERLAP_THRESHOLD: Final = 0.2
"""And where the line breaks a calm and is loud: a detector that begins to suspect a voice is then mostly right. Of
synthetic onsets on a telephone one in twenty was told after 60 ms, and is after 49; of recorded people's, one in ten
after 128 and 115. Room noises at 10 dB below a voice bring four yields a minute instead of two, echo as many as
before (`benchmarks.false_yields --quick`)."""

LOUD_LASTS: Final = 50 * _MS
"""So long after its last loud 10 ms a line is loud."""

CALM: Final = 280 * _MS
"""A line below the level of voice for so long is calm; babble and clatter are not."""

GAP: Final = 60 * _MS
"""After so long without a voice, one that is heard again has begun anew; closures of consonants are shorter."""

SUDDEN: Final = 120 * _MS
"""What breaks a calm is sudden for so long."""

QUIET: Final = 80 * _MS
"""A level so long below that of voice is a pause and not the closure of a consonant."""

STAYS_HIGH: Final = 130 * _MS
"""A detector that is still high so long after the last voice is not waited for: on recorded speech one in ten of its
flips comes after 160 ms and more, and silence that is no pause is seldom so long. Of the pauses in 61 recordings, as
many are long enough to be taken for an end as with 150 ms (63; by telephone 76); with 110 ms it is four more."""

STILL: Final = 500 * _MS
"""A line below the level of voice for so long is still, if the detector hears nothing either. By then the recogniser
has said by itself what it has to say."""

BEYOND_DOUBT: Final = 0.2
"""The detector hears nothing below this."""

BACK: Final = 200 * _MS
"""How far before its first window speech may have begun."""

LATENESS: Final = 100 * _MS
"""A detector's typical delay at an offset, taken where the level says nothing because the line is loud."""

Edge: TypeAlias = SpeechStarted | SpeechPaused | SpeechResumed | SpeechStopped


class Activity:
    """The caller's voice on one line."""

    __slots__ = (
        "_calm_broken",
        "_frame",
        "_known",
        "_last_loud",
        "_last_voice",
        "_lingers",
        "_onset",
        "_paused",
        "_probability",
        "_stopped",
        "_voice_began",
        "overlapping",
        "speaking",
    )

    def __init__(self) -> None:
        self.speaking = False
        self.overlapping = False
        """The agent is heard at this moment."""
        self._paused = False
        self._lingers = False  # the level has ended the speech, and the detector has not come down yet
        self._onset = 0
        self._voice_began = 0  # after the last quiet
        self._last_voice = 0
        self._last_loud = 0
        self._calm_broken = -SUDDEN
        self._probability = 1.0  # of the last window
        self._known = 0  # the level is known up to here
        self._frame = 20 * _MS  # the length of the last frame
        self._stopped = 0  # the last speech before this

    @property
    def still(self) -> bool:
        """Nobody has spoken for half a second."""
        return self._known - self._last_voice >= STILL and not self.speaking and self._probability < BEYOND_DOUBT

    def level(self, end: int, last_voice: int, last_loud: int) -> Edge | None:
        """The level up to `end` is known; it was last that of voice, and loud, at these times (their ends)."""
        if self._known:
            self._frame = end - self._known
        began = last_voice - self._frame  # as early as the voice of this frame may have begun
        if began - self._last_voice > GAP:
            self._voice_began = began
            if began - self._last_voice > CALM:
                self._calm_broken = began
        self._last_voice = last_voice
        self._last_loud = last_loud
        self._known = end
        if not self.speaking:
            return None
        if not self._paused and end - last_voice >= QUIET and last_voice > self._onset:
            self._paused = True
            return SpeechPaused(last_voice)
        if self._paused and end - last_voice < QUIET:
            self._paused = False
            return SpeechResumed()
        if self._paused and end - last_voice >= STAYS_HIGH:
            self._lingers = True
            return self._stop(last_voice, end)
        return None

    def window(self, start: int, end: int, probability: float) -> Edge | None:
        """The detector's verdict on the audio from `start` to `end`."""
        self._probability = probability
        if probability >= self._threshold(end):
            if self.speaking or (self._lingers and self._last_voice <= self._stopped):
                return None
            self.speaking = True
            self._lingers = False
            self._paused = False
            began = self._voice_began if start - BACK <= self._voice_began < end else start
            self._onset = max(began, self._stopped)  # a detector that flutters hears nothing twice
            return SpeechStarted(self._onset)
        self._lingers = False
        return self._stop(self._last_speech(end), end) if self.speaking else None

    def _threshold(self, end: int) -> float:
        if not self.overlapping:
            return THRESHOLD
        sudden = end - self._last_loud < LOUD_LASTS and end - self._calm_broken < SUDDEN
        return SUDDEN_OVERLAP_THRESHOLD if sudden else OVERLAP_THRESHOLD

    def _stop(self, last_speech: int, flip: int) -> SpeechStopped:
        self.speaking = self._paused = False
        self._stopped = last_speech
        return SpeechStopped(last_speech, min(max(0, self._known - flip), self._frame))

    def _last_speech(self, flip: int) -> int:
        heard = self._last_voice
        loud_to_the_end = min(flip, self._known) - heard < 10 * _MS
        if loud_to_the_end and self._voice_began < self._onset - BACK:  # and loud before: the level cannot tell
            heard = flip - LATENESS
        return max(self._onset, min(heard, flip))

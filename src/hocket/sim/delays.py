"""How long providers take: the reference delays, drawn anew for every turn.

Figures: a well-built pipeline in one zone. The recogniser's final comes 42 ms after it is asked (median), the model's
first token after 105 ms and a token every 12 ms, the first byte of speech after 102 ms. Silero's lateness was measured
on recorded human speech, from the true edge of speech to the window that shows it.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, Protocol

from hocket.clock import MS


class Distribution(Protocol):
    """A delay in milliseconds as a function of the part of draws that are shorter."""

    def at(self, part: float) -> float: ...


class Skewed(NamedTuple):
    """A delay with a long tail: half of the draws between `low` and `p50`, few of them near `high`. Milliseconds."""

    low: float
    p50: float
    tail_part: float
    """The part of draws below `tail`: 0.95 for a p95."""
    tail: float
    high: float

    def at(self, part: float) -> float:
        """The quantile function: straight through the named percentiles, thinning out towards `high`."""
        if part < 0.5:
            return self.low + (self.p50 - self.low) * part / 0.5
        if part < self.tail_part:
            return self.p50 + (self.tail - self.p50) * (part - 0.5) / (self.tail_part - 0.5)
        return self.tail + (self.high - self.tail) * ((part - self.tail_part) / (1 - self.tail_part)) ** 2


class Even(NamedTuple):
    """Every delay between the two is as likely. Milliseconds."""

    low: float
    high: float

    def at(self, part: float) -> float:
        return self.low + (self.high - self.low) * part


STT_FINALIZE = Skewed(30, 42, 0.95, 60, 110)
LLM_FIRST_TOKEN = Skewed(90, 105, 0.95, 130, 160)
TTS_FIRST_BYTE = Skewed(80, 102, 0.95, 130, 160)
VAD_ONSET = Skewed(16, 55, 0.9, 106, 192)
VAD_OFFSET = Skewed(20, 103, 0.9, 198, 320)

INTERIM_NS = 100 * MS
"""From the end of a word to the interim that shows it."""
TOKEN_NS = 12 * MS
RETRIEVAL_NS = 28 * MS
RERANK_NS = 6 * MS


class Delays:
    """Draws in nanoseconds. Each kind has its own stream of chance: one draw more of one changes no other."""

    __slots__ = ("_llm", "_stt", "_tts", "_vad_offset", "_vad_onset")

    def __init__(self, rng: Random, stt: Distribution, llm: Distribution, tts: Distribution) -> None:
        self._stt = _Stream(stt, rng)
        self._llm = _Stream(llm, rng)
        self._tts = _Stream(tts, rng)
        self._vad_onset = _Stream(VAD_ONSET, rng)
        self._vad_offset = _Stream(VAD_OFFSET, rng)

    @classmethod
    def reference(cls, rng: Random) -> Delays:
        """Skewed, as providers are."""
        return cls(rng, STT_FINALIZE, LLM_FIRST_TOKEN, TTS_FIRST_BYTE)

    @classmethod
    def uniform(cls, rng: Random) -> Delays:
        """The providers' ranges drawn uniformly: harder. Voice activity is ours, and drawn as in `reference`."""
        return cls(rng, *(Even(skewed.low, skewed.high) for skewed in (STT_FINALIZE, LLM_FIRST_TOKEN, TTS_FIRST_BYTE)))

    def stt_finalize(self) -> int:
        return self._stt.draw()

    def llm_first_token(self) -> int:
        return self._llm.draw()

    def tts_first_byte(self) -> int:
        return self._tts.draw()

    def vad_onset(self) -> int:
        """From the first speech sample to the window that shows it."""
        return self._vad_onset.draw()

    def vad_offset(self) -> int:
        """From the last speech sample to the window that shows it."""
        return self._vad_offset.draw()


class _Stream:
    __slots__ = ("_at", "_random")

    def __init__(self, distribution: Distribution, rng: Random) -> None:
        self._at = distribution.at
        self._random = Random(rng.getrandbits(64)).random

    def draw(self) -> int:
        return round(self._at(self._random()) * MS)

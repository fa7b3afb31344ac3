"""What a caller waited for, from the recording at the caller's end and what the caller is known to have said.

All times are milliseconds of the call. Written apart from hocket's own instruments: a mistake there is not made here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.latency.line import Line
from benchmarks.latency.party import AUDIBLE_DBFS, SaidTurn
from benchmarks.latency.speech import MS, PauseKind, levels
from benchmarks.latency.wire import Draw

BLOCK_MS: Final = 2
"""By which the agent's sound is found."""

SPEECH_BLOCK_MS: Final = 10
ABOVE_NOISE_DB: Final = 10.0
NOISE_UNTIL_MS: Final = 1_000
"""Nobody speaks before."""

BRIDGE_MS: Final = 100
"""A gap of the agent's sound, up to which it is one sound: between sentences, or a late piece."""

NOT_YIELDED_MS: Final = 50
"""Sound up to so long before the caller's end has not given way."""

NEAR_MS: Final = 2 * BLOCK_MS
"""By which a wire server's clock and the recording may disagree on an order."""

SILENT_MS: Final = 6_000
"""Without a reply the turn has failed."""


class Cut(msgspec.Struct, frozen=True):
    """An unfinished pause."""

    kind: PauseKind
    pause_ms: float
    cut: bool
    """The agent became audible in it, or after it before the caller had finished."""


class Measured(msgspec.Struct):
    """One turn of a caller."""

    call: str
    number: int
    text: str
    start_ms: float
    last_speech_ms: float
    barged: bool
    first_audible_ms: float | None = None
    """Of the reply; None when none came in time, or when the agent was talking already."""
    pauses: list[Cut] = []
    cut_elsewhere: bool = False
    """The agent became audible while the caller spoke, before any pause."""
    yield_ms: float | None = None
    """After a cut or a barge-in: from the onset of the caller's voice until the agent is silent for good."""
    silent: bool = False
    """No reply in 6 s."""
    providers_ms: float | None = None
    """Final, first token and first byte, as drawn for what was heard; None where that cannot be told."""
    draws: list[tuple[str, float, float, str, str]] = []
    """Every delay drawn from its start to the first sound: kind, when it began and how long it was in milliseconds,
    what the model was asked, the text of the reply or of the speech."""
    parts_ms: dict[str, float] = {}
    """Of the system's own trace: the critical path, and `line` for what lies between its figure and this one."""
    opener: str = ""
    """Of the same: hit, missed, none."""

    @property
    def latency_ms(self) -> float | None:
        return None if self.first_audible_ms is None else self.first_audible_ms - self.last_speech_ms

    @property
    def over_ms(self) -> float | None:
        """What the system added to its providers."""
        if self.latency_ms is None or self.providers_ms is None:
            return None
        return self.latency_ms - self.providers_ms


class Ears:
    """What was said and heard in one call."""

    def __init__(self, recording: NDArray[np.int16]) -> None:
        said, heard = recording[:, 0], recording[:, 1]
        self._heard = np.flatnonzero(levels(heard, BLOCK_MS) > AUDIBLE_DBFS) * BLOCK_MS
        self._said = levels(said, SPEECH_BLOCK_MS)
        # The quietest 40 ms of the beginning; its very first frame is not part of the line.
        power = 10 ** (self._said[2 : NOISE_UNTIL_MS // SPEECH_BLOCK_MS] / 10)
        self._threshold = 10 * np.log10(np.convolve(power, np.full(4, 0.25), "valid").min()) + ABOVE_NOISE_DB

    def last_speech_ms(self, until_ms: float) -> float:
        """The end of the last 10 ms before that are 10 dB above the line's noise."""
        end = round(until_ms / SPEECH_BLOCK_MS)
        return float((np.flatnonzero(self._said[:end] > self._threshold)[-1] + 1) * SPEECH_BLOCK_MS)

    def onset_ms(self, from_ms: float) -> float:
        """The beginning of the first such 10 ms from there on."""
        start = int(from_ms / SPEECH_BLOCK_MS)
        return float((start + np.flatnonzero(self._said[start:] > self._threshold)[0]) * SPEECH_BLOCK_MS)

    def heard_ms(self, from_ms: float, until_ms: float) -> float:
        """When the agent was last audible between the two; `from_ms` if it was not."""
        found = self._heard[(self._heard >= from_ms) & (self._heard < until_ms)]
        return float(found[-1]) + BLOCK_MS if len(found) else from_ms

    def sounds(self) -> list[tuple[float, float]]:
        """When the agent was audible: from, until."""
        if not len(self._heard):
            return []
        splits = np.flatnonzero(np.diff(self._heard) > BRIDGE_MS + BLOCK_MS)
        starts, ends = [self._heard[0], *self._heard[splits + 1]], [*self._heard[splits], self._heard[-1]]
        return [(float(start), float(end) + BLOCK_MS) for start, end in zip(starts, ends, strict=True)]


def measured(call: str, recording: NDArray[np.int16], said: Sequence[SaidTurn]) -> list[Measured]:
    """Every turn of a call."""
    ears = Ears(recording)
    nexts = [*(turn.start / MS for turn in said[1:]), len(recording) / MS]
    return [
        _turn(call, number, ears, turn, until) for number, (turn, until) in enumerate(zip(said, nexts, strict=True))
    ]


def _turn(call: str, number: int, ears: Ears, said: SaidTurn, until_ms: float) -> Measured:
    start = ears.onset_ms(said.start / MS)
    end = ears.last_speech_ms((said.end / MS) + SPEECH_BLOCK_MS)
    turn = Measured(call, number, said.turn.text, start, end, said.barged)
    sounds = ears.sounds()
    onsets = [begin for begin, _ in sounds if start < begin < end]
    _judge_pauses(turn, said, onsets)
    turn.yield_ms = _yielded(ears, turn, said, onsets)
    replies = [begin for begin, _ in sounds if end <= begin < min(until_ms, end + SILENT_MS)]
    talking = any(begin < end < stop - BLOCK_MS for begin, stop in sounds)
    if replies:
        turn.first_audible_ms = replies[0]
    turn.silent = not replies and not talking
    return turn


def _judge_pauses(turn: Measured, said: SaidTurn, onsets: list[float]) -> None:
    """A sound is charged to the last pause that had begun before it."""
    begins = [(said.start + pause.start) / MS for pause in said.turn.pauses]
    charged = {max((begin for begin in begins if begin <= onset), default=None) for onset in onsets}
    turn.cut_elsewhere = None in charged and not turn.barged
    turn.pauses = [
        Cut(pause.kind, (pause.end - pause.start) / MS, begin in charged)
        for pause, begin in zip(said.turn.pauses, begins, strict=True)
    ]


def _yielded(ears: Ears, turn: Measured, said: SaidTurn, onsets: list[float]) -> float | None:
    """From the first voice while the agent was heard until it is heard no more in this turn; None if it talks on."""
    if turn.barged:
        voice = turn.start_ms
    elif onsets:
        pauses = [((said.start + pause.start) / MS, (said.start + pause.end) / MS) for pause in said.turn.pauses]
        voice = next((ears.onset_ms(end) for begin, end in pauses if begin <= onsets[0] < end), onsets[0])
    else:
        return None
    heard_ms = ears.heard_ms(voice, turn.last_speech_ms)
    return None if heard_ms > turn.last_speech_ms - NOT_YIELDED_MS else heard_ms - voice


def add_draws(turn: Measured, line: Line, began_s: float, draws: Sequence[Draw]) -> None:
    """What the providers drew for this turn: the last token that had come before the first sound, the first byte of
    that reply, and the last final that was asked for."""
    until = turn.first_audible_ms
    if until is None:
        return

    def call_ms(at_s: float) -> float:
        return (at_s - began_s) * 1000

    near = [draw for draw in draws if turn.start_ms <= call_ms(draw.at_s) <= until]
    finals = [draw for draw in near if draw.kind == "final" and draw.line is line]
    tokens = [draw for draw in near if draw.kind == "token" and _is_said_in(draw.said, turn.text)]
    replies = [draw.text for draw in tokens]
    spoken = [draw for draw in near if draw.kind == "byte" and any(_begins(text, draw.text) for text in replies)]
    for draw in (*finals, *tokens, *spoken):
        at_ms, delay_ms = round(call_ms(draw.at_s), 1), round(draw.delay_s * 1000, 1)
        turn.draws.append((draw.kind, at_ms, delay_ms, draw.said, draw.text))
    come = [draw for draw in tokens if call_ms(draw.end_s) <= until + NEAR_MS]
    heard = [draw for draw in spoken if come and _begins(come[-1].text, draw.text)]
    if finals and heard:
        turn.providers_ms = 1000 * (finals[-1].delay_s + come[-1].delay_s + heard[0].delay_s)


def _is_said_in(said: str, text: str) -> bool:
    """Whether the model was asked this turn, or the beginning of it that was known by then."""
    plain_said, plain_text = (re.sub(r"[^a-z0-9]", "", one.lower()) for one in (said, text))
    return plain_text.startswith(plain_said) or plain_said.endswith(plain_text)


def _begins(reply: str, spoken: str) -> bool:
    return bool(spoken.strip()) and reply.startswith(spoken.strip())

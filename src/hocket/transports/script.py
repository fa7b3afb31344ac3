"""A caller made of recorded lines: what is said when, given what is heard of the agent."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from hocket.audio.frame import Frame, Samples
from hocket.audio.levels import VoiceLevel, rms_dbfs, split_10ms
from hocket.transports.line_audio import LineAudio

AUDIBLE_DBFS: Final = -50.0
"""10 ms of the agent's audio louder than this are speech."""

TONE_LASTS_MS: Final = 1_000
"""A line's room tone goes on for so long after it: what ends with a line is the voice, not the room."""

LONGEST_SPEECH_MS: Final = 60_000
"""A caller who waits for the agent to fall quiet goes on after this at the latest."""

_NOT_YET: Final = 1 << 62


class When(msgspec.Struct, frozen=True):
    """When a line begins: made by `after_agent`, `during_agent` and `at`."""

    kind: Literal["after_agent", "during_agent", "at"]
    delay_ms: float


def after_agent(delay_ms: float = 600) -> When:
    """When the agent has spoken since the caller's last word, and then been quiet for so long."""
    return When("after_agent", delay_ms)


def during_agent(delay_ms: float) -> When:
    """So long after the agent was first heard since the caller's last word: a barge-in or a backchannel."""
    return When("during_agent", delay_ms)


def at(delay_ms: float) -> When:
    """So long after the previous line's audio ended, or after the call began, whatever the agent does."""
    return When("at", delay_ms)


class Line(msgspec.Struct, frozen=True):
    """Something the caller says."""

    audio: Path | Frame
    """A file that `hocket.transports.wav.open_audio` takes, or samples with their rate."""
    when: When


class ScriptedCaller:
    """Says its lines, one after the other, over a faint room tone.

    The caller stays until the agent has answered the last line and then been quiet for `tail_ms`. An agent that says
    nothing is waited for `patience_ms`.
    """

    def __init__(
        self, lines: Sequence[Line], rate: int, worker: Executor, *, tail_ms: float, patience_ms: float
    ) -> None:
        self.done = False
        """The lines are over, and so is the agent's answer."""
        self._rate = rate
        self._patience_ms = patience_ms
        self._cues = [*(line.when for line in lines), after_agent(tail_ms)]
        self._lines = [LineAudio(line.audio, rate, worker, seed) for seed, line in enumerate(lines)]
        self._tones: list[Samples] = []
        self._next = 0
        self._speaking = False
        self._line_end = 0
        self._ears = _Ears(rate)

    async def prepare(self) -> None:
        """Look at all lines. Raises `AudioError` when one is not usable."""
        self._tones = [await line.room_tone() for line in self._lines]
        self._prefetch()

    async def speak(self, start: int, agent: Samples) -> Samples:
        """What the caller says from position `start` on while the agent is heard saying `agent`, both shape (n,).

        Raises `AudioError` when a file cannot be read any more.
        """
        self._ears.hear(start, agent)
        position, end = start, start + len(agent)
        parts = []
        spoke = self._speaking
        while position < end:
            if self._speaking:
                part = await self._lines[self._next - 1].read(end - position)
                if not len(part):
                    self._end_line(position)
                    continue
                spoke = True
            elif (due := self._due(position)) > position:
                part = self._tone(position, min(due, end))
            else:
                self._begin_line()
                continue
            parts.append(part)
            position += len(part)
        said = np.concatenate(parts)
        self._ears.say(start, said, spoke)
        return said

    async def close(self) -> None:
        """Close the files."""
        for line in self._lines:
            await line.close()

    def _due(self, now: int) -> int:
        """When the next line begins, as far as it is known."""
        if self.done:
            return _NOT_YET
        cue, ears = self._cues[self._next], self._ears
        delay = self._samples(cue.delay_ms)
        if cue.kind == "at":
            due = self._line_end + delay
        elif ears.agent_from is None:
            due = self._line_end + self._samples(self._patience_ms)
        elif cue.kind == "during_agent":
            due = ears.agent_from + delay
        else:
            due = min(ears.agent_until + delay, self._line_end + self._samples(LONGEST_SPEECH_MS))
        return max(due, now)

    def _begin_line(self) -> None:
        if self._next == len(self._lines):
            self.done = True
        else:
            self._next += 1
            self._speaking = True

    def _end_line(self, position: int) -> None:
        self._speaking = False
        self._line_end = position
        self._prefetch()

    def _prefetch(self) -> None:
        if self._next < len(self._lines):
            self._lines[self._next].prefetch()

    def _tone(self, start: int, end: int) -> Samples:
        if not self._tones:
            return np.zeros(end - start, np.int16)
        lasting = self._next and start < self._line_end + self._samples(TONE_LASTS_MS)
        tone = self._tones[self._next - 1 if lasting else min(self._next, len(self._tones) - 1)]
        return np.take(tone, np.arange(start, end), mode="wrap")

    def _samples(self, ms: float) -> int:
        return round(ms * self._rate / 1000)


class _Ears:
    """When the agent was heard, by level alone: nothing of the session's own view is used."""

    def __init__(self, rate: int) -> None:
        self.agent_from: int | None = None
        """Position at which the agent was first heard since the caller's last voice."""
        self.agent_until = 0
        """Position at which the agent was last heard."""
        self._rate = rate
        self._own_voice = VoiceLevel(rate)

    def hear(self, position: int, agent: Samples) -> None:
        if not agent.any():
            return
        for block in split_10ms(agent, self._rate):
            if rms_dbfs(block) > AUDIBLE_DBFS:
                if self.agent_from is None:
                    self.agent_from = position
                self.agent_until = position + len(block)
            position += len(block)

    def say(self, position: int, samples: Samples, in_a_line: bool) -> None:
        self._own_voice.push(samples, position)
        if in_a_line and self._own_voice.last_voice_end > position:
            self.agent_from = None

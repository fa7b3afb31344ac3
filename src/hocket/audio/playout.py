"""The audio of one reply on its way to the ear: paused, resumed, cut and taken back, exact to the sample."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hocket.audio.frame import Samples, silence
from hocket.audio.spoken_text import SpokenText

_AUDIBLE_RMS = 32768 * 10 ** (-50 / 20)
"""Softer than -50 dBFS is not noticed as the beginning of speech."""


class Playout:
    """One reply at `rate` Hertz. Positions are samples of the reply's audio; padding has none.

    `append` and `finish` feed it, `take` empties it. `pause` and `cut` fade out from the next sample on; `resume`
    goes on with the one after, fading in, as does audio that was late. What the far end drops before it sounded is
    given back with `rewind` and then counts as never taken.
    """

    def __init__(self, rate: int, fade_ms: float = 15) -> None:
        steps = max(round(rate * fade_ms / 1000), 1)
        # A raised cosine has no corner that could click.
        self._gains = 0.5 - 0.5 * np.cos(np.pi * np.arange(steps + 1) / steps)
        self._rate = rate
        self._mode: Literal["playing", "paused", "dead"] = "playing"
        self._complete = False
        self._audio = _Audio()
        self._words = SpokenText(rate)
        self._handed_out = _HandedOut(steps)
        self._scanned = 0
        self.first_audible: int | None = None
        """Position of the first 2 ms louder than -50 dBFS, None until they are known."""
        self.underrun_samples = 0
        """Zeros handed out because the next audio was late."""

    @property
    def taken(self) -> int:
        """Position just after the audio that was handed out and not given back."""
        return self._handed_out.position

    @property
    def sent(self) -> int:
        """Samples handed out and not given back, padding included."""
        return self._handed_out.count

    @property
    def buffered(self) -> int:
        """Samples of audio that are ready to be taken."""
        return self._audio.end - self.taken

    @property
    def buffered_ms(self) -> float:
        """The same in time."""
        return self.buffered * 1000 / self._rate

    def is_late(self, count: int) -> bool:
        """It plays, and the next `count` samples have not all come, although they will."""
        return self._mode == "playing" and not self._complete and self.buffered < count

    @property
    def finished(self) -> bool:
        """All the audio there will ever be has been taken."""
        return self._complete and self.taken == self._audio.end

    def append(self, samples: Samples, text: str = "") -> None:
        """Add the next audio, shape (n,), and the text whose sound begins with it, spaces included.

        The samples must not change afterwards. After `cut` they are ignored.
        """
        assert not self._complete, "audio after finish()"
        if self._mode == "dead":
            return
        self._words.mark(self._audio.end, text)
        self._audio.append(samples)
        if self.first_audible is None:
            self._find_onset()

    def finish(self) -> None:
        """Nothing more will be appended."""
        self._complete = True

    def take(self, count: int) -> Samples | None:
        """The next `count` samples to send, or None when there is nothing to send: no audio yet, silenced, finished.

        Padded with zeros at the reply's end, after a fade-out, and (counted) while the next audio is late.
        """
        log = self._handed_out
        ready = min(count, self._audio.end - log.position)
        if self._mode != "playing":
            return self._take_fade_out(count, ready)
        if not ready and (self._complete or not log.count):
            return None
        audio = self._audio.read(log.position, ready)
        if log.gain < len(self._gains) - 1:
            audio = self._scaled(audio, log.gain + np.arange(ready))
        log.add(ready, "rising")
        if ready == count:
            return audio
        if not self._complete:
            self.underrun_samples += count - ready
        log.add(count - ready, "padding")
        return np.concatenate((audio, silence(count - ready)))

    def pause(self) -> None:
        """Fade out from the next sample on, then be silent until `resume`."""
        if self._mode == "playing":
            self._mode = "paused"

    def resume(self) -> None:
        """Go on with the very next sample."""
        if self._mode == "paused":
            self._mode = "playing"

    def cut(self) -> None:
        """Fade out from the next sample on, then be silent for ever."""
        self._mode = "dead"

    def rewind(self, samples: int) -> int:
        """The far end dropped the last `samples` it was sent; they count as never taken.

        Returns how many of them were not of this reply.
        """
        return samples - self._handed_out.take_back(samples)

    def position_at(self, sent: int) -> int:
        """Position just after the first `sent` samples handed out, which may include padding."""
        return self._handed_out.position_at(sent)

    def heard(self, position: int) -> str:
        """The words that ended before `position`: a beginning of the text so far, cut after a whole word."""
        return self._words.before(position, self._audio.end, self._complete)

    def unheard(self, position: int) -> str:
        """The text so far without `heard(position)`."""
        return self._words.text[len(self.heard(position)) :]

    def _take_fade_out(self, count: int, ready: int) -> Samples | None:
        log = self._handed_out
        if not log.sounding or not log.gain:
            return None
        ready = min(ready, log.gain)
        if not ready:
            # The silence has to be noted, or else what is appended later would be faded out once more.
            log.add(0, "padding")
            return None
        audio = self._scaled(self._audio.read(log.position, ready), log.gain - 1 - np.arange(ready))
        log.add(ready, "falling")
        if ready == count:
            return audio
        log.add(count - ready, "padding")
        return np.concatenate((audio, silence(count - ready)))

    def _scaled(self, audio: Samples, steps: NDArray[np.int_]) -> Samples:
        return np.rint(audio * self._gains[np.minimum(steps, len(self._gains) - 1)]).astype(np.int16)

    def _find_onset(self) -> None:
        window = self._rate // 500
        count = (self._audio.end - self._scanned) // window
        audio = self._audio.read(self._scanned, count * window).reshape(count, window).astype(np.float32)
        loud = np.flatnonzero((audio**2).mean(axis=1) > _AUDIBLE_RMS**2)
        if len(loud):
            self.first_audible = self._scanned + int(loud[0]) * window
        self._scanned += count * window


class _Audio:
    """Samples that only grow at the end; reading costs the same wherever one reads."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._starts: list[int] = []
        self.end = 0

    def append(self, samples: Samples) -> None:
        if len(samples):
            self._blocks.append(samples)
            self._starts.append(self.end)
            self.end += len(samples)

    def read(self, position: int, count: int) -> Samples:
        """The `count` samples from `position` on; there are that many."""
        if not count:
            return silence(0)
        place = bisect_right(self._starts, position) - 1
        offset = position - self._starts[place]
        parts = [self._blocks[place][offset : offset + count]]
        missing = count - len(parts[0])
        while missing:
            place += 1
            parts.append(self._blocks[place][:missing])
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


_Kind: TypeAlias = Literal["rising", "falling", "padding"]
"""Of samples handed out: audio whose gain rises (or is full), audio whose gain falls, zeros."""


@dataclass(slots=True, frozen=True)
class _Run:
    """Where a stretch of one kind begins."""

    sent: int
    position: int
    gain: int
    kind: _Kind


class _HandedOut:
    """What was handed out, as runs of one kind, so that it can be given back in part."""

    def __init__(self, full_gain: int) -> None:
        self._full_gain = full_gain
        # A reply begins at full gain, although nothing sounded before it.
        self._runs = [_Run(0, 0, full_gain, "padding")]
        self.count = 0
        self.position = 0
        self.gain = full_gain
        """Of the next sample, from 0 to `full_gain`."""

    @property
    def sounding(self) -> bool:
        """The last sample was audio."""
        return self._runs[-1].kind != "padding"

    def add(self, count: int, kind: _Kind) -> None:
        if self._runs[-1].kind != kind and (count or kind == "padding"):
            self._runs.append(_Run(self.count, self.position, 0 if kind == "padding" else self.gain, kind))
        self._stand_at(self.count + count)

    def take_back(self, count: int) -> int:
        """Forget the last `count` samples, or all there are; returns how many."""
        count = min(count, self.count)
        if count:
            while len(self._runs) > 1 and self._runs[-1].sent >= self.count - count:
                self._runs.pop()
            self._stand_at(self.count - count)
        return count

    def position_at(self, sent: int) -> int:
        run = self._runs[bisect_right(self._runs, sent, key=lambda run: run.sent) - 1]
        return run.position if run.kind == "padding" else min(run.position + sent - run.sent, self.position)

    def _stand_at(self, sent: int) -> None:
        run = self._runs[-1]
        done = sent - run.sent
        self.count = sent
        self.position = run.position if run.kind == "padding" else run.position + done
        change = 0 if run.kind == "padding" else done if run.kind == "rising" else -done
        self.gain = min(max(run.gain + change, 0), self._full_gain)

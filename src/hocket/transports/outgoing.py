"""What a client is sent: kept until it is known to have sounded, so that a client who was away hears the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from hocket.audio.frame import Samples
from hocket.errors import TransportError
from hocket.transports.client_messages import Clear, Hello, Played
from hocket.transports.incoming import Codec
from hocket.transports.playhead import Playhead
from hocket.transports.unheard import Unheard

REPORT_S: Final = 0.15
"""A client reports every 100 ms, give or take its timers."""

ECHO_S: Final = 1.0
"""How long after the last sound its report is waited for."""

CLEARS_KEPT: Final = 64
"""Without a word that the client has obeyed them."""


class Outgoing:
    """By position: what has sounded, what may have, and what is still to be sent. Times are the event loop's, in
    seconds."""

    def __init__(self, codec: Codec) -> None:
        self.playhead = Playhead(codec.rate, REPORT_S)
        self.clears = 0
        self._codec = codec
        self._unheard = Unheard(codec.rate, codec.width)
        self._sent = 0
        """Position up to which this connection has got it."""
        self._keeps: deque[tuple[int, int]] = deque(maxlen=CLEARS_KEPT)
        """Clears the client may not have obeyed: number, position kept."""
        self._all_sounded = asyncio.Event()

    def say(self, samples: Samples, now: float) -> None:
        """The next audio."""
        self.playhead.add(len(samples), now)
        self.playhead.mark()
        self._unheard.add(self._codec.encode(samples))
        self._all_sounded.clear()

    def unsent(self) -> list[bytes]:
        """What this connection has not got yet, in messages of a frame."""
        data = self._unheard.since(self._sent)
        self._sent = self.playhead.sent
        size = self._codec.frame_samples * self._codec.width
        return [data[at : at + size] for at in range(0, len(data), size)]

    def clear(self, now: float) -> tuple[int, Clear | None]:
        """How many samples have not sounded and are taken back, and what is to be said to the client."""
        dropped = self.playhead.take_back(now)
        keep = self.playhead.sent
        self._unheard.cut(keep)
        self._unheard.forget(keep)
        if self._sent <= keep:
            return dropped, None
        self._sent = keep
        self.clears += 1
        self._keeps.append((self.clears, keep))
        return dropped, Clear(keep)

    def reported(self, report: Played, now: float) -> bool:
        """A client says what has sounded. False when it says nothing new. Raises `TransportError` if it cannot be."""
        if report.clears < self.clears:
            return False  # of samples that have other numbers now
        self._check(report.sample, report.clears)
        self._keeps.clear()
        if not self.playhead.reported(report.sample, now):
            return False
        self._unheard.forget(report.sample)
        if self.playhead.acknowledged == self.playhead.sent:
            self._all_sounded.set()
        return True

    def heard(self, hello: Hello) -> int:
        """What had sounded when a client came back. Raises `TransportError` if it cannot be."""
        self._check(hello.played, hello.clears)
        # A clear that did not arrive was followed by nothing, so only what it kept can have sounded.
        kept = [keep for number, keep in self._keeps if number > hello.clears]
        return max(min([hello.played, self.playhead.sent, *kept]), self.playhead.acknowledged, self._unheard.start)

    def restart(self, heard: int, now: float) -> None:
        """Whatever follows `heard` is sent again."""
        self.playhead.restart(heard, now)
        self._unheard.forget(heard)
        self._sent = heard
        self._keeps.clear()

    def over(self) -> None:
        """Nobody waits for the rest."""
        self._all_sounded.set()

    async def silent(self, now: float) -> None:
        """Wait until all has sounded."""
        if self.playhead.acknowledged < self.playhead.sent:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self.playhead.silent_at - now) + ECHO_S):
                    await self._all_sounded.wait()

    def _check(self, sample: int, clears: int) -> None:
        sent, most = self.playhead.sent, self.clears
        if sample < 0 or not 0 <= clears <= most or (clears == most and sample > sent):
            raise TransportError(
                f"that {sample} samples have sounded after {clears} clears, and {sent} were sent after {most}",
                retryable=False,
            )

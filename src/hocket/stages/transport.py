"""Transport: the caller's end of the line."""

from __future__ import annotations

from typing import Literal, Protocol

from hocket.audio.frame import Frame, Samples


class Receiver(Protocol):
    """What a transport tells the session; every call comes from the event loop and returns at once."""

    def hear(self, frame: Frame) -> None:
        """The caller's next frame, in order and without gaps (a lost frame is concealed by the transport): 20 ms, or 40
        where there are many calls, which may change within one."""
        ...

    def played(self, sample: int, bound_ms: float, source: Literal["acknowledged", "estimated"]) -> None:
        """All samples before `sample`, of those sent, have sounded at the caller, give or take `bound_ms`."""
        ...

    def dtmf(self, digit: str) -> None:
        """The caller pressed a key: 0-9, *, # or A-D."""
        ...

    def lost(self) -> None:
        """The connection broke off, and the caller may come back. The session sends nothing more until they
        are `back`. Silence is heard of a caller who is away, at their pace."""
        ...

    def back(self) -> None:
        """The caller who was `lost` is there again. What had not sounded is taken back by `clear`, and played."""
        ...

    def left(self, reason: str) -> None:
        """The caller is gone."""
        ...


class Transport(Protocol):
    """A line to one caller."""

    name: str
    input_rate: int
    """Hertz of what the caller sends."""
    output_rate: int
    """Hertz of what the caller is sent."""
    ahead_ms: int
    """How much audio is sent before it is due: a playback buffer at the far end, 0 to 60."""

    @property
    def frame_ms(self) -> int:
        """How much audio it is sent at a time, where there is so much: 20 to 100, a whole number of samples."""
        ...

    async def start(self, receiver: Receiver) -> None:
        """Open the line and begin to deliver the caller's frames. Raises `TransportError`."""
        ...

    def send(self, samples: Samples) -> None:
        """Send the next `frame_ms` of the agent's audio, or less, a whole number of 20 ms; never blocks."""
        ...

    def clear(self) -> int:
        """Drop what has been sent and not yet sounded; returns how many samples were dropped (0 if it cannot know).
        The session fades out what follows, so that no click is heard."""
        ...

    async def close(self) -> None:
        """Let what was sent sound, then hang up."""
        ...

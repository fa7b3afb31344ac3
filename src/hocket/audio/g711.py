"""G.711, the telephone's codec: 16-bit samples to and from one byte each, by lookup.

The tables follow ITU-T G.711 (11/88), tables 1a (A-law) and 2a (mu-law). Encoding is lossy; what has been decoded
once survives any number of further trips unchanged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.audio.frame import Frame, Samples


def encode_ulaw(samples: Samples) -> bytes:
    """Samples, shape (n,), to n bytes of mu-law."""
    return _ENCODE_ULAW.take(samples.view(np.uint16)).tobytes()


def ulaw_of(frame: Frame) -> bytes:
    """A frame in mu-law: as it came, or encoded."""
    return frame.ulaw or encode_ulaw(frame.samples)


def decode_ulaw(data: bytes) -> Samples:
    """n bytes of mu-law to samples, shape (n,)."""
    return _DECODE_ULAW.take(np.frombuffer(data, np.uint8))


def encode_alaw(samples: Samples) -> bytes:
    """Samples, shape (n,), to n bytes of A-law."""
    return _ENCODE_ALAW[samples.view(np.uint16)].tobytes()


def decode_alaw(data: bytes) -> Samples:
    """n bytes of A-law to samples, shape (n,)."""
    return _DECODE_ALAW[np.frombuffer(data, np.uint8)]


def _ulaw_decoder() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4) & 7, (code & 15).astype(np.int32)
    # The bias of 33 (132 at 16 bits) makes every segment twice the one before.
    magnitude = ((2 * step + 33) << (segment + 2)) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _ulaw_encoder() -> NDArray[np.uint8]:
    """Indexed by a sample seen as unsigned."""
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(sample), 32635) + 132
    segment = np.frexp(biased)[1] - 8
    code = (segment << 4) | ((biased >> (segment + 3)) & 15)
    return np.asarray(~(code | np.where(sample < 0, 0x80, 0)) & 255, np.uint8)


def _alaw_decoder() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = (code >> 4) & 7, (code & 15).astype(np.int32)
    magnitude = np.where(segment == 0, 16 * step + 8, (16 * step + 264) << np.maximum(segment.astype(np.int32) - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _alaw_encoder() -> NDArray[np.uint8]:
    """Indexed by a sample seen as unsigned."""
    sample = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    # A-law has no zero: ones' complement gives -1..-16 the smallest negative level, as 0..15 the smallest positive.
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = np.maximum(np.frexp(magnitude)[1] - 8, 0)
    step = (magnitude >> np.maximum(segment + 3, 4)) & 15
    return np.asarray(((segment << 4) | step | np.where(sample < 0, 0, 0x80)) ^ 0x55, np.uint8)


_ENCODE_ULAW = _ulaw_encoder()
_DECODE_ULAW = _ulaw_decoder()
_ENCODE_ALAW = _alaw_encoder()
_DECODE_ALAW = _alaw_decoder()

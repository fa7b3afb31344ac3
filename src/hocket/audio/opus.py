"""Opus by libopus (RFC 6716), mono: what WebRTC speaks.

The wire counts time at 48 kHz whatever was encoded; libopus itself decodes straight to the rate that is wanted, which
is cheaper than resampling. Each packet carries a coarse copy of the frame before it (in-band FEC), so that one lost
packet is rebuilt from the next.

The library is handed in, so that this module finds and opens nothing. libopus is not thread-safe for one encoder or
decoder; a call owns its own.
"""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np

from hocket.audio.frame import FRAME_MS, Samples
from hocket.errors import AudioError

WIRE_RATE: Final = 48_000
"""Hertz of RTP timestamps (RFC 7587)."""

RATES: Final = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Hertz that libopus encodes from and decodes to."""

MAX_PACKET_MS: Final = 120
MAX_PACKET_BYTES: Final = 1_275
"""Of one frame of 20 ms."""

DTX_BYTES: Final = 2
"""A packet of no more bytes says: silence, and nothing follows for a while (RFC 6716, 2.1.9)."""

LOWEST_BITRATE: Final = 8_000
HIGHEST_BITRATE: Final = 32_000

_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL = 4002, 4010, 4012, 4014, 4024
_SIGNAL_VOICE = 3001
_RESET_STATE = 4028

_STEP: Final = WIRE_RATE // 400
"""2.5 ms, the unit of all frame lengths."""

_SILK_FRAMES: Final = (10, 20, 40, 60)
_MS_STEPS: Final = 2 * WIRE_RATE // 2000


def packet_samples(packet: bytes) -> int:
    """How long a packet lasts, in samples of `WIRE_RATE`; 0 when it is no Opus packet (RFC 6716, 3.1 and 3.2)."""
    if not packet:
        return 0
    toc = packet[0]
    configuration, code = toc >> 3, toc & 3
    if configuration < 12:
        frame = _SILK_FRAMES[configuration & 3] * _MS_STEPS
    elif configuration < 16:
        frame = (10 + 10 * (configuration & 1)) * _MS_STEPS
    else:
        frame = _STEP << (configuration & 3)
    if code == 3:
        if len(packet) < 2:
            return 0
        count = packet[1] & 0x3F
    else:
        count = (1, 2, 2)[code]
    samples = frame * count
    return samples if 0 < samples <= MAX_PACKET_MS * _MS_STEPS else 0


class OpusEncoder:
    """One stream of speech at `rate` Hertz. `bitrate` (8000 to 32000 bit/s), `loss_percent` (how many packets are
    expected to be lost, which decides how much goes into FEC) and `complexity` (0 to 10) can be changed at any time."""

    __slots__ = ("__weakref__", "_encode", "_encoder", "_library", "_packet", "_samples", "bitrate", "complexity",
                 "loss_percent")  # fmt: skip

    def __init__(
        self,
        library: ctypes.CDLL,
        rate: int,
        *,
        bitrate: int = 24_000,
        loss_percent: int = 5,
        complexity: int = 5,
    ) -> None:
        _check_rate(rate)
        self._encoder = _create(library, "opus_encoder", rate, 1, _APPLICATION_VOIP)
        self._library = library
        self._encode = library.opus_encode
        self._samples = rate * FRAME_MS // 1000
        self._packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._control(_SET_FEC, 1)
        self._control(_SET_SIGNAL, _SIGNAL_VOICE)
        self.bitrate = self.loss_percent = self.complexity = -1
        self.adjust(bitrate=bitrate, loss_percent=loss_percent, complexity=complexity)

    def adjust(
        self, *, bitrate: int | None = None, loss_percent: int | None = None, complexity: int | None = None
    ) -> None:
        """Change what is given; values beyond the bounds are held at them."""
        if bitrate is not None and bitrate != self.bitrate:
            self.bitrate = min(max(bitrate, LOWEST_BITRATE), HIGHEST_BITRATE)
            self._control(_SET_BITRATE, self.bitrate)
        if loss_percent is not None and loss_percent != self.loss_percent:
            self.loss_percent = min(max(loss_percent, 0), 100)
            self._control(_SET_LOSS, self.loss_percent)
        if complexity is not None and complexity != self.complexity:
            self.complexity = min(max(complexity, 0), 10)
            self._control(_SET_COMPLEXITY, self.complexity)

    def encode(self, samples: Samples) -> bytes:
        """A frame of 20 ms, shape (rate / 50,), as a packet."""
        assert len(samples) == self._samples, "Opus is given frames of 20 ms"
        samples = np.ascontiguousarray(samples, np.int16)
        count = self._encode(self._encoder, samples.ctypes.data, self._samples, self._packet, MAX_PACKET_BYTES)
        assert count > 0, f"opus_encode: {count}"
        return self._packet.raw[:count]

    def _control(self, request: int, value: int) -> None:
        result = self._library.opus_encoder_ctl(self._encoder, ctypes.c_int(request), ctypes.c_int(value))
        assert result == 0, f"opus_encoder_ctl({request}, {value}): {result}"


class OpusDecoder:
    """One stream to `rate` Hertz. Counts are samples of `WIRE_RATE`, results samples of `rate`."""

    __slots__ = ("__weakref__", "_decode", "_decoder", "_library", "_most", "_pcm", "_per_wire")

    def __init__(self, library: ctypes.CDLL, rate: int) -> None:
        _check_rate(rate)
        self._decoder = _create(library, "opus_decoder", rate, 1)
        self._library = library
        self._decode = library.opus_decode
        self._per_wire = WIRE_RATE // rate
        self._most = rate * MAX_PACKET_MS // 1000
        self._pcm = np.empty(self._most, np.int16)

    def decode(self, packet: bytes) -> Samples:
        """A packet as samples, shape (n,). Raises `AudioError` when it is damaged."""
        count = self._decode(self._decoder, packet, len(packet), self._pcm.ctypes.data, self._most, 0)
        if count <= 0:
            raise AudioError("An Opus packet is damaged; its sound is made up from what came before.")
        return self._pcm[:count].copy()

    def recover(self, packet: bytes, count: int) -> Samples:
        """The `count` samples before `packet`, from the copy that it carries: shape (count / WIRE_RATE * rate,). Made
        up from what came before where it carries none. Raises `AudioError` when the packet is damaged."""
        wanted = count // self._per_wire
        made = self._decode(self._decoder, packet, len(packet), self._pcm.ctypes.data, wanted, 1)
        if made != wanted:
            raise AudioError("An Opus packet is damaged; its sound is made up from what came before.")
        return self._pcm[:wanted].copy()

    def conceal(self, count: int) -> Samples:
        """Make up `count` samples, a multiple of 2.5 ms and at most 120 ms, from what came before."""
        wanted = count // self._per_wire
        made = self._decode(self._decoder, None, 0, self._pcm.ctypes.data, wanted, 0)
        assert made == wanted, f"opus_decode conceals {wanted} samples: {made}"
        return self._pcm[:wanted].copy()

    def reset(self) -> None:
        """Another stream begins."""
        result = self._library.opus_decoder_ctl(self._decoder, ctypes.c_int(_RESET_STATE))
        assert result == 0, f"opus_decoder_ctl: {result}"


def _check_rate(rate: int) -> None:
    assert rate in RATES, f"Opus has no rate of {rate} Hz"


class _State(ctypes.c_void_p):
    """An encoder or a decoder, freed with its owner."""

    _destroy: ctypes._NamedFuncPointer

    def __del__(self) -> None:
        if self.value:
            self._destroy(self)


def _create(library: ctypes.CDLL, kind: str, *options: int) -> _State:
    _declare(library)
    error = ctypes.c_int()
    state = _State(getattr(library, f"{kind}_create")(*options, ctypes.byref(error)))
    assert error.value == 0 and state.value, f"{kind}_create: {error.value}"
    state._destroy = getattr(library, f"{kind}_destroy")
    return state


def _declare(library: ctypes.CDLL) -> None:
    """What the functions take and return, for a library that does not know it yet."""
    if library.opus_decode.argtypes:
        return
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    library.opus_encoder_create.restype = library.opus_decoder_create.restype = pointer
    library.opus_encoder_create.argtypes = [integer, integer, integer, pointer]
    library.opus_decoder_create.argtypes = [integer, integer, pointer]
    library.opus_encoder_destroy.argtypes = library.opus_decoder_destroy.argtypes = [pointer]
    library.opus_encoder_destroy.restype = library.opus_decoder_destroy.restype = None
    library.opus_encode.argtypes = [pointer, pointer, integer, pointer, integer]
    library.opus_decode.argtypes = [pointer, ctypes.c_char_p, integer, pointer, integer, integer]

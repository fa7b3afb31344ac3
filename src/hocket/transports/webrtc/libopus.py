"""Where libopus comes from: the system, or the wheel of PyAV, which carries one."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hocket.errors import MissingError

_NAMES = ("libopus.so.0", "libopus.0.dylib", "opus.dll", "libopus-0.dll")
_WHEEL_PATTERNS = ("libopus-*.so*", "libopus*.dylib", "libopus*.dll")


@cache
def load_opus() -> ctypes.CDLL:
    """The Opus codec of this machine, loaded once. Raises `MissingError`."""
    for name in _candidates():
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise MissingError(
        "Calls by WebRTC need the codec Opus, and libopus is neither on this system nor in PyAV: install it"
        " (Debian, Ubuntu: apt-get install libopus0), or pip install hocket[webrtc]."
    )


def _candidates() -> Iterator[str]:
    yield from _NAMES
    found = ctypes.util.find_library("opus")
    if found:
        yield found
    yield from in_wheel()


def in_wheel() -> Iterator[str]:
    """The copies of libopus beside an installed PyAV."""
    spec = find_spec("av")
    for folder in spec.submodule_search_locations or () if spec else ():
        package = Path(folder)
        for libraries in (package.with_name("av.libs"), package / ".dylibs"):
            for pattern in _WHEEL_PATTERNS:
                yield from map(str, sorted(libraries.glob(pattern)))

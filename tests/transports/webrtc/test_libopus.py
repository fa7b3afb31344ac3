from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from hocket.errors import MissingError
from hocket.transports.webrtc import libopus


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    libopus.load_opus.cache_clear()
    yield
    libopus.load_opus.cache_clear()


def test_the_copy_beside_pyav_will_do() -> None:
    found = list(libopus.in_wheel())
    assert found
    assert ctypes.CDLL(found[0]).opus_decoder_create


def test_without_any_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libopus, "_candidates", lambda: iter(["libnothing.so.0"]))
    with pytest.raises(MissingError, match="apt-get install libopus0"):
        libopus.load_opus()

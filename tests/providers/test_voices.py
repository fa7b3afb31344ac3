from __future__ import annotations

import pytest

from hocket.errors import MissingError
from hocket.providers import voices
from hocket.providers.espeak import Espeak
from hocket.providers.voices import offline_voice


def missing() -> None:
    raise MissingError("not here")


def test_flite_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = object()
    monkeypatch.setattr(voices, "Flite", lambda: chosen)
    assert offline_voice() is chosen


def test_espeak_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "Flite", missing)
    chosen = object()
    monkeypatch.setattr(voices, "Espeak", lambda: chosen)
    assert offline_voice() is chosen


def test_without_both_each_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "Flite", missing)
    monkeypatch.setattr(voices, "Espeak", missing)
    with pytest.raises(MissingError, match=r"libflite1.*hocket\[espeak\]"):
        offline_voice()


def test_what_is_here_can_be_used() -> None:
    try:
        voice = offline_voice()
    except MissingError as error:
        pytest.skip(str(error))
    assert voice.name in ("flite/rms", "espeak/en-us")
    if isinstance(voice, Espeak):
        voice.close()

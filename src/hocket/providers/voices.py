"""The voice for when there is no key and no network."""

from __future__ import annotations

from hocket.errors import MissingError
from hocket.providers.espeak import Espeak
from hocket.providers.flite import Flite
from hocket.stages.tts import Tts


def offline_voice() -> Tts:
    """flite if its library is on the system or in the cache, else espeak-ng if its package is installed.

    Raises `MissingError`, which names both ways.
    """
    try:
        return Flite()
    except MissingError:
        pass
    try:
        return Espeak()
    except MissingError:
        raise MissingError(
            "There is no offline voice. Get flite with `apt-get install libflite1`, or without root with "
            "`python -m hocket.providers.flite_library`, or espeak with `pip install hocket[espeak]`."
        ) from None

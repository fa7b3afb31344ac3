"""Audio and a script that belong together, for the tests of recognisers on the wire."""

from __future__ import annotations

import numpy as np

from hocket.audio.frame import Samples
from hocket.sim.script import Word

RATE = 16_000
SCRIPT = (
    Word("Could", 100, 200),
    Word("you", 200, 300),
    Word("move", 300, 400),
    Word("it", 400, 500),
    Word("to", 700, 800),
    Word("Friday?", 800, 900),
)
"""A pause of 200 ms after "it"."""

SAID = "could you move it to friday"
SPEECH: Samples = (8000 * np.sin(np.arange(RATE) * 2 * np.pi * 220 / RATE)).astype(np.int16)
"""One second; what is in it does not matter to a server with a script."""


def plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum() or character == " ")

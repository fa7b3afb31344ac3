"""What completion scores mean: fixed points of the scale from 0, the caller goes on, to 1, the caller has finished."""

from __future__ import annotations

from typing import Final

EMPTY: Final = 0.0
FILLER: Final = 0.05
"""A sound or phrase that keeps the turn at the end: "um", "let me see"."""
DANGLING: Final = 0.1
"""A last word that calls for another: "I'd like to"."""
DIGITS_GOING_ON: Final = 0.2
"""A number, an address or a name that is being dictated."""
LIKELY_DANGLING: Final = 0.25
"""A last word that mostly calls for another: "I want", "I'm looking"."""
PHRASE: Final = 0.6
"""A noun phrase that may be all: "the large pizza"."""
STANDING: Final = 0.75
"""A short word that mostly calls for another, where it does not: "what is it for"."""
REPLY: Final = 0.85
"""A reply of a word or two, whatever was asked: "yes"."""
SENTENCE: Final = 0.9
"""A question, request or sentence with its parts."""
ANSWER: Final = 0.95
"""An answer of the kind that was asked for."""

"""One colour for each part of a turn, the same in the terminal and on the page, readable on light and dark."""

from __future__ import annotations

from typing import Final

COLOURS: Final[dict[str, str]] = {
    "vad": "#2f7fd6",
    "silence": "#86b6f2",
    "confirm": "#6272e8",
    "turn": "#4f9c8f",
    "transcript": "#17a3b5",
    "stt": "#17a3b5",
    "retrieval": "#7d9f35",
    "connect": "#c2569b",
    "llm": "#8a57d1",
    "segment": "#bd8ae6",
    "tts": "#ee8a2c",
    "tool": "#a8765a",
    "filler": "#c9a800",
    "gate": "#8b919c",
    "playout": "#2ba566",
    "unexplained": "#e03a3f",
}

"""The messages of Deepgram's `/v2/listen` for one connection: turns, and their ends foreseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from hocket.sim.delays import Delays
from hocket.sim.script import Word
from hocket.sim.wire.hearing import Hearing

UPDATE_MS: Final = 250
"""Of audio between two updates of a turn."""

EOT_THRESHOLD: Final = 0.7
EOT_TIMEOUT_MS: Final = 5_000
SURE_AFTER_MS: Final = (300, 1200)
"""Silence that makes it sure that the turn is over: after words that end a sentence, and after others."""


class FluxTurns:
    """Connected and TurnInfo, as the audio comes."""

    def __init__(
        self, hearing: Hearing, query: Mapping[str, str], delays: Delays, put: Callable[[str, int], None]
    ) -> None:
        self._hearing = hearing
        self._delays = delays
        self._put = put
        self._eot = float(query.get("eot_threshold", EOT_THRESHOLD))
        self._eager = float(query["eager_eot_threshold"]) if "eager_eot_threshold" in query else None
        self._timeout_ms = int(query.get("eot_timeout_ms", EOT_TIMEOUT_MS))
        self._sequence = 0
        self._turn = 0
        self._turn_start_ms = 0.0
        self._words: list[Word] = []
        self._eager_sent = False
        self._updated_ms = 0.0

    def begin(self) -> None:
        self._say({"type": "Connected"})

    def hear(self) -> None:
        """More audio has come."""
        hearing = self._hearing
        words = hearing.interim()
        if words and not self._words:
            self._words = words
            self._info("StartOfTurn")
        elif len(words) > len(self._words):
            self._words = words
            self._info("TurnResumed" if self._eager_sent else "Update")
            self._eager_sent = False
        elif words and hearing.position_ms - self._updated_ms >= UPDATE_MS:
            self._info("Update")
        if not words:
            return
        sure = self._confidence()
        if sure >= self._eot:
            self._end_turn("model")
        elif (hearing.silence_ms() or 0) >= self._timeout_ms:
            self._end_turn("timeout")
        elif self._eager is not None and sure >= self._eager and not self._eager_sent:
            self._eager_sent = True
            self._info("EagerEndOfTurn")

    def obey(self, kind: str, message: str) -> None:
        """A text message of the client. Outside of a turn ForceEndTurn is ignored, as by Deepgram."""
        if kind == "ForceEndTurn":
            if self._words or self._hearing.silence_ms() is not None:
                self._end_turn("manual")
        elif kind == "Configure":
            thresholds = msgspec.json.decode(message).get("thresholds") or {}
            self._eot = float(thresholds.get("eot_threshold", self._eot))
            self._say({"type": "ConfigureSuccess", "thresholds": thresholds, "keyterms": []})
        else:
            self._say({"type": "Error", "code": "UNPARSABLE_CLIENT_MESSAGE", "description": "The message is unknown."})

    def end(self) -> None:
        """The client has sent all; a turn that is going on is not ended."""

    def _end_turn(self, trigger: str) -> None:
        self._words = self._hearing.final()
        self._info("EndOfTurn", trigger, self._delays.stt_finalize() if trigger == "manual" else 0)
        self._words = []
        self._eager_sent = False
        self._turn += 1
        self._turn_start_ms = self._hearing.position_ms

    def _confidence(self) -> float:
        """That the turn is over: it grows with the silence, quicker after the end of a sentence."""
        silence_ms = self._hearing.silence_ms()
        if silence_ms is None:
            return 0.0
        complete, incomplete = SURE_AFTER_MS
        return min(0.99, silence_ms / (complete if self._words[-1].text[-1:] in ".?!" else incomplete))

    def _info(self, event: str, trigger: str | None = None, delay_ns: int = 0) -> None:
        self._updated_ms = self._hearing.position_ms
        message: dict[str, object] = {
            "type": "TurnInfo",
            "event": event,
            "turn_index": self._turn,
            "audio_window_start": self._turn_start_ms / 1000,
            "audio_window_end": self._hearing.position_ms / 1000,
            "transcript": " ".join(word.text for word in self._words),
            "words": _words(self._words),
            "end_of_turn_confidence": self._confidence() if self._words else 0.0,
        }
        if trigger is not None:
            message["trigger"] = trigger
        self._say(message, delay_ns)

    def _say(self, message: dict[str, object], delay_ns: int = 0) -> None:
        numbered = {**message, "request_id": "wire", "sequence_id": self._sequence}
        self._sequence += 1
        self._put(msgspec.json.encode(numbered).decode(), delay_ns)


def _words(words: Sequence[Word]) -> list[dict[str, object]]:
    return [
        {"word": word.text, "confidence": 0.99, "start": word.start_ms / 1000, "end": word.end_ms / 1000}
        for word in words
    ]

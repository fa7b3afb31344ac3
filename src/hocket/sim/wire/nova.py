"""The messages of Deepgram's `/v1/listen` for one connection: pure but for the delays it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from hocket.sim.delays import Delays
from hocket.sim.script import Word
from hocket.sim.wire.hearing import Hearing, plain, punctuated

LONGEST_MS: Final = 5_000
"""Of audio without a final: then one comes by itself, even in mid-sentence."""

_ENDPOINTING_MS: Final = 10
"""Deepgram's own silence for a final when the client says nothing about it."""


class NovaResults:
    """Results, SpeechStarted, UtteranceEnd and Metadata, as the audio comes."""

    def __init__(
        self,
        hearing: Hearing,
        query: Mapping[str, str],
        delays: Delays,
        put: Callable[[str, int], None],
        answers_when_empty: bool,
    ) -> None:
        self._hearing = hearing
        self._query = query
        self._delays = delays
        self._put = put
        self._answers_when_empty = answers_when_empty
        self._shown: list[Word] = []
        self._start_ms = 0.0
        """Where the audio begins that is in no final."""
        self._endpointing_ms = _milliseconds(query.get("endpointing"), _ENDPOINTING_MS)
        self._utterance_end_ms = _milliseconds(query.get("utterance_end_ms"), None)
        self._speaking_until_ms: float | None = None

    def begin(self) -> None:
        """Nova says nothing before it has heard something."""

    def hear(self) -> None:
        """More audio has come."""
        hearing = self._hearing
        words = hearing.interim()
        if words != self._shown and words:
            if not self._shown and self._query.get("vad_events") == "true":
                self._say({"type": "SpeechStarted", "channel": [0], "timestamp": words[0].start_ms / 1000})
            self._shown = words
            if self._query.get("interim_results") == "true":
                self._results(words, final=False)
        silence_ms = hearing.silence_ms()
        if silence_ms is not None and self._endpointing_ms is not None and silence_ms > max(self._endpointing_ms, 0):
            self._settle(speech_final=True, delay_ns=self._delays.stt_finalize())
        elif hearing.position_ms - self._start_ms >= LONGEST_MS:
            self._settle(delay_ns=self._delays.stt_finalize())
        self._end_utterance()

    def obey(self, kind: str, message: str) -> None:
        """A text message of the client."""
        if kind == "Finalize":
            if self._answers_when_empty or self._hearing.silence_ms() is not None:
                self._settle(from_finalize=True, delay_ns=self._delays.stt_finalize())
        elif kind not in ("KeepAlive", "Configure"):
            self._say(
                {
                    "type": "Error",
                    "variant": "SchemaError",
                    "description": "Could not deserialize last text message.",
                    "message": message,
                }
            )

    def end(self) -> None:
        """The client has sent all."""
        if self._hearing.silence_ms() is not None:
            self._settle(delay_ns=self._delays.stt_finalize())
        self._say(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": "wire",
                "sha256": "0" * 64,
                "created": "2026-01-01T00:00:00.000Z",
                "duration": self._hearing.position_ms / 1000,
                "channels": 1,
            }
        )

    def _settle(self, *, delay_ns: int, speech_final: bool = False, from_finalize: bool = False) -> None:
        words = self._hearing.final()
        if words:
            self._speaking_until_ms = words[-1].end_ms
        self._results(words, final=True, speech_final=speech_final, from_finalize=from_finalize, delay_ns=delay_ns)
        self._shown = []
        self._start_ms = self._hearing.position_ms

    def _end_utterance(self) -> None:
        wait_ms, until_ms = self._utterance_end_ms, self._speaking_until_ms
        if wait_ms is None or until_ms is None or self._hearing.position_ms < until_ms + wait_ms:
            return
        self._speaking_until_ms = None
        self._say({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": until_ms / 1000})

    def _results(
        self,
        words: Sequence[Word],
        *,
        final: bool,
        speech_final: bool = False,
        from_finalize: bool = False,
        delay_ns: int = 0,
    ) -> None:
        asked = any(self._query.get(name) == "true" for name in ("punctuate", "smart_format"))
        written = punctuated(words) if final and asked else [plain(word) for word in words]
        self._say(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": (self._hearing.position_ms - self._start_ms) / 1000,
                "start": self._start_ms / 1000,
                "is_final": final,
                "speech_final": speech_final,
                "from_finalize": from_finalize,
                "channel": {
                    "alternatives": [
                        {
                            "transcript": " ".join(written),
                            "confidence": 0.99 if words else 0.0,
                            "words": [
                                {
                                    "word": plain(word),
                                    "start": word.start_ms / 1000,
                                    "end": word.end_ms / 1000,
                                    "confidence": 0.99,
                                    "punctuated_word": text,
                                }
                                for word, text in zip(words, written, strict=True)
                            ],
                        }
                    ]
                },
                "metadata": {
                    "request_id": "wire",
                    "model_info": {"name": self._query.get("model", ""), "version": "wire", "arch": "wire"},
                    "model_uuid": "wire",
                },
            },
            delay_ns,
        )

    def _say(self, message: dict[str, object], delay_ns: int = 0) -> None:
        self._put(msgspec.json.encode(message).decode(), delay_ns)


def _milliseconds(asked: str | None, default: int | None) -> int | None:
    """None where the client switched it off."""
    if asked is None:
        return default
    return int(asked) if asked.isdigit() else None

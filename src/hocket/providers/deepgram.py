"""Deepgram: Nova, a recogniser that streams, and Flux, one that also hears the end of a turn.

Sources of the protocol: developers.deepgram.com (Finalize, Audio Keep Alive, Flux state machine, Force End Turn) and
the types of deepgram-sdk 7.17. Deepgram *may* answer `Finalize` and ignores `ForceEndTurn` outside of a turn, so an
answer that does not come within `FINALIZE_S` is given from the interim words, and words that had been given so are
recognised by their times when they are sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from hocket.errors import SttError
from hocket.providers.cloud import Account, Dialer, Setting
from hocket.providers.deepgram_stream import DeepgramStream, Dialect

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
BASE_URL: Final = "wss://api.deepgram.com"


class Deepgram:
    """Nova over `/v1/listen`. Keyterms are words and names to expect; Nova-3 takes up to 100."""

    def __init__(
        self,
        model: str = "nova-3",
        *,
        key: Setting[str] | None = None,
        base_url: Setting[str] = BASE_URL,
        headers: Setting[Mapping[str, str]] = NOTHING,
        keyterms: Sequence[str] = (),
        encoding: Literal["linear16", "mulaw"] = "linear16",
        punctuate: bool = True,
        endpointing_ms: int = 0,
        options: Mapping[str, str] = NOTHING,
    ) -> None:
        """`key`: else `DEEPGRAM_API_KEY`. `encoding`: mulaw halves the bytes, and loses nothing of a telephone's audio.

        `endpointing_ms`: silence after which Deepgram gives a final by itself; 0 for never. `options`: further
        parameters of the query, such as {"numerals": "true"}. Raises `MissingError` without aiohttp.
        """
        self.name = f"deepgram/{model}"
        self._model = model
        self._encoding = encoding
        self._dialer = Dialer(_account(key, base_url, headers))
        self._query = [
            ("model", model),
            ("encoding", encoding),
            ("channels", "1"),
            ("interim_results", "true"),
            ("punctuate", str(punctuate).lower()),
            ("endpointing", str(endpointing_ms) if endpointing_ms else "false"),
            *options.items(),
            *(("keyterm", term) for term in keyterms),
        ]

    async def open(self, rate: int, language: str = "en") -> DeepgramStream:
        """A stream for audio of `rate` Hertz; `language` may be "multi". Raises `SttError`."""
        query = [*self._query, ("sample_rate", str(rate)), ("language", language)]
        socket = await self._dialer.open("/v1/listen", query, f'the model "{self._model}"')
        return DeepgramStream(socket, rate, self._encoding, Dialect.NOVA)

    async def close(self) -> None:
        """Close all streams and the session."""
        await self._dialer.close()


class DeepgramFlux:
    """Flux over `/v2/listen`: every turn is one growing transcript.

    StartOfTurn, Update, EagerEndOfTurn and TurnResumed are interims (punctuated, unlike Nova's), EndOfTurn is a final.
    `finalize` is ForceEndTurn: it ends the turn with what has been *transcribed* so far, which is all Flux offers.
    """

    def __init__(
        self,
        model: str = "flux-general-en",
        *,
        key: Setting[str] | None = None,
        base_url: Setting[str] = BASE_URL,
        headers: Setting[Mapping[str, str]] = NOTHING,
        keyterms: Sequence[str] = (),
        encoding: Literal["linear16", "mulaw"] = "linear16",
        eot_threshold: float | None = None,
        eager_eot_threshold: float | None = None,
        eot_timeout_ms: int | None = None,
        options: Mapping[str, str] = NOTHING,
    ) -> None:
        """`key`: else `DEEPGRAM_API_KEY`. `eot_threshold`: 0.5 to 0.9, and 1.0 leaves the end of turns to `finalize`.

        `eager_eot_threshold`: 0.3 to 0.9, asks for EagerEndOfTurn. Raises `MissingError` without aiohttp.
        """
        self.name = f"deepgram/{model}"
        self._model = model
        self._encoding = encoding
        self._dialer = Dialer(_account(key, base_url, headers))
        thresholds = {
            "eot_threshold": eot_threshold,
            "eager_eot_threshold": eager_eot_threshold,
            "eot_timeout_ms": eot_timeout_ms,
        }
        self._query = [
            ("model", model),
            ("encoding", encoding),
            *((name, f"{value:g}") for name, value in thresholds.items() if value is not None),
            *options.items(),
            *(("keyterm", term) for term in keyterms),
        ]

    async def open(self, rate: int, language: str = "en") -> DeepgramStream:
        """A stream for audio of `rate` Hertz. Only flux-general-multi looks at `language`. Raises `SttError`."""
        query = [*self._query, ("sample_rate", str(rate))]
        if self._model.endswith("-multi"):
            query.append(("language_hint", language))
        socket = await self._dialer.open("/v2/listen", query, f'the model "{self._model}"')
        return DeepgramStream(socket, rate, self._encoding, Dialect.FLUX)

    async def close(self) -> None:
        """Close all streams and the session."""
        await self._dialer.close()


def _account(key: Setting[str] | None, base_url: Setting[str], headers: Setting[Mapping[str, str]]) -> Account:
    return Account(
        vendor="Deepgram",
        variable="DEEPGRAM_API_KEY",
        error=SttError,
        base_url=base_url,
        key=key,
        headers=headers,
        auth=lambda key: {"Authorization": f"Token {key}"},
    )

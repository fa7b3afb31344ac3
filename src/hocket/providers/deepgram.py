"""Deepgram: Nova, a recogniser that streams, and Flux, one that also hears the end of a turn.

Sources of the protocol: developers.deepgram.com (Finalize, Audio Keep Alive, Flux state machine, Force End Turn) and
the types of deepgram-sdk 7.17. Deepgram *may* answer `Finalize` and ignores `ForceEndTurn` outside of a turn, so an
answer that does not come within `FINALIZE_S` is given from the interim words, and words that had been given so are
recognised by their times when they are sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hocket.errors import SttError
from hocket.providers.cloud import NOTHING, Account, Dialer, Setting
from hocket.providers.deepgram_stream import KEEPALIVE, KEEPALIVE_S, DeepgramStream, Dialect, quiet
from hocket.resilience.pool import Pool

if TYPE_CHECKING:
    from hocket.providers.cloud_socket import Socket

BASE_URL: Final = "wss://api.deepgram.com"
PRIMED_MS: Final = 100
"""Of silence, which a connection is sent when it is opened to wait: the recogniser has started when a call comes."""

KINDS: Final = 3
"""Rates and languages for which connections wait: an account's limit counts those too. Others are dialled."""

TENDED_MS: Final = 20
"""Of silence, which keeps a waiting connection of Flux; Nova has a message for it. Deepgram bills audio, not time."""


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
        parameters of the query, such as {"numerals": "true"}. Raises `MissingError` without picows.
        """
        self.name = f"deepgram/{model}"
        self._model = model
        self._sockets = _Sockets(self.name, _account(key, base_url, headers), encoding, Dialect.NOVA)
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
        return await self._sockets.take(self._asking(rate, language))

    async def warm(self, rate: int) -> None:
        """Have connections open for streams of `rate` Hertz in English, until `close`. Raises `SttError`.

        Streams of another rate or language have them too, from the first one on.
        """
        await self._sockets.warm(self._asking(rate, "en"))

    async def close(self) -> None:
        """Close all streams and the session."""
        await self._sockets.close()

    def _asking(self, rate: int, language: str) -> _Asking:
        query = (*self._query, ("sample_rate", str(rate)), ("language", language))
        return _Asking("/v1/listen", query, f'the model "{self._model}"', rate)


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

        `eager_eot_threshold`: 0.3 to 0.9, asks for EagerEndOfTurn. Raises `MissingError` without picows.
        """
        self.name = f"deepgram/{model}"
        self._model = model
        self._sockets = _Sockets(self.name, _account(key, base_url, headers), encoding, Dialect.FLUX)
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
        return await self._sockets.take(self._asking(rate, language))

    async def warm(self, rate: int) -> None:
        """Have connections open for streams of `rate` Hertz, until `close`. Raises `SttError`.

        Of flux-general-multi in English; streams of another rate or language have them too, from the first one on.
        """
        await self._sockets.warm(self._asking(rate, "en"))

    async def close(self) -> None:
        """Close all streams and the session."""
        await self._sockets.close()

    def _asking(self, rate: int, language: str) -> _Asking:
        hint = (("language_hint", language),) if self._model.endswith("-multi") else ()
        query = (*self._query, ("sample_rate", str(rate)), *hint)
        return _Asking("/v2/listen", query, f'the model "{self._model}"', rate)


class _Asking(NamedTuple):
    """What a connection is for. Connections for the same are alike."""

    path: str
    query: tuple[tuple[str, str], ...]
    about: str
    rate: int


class _Open:
    """A connection, and how many samples of silence it has been sent."""

    __slots__ = ("sent", "socket")

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.sent = 0


class _Sockets:
    """Connections of one account, waiting or not."""

    def __init__(self, name: str, account: Account, encoding: Literal["linear16", "mulaw"], dialect: Dialect) -> None:
        self._name = name
        self._dialer = Dialer(account)
        self._encoding: Literal["linear16", "mulaw"] = encoding
        self._dialect = dialect
        self._pools: dict[_Asking, Pool[_Open]] = {}
        """Those that are kept; none before `warm`."""

    async def take(self, asking: _Asking) -> DeepgramStream:
        pool = self._pools.get(asking) or self._pool(asking)
        if 0 < len(self._pools) < KINDS:
            self._pools[asking] = pool
        opened = await pool.take()
        if self._pools.get(asking) is pool:
            pool.keep()
        return DeepgramStream(opened.socket, asking.rate, self._encoding, self._dialect, sent_before=opened.sent)

    async def warm(self, asking: _Asking) -> None:
        if asking not in self._pools:
            self._pools[asking] = self._pool(asking)
        await self._pools[asking].fill()

    async def close(self) -> None:
        pools, self._pools = self._pools, {}
        try:
            await asyncio.gather(*(pool.close() for pool in pools.values()))
        finally:
            await self._dialer.close()

    def _pool(self, asking: _Asking) -> Pool[_Open]:
        async def dial() -> _Open:
            return _Open(await self._dialer.open(asking.path, list(asking.query), asking.about))

        async def tend(opened: _Open) -> None:
            await self._tend(opened, asking.rate)

        return Pool(
            dial,
            alive=lambda opened: opened.socket.alive,
            close=lambda opened: opened.socket.close(),
            name=self._name,
            tend=tend,
            tend_s=KEEPALIVE_S,
        )

    async def _tend(self, opened: _Open, rate: int) -> None:
        if opened.sent and self._dialect is Dialect.NOVA:
            await opened.socket.send(KEEPALIVE)
            return
        samples = rate * (TENDED_MS if opened.sent else PRIMED_MS) // 1000
        opened.sent += samples
        await opened.socket.send(quiet(samples, mulaw=self._encoding == "mulaw"))


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

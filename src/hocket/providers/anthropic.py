"""Anthropic's models over the Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType
from typing import Any, Final

from hocket.errors import LlmError
from hocket.providers.anthropic_messages import MessageReader, body_of
from hocket.providers.cloud import Account, Setting
from hocket.providers.llm_http import LlmHttp
from hocket.stages.llm import LlmDelta, LlmRequest

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
BASE_URL: Final = "https://api.anthropic.com"
VERSION: Final = "2023-06-01"

NO_THINKING: Final[Mapping[str, Any]] = MappingProxyType({"thinking": {"type": "disabled"}})
"""The models since 4.6 think before they answer unless they are told not to, and a caller hears that as silence. The
few that always think refuse this: give them `body={}`."""


class Anthropic:
    """A Claude model, such as "claude-haiku-5-5".

    `key`: else `ANTHROPIC_API_KEY`. `base_url`, `headers` and `key` may be functions: they are asked again for every
    request. `body` is added to every request.
    """

    def __init__(
        self,
        model: str = "claude-haiku-5-5",
        *,
        key: Setting[str] | None = None,
        base_url: Setting[str] = BASE_URL,
        headers: Setting[Mapping[str, str]] = NOTHING,
        body: Mapping[str, Any] = NO_THINKING,
        silence_s: float = 10.0,
    ) -> None:
        """`silence_s`: nothing for so long is a failure. Raises `MissingError` without a key or aiohttp."""
        self.name = f"anthropic/{model}"
        self._model = model
        self._extra = dict(body)
        account = Account(
            vendor="Anthropic",
            variable="ANTHROPIC_API_KEY",
            error=LlmError,
            base_url=base_url,
            key=key,
            headers=headers,
            auth=lambda key: {"x-api-key": key, "anthropic-version": VERSION},
        )
        self._http = LlmHttp(account, self.name, silence_s)
        self._http.require_key()

    def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply. Closing the generator closes the response. Raises `LlmError`."""
        body = {**body_of(request, self._model), **self._extra}
        return self._http.reply("/v1/messages", body, MessageReader("Anthropic"))

    async def warm(self, rate: int) -> None:
        """Have connections open ahead, until `close`; `rate` does not matter. Raises `LlmError`."""
        await self._http.warm("/v1/models")

    async def models(self) -> tuple[str, ...]:
        """The models this account may use."""
        return await self._http.model_ids("/v1/models?limit=1000")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

"""Where a new call goes: the worker, a ticket for it, and the addresses it is reached at."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from hocket.gateway.admission import Refusal
from hocket.gateway.settings import Settings
from hocket.gateway.tickets import Kind


class Placement(msgspec.Struct, frozen=True):
    """A worker that would take a call now."""

    ticket: str
    worker: int
    port: int
    """Of its media."""
    webrtc: bool = False
    """Does it take calls by WebRTC?"""


class Place(Protocol):
    """What carriers' webhooks and the ticket API ask of the front."""

    def __call__(
        self, kind: Kind, *, expires_s: float = ..., caller: str = "", parameters: dict[str, Any] | None = None
    ) -> Placement | Refusal:
        """A place for one call on the worker with most room; or why there is none."""
        ...


def web_url(settings: Settings, host: str, path: str) -> str:
    """Where a page of the front is reached by somebody who asked for `host` (a Host header)."""
    if settings.public_url:
        return settings.public_url.rstrip("/") + path
    return f"{'https' if settings.tls else 'http'}://{host}{path}"


def media_url(settings: Settings, host: str, placement: Placement, path: str) -> str:
    """Where a worker takes media, for somebody who asked the front for `host` (a Host header)."""
    if settings.public_url:
        base = settings.public_url.rstrip("/").replace("http", "ws", 1)
        return f"{base}/w/{placement.worker}{path}"
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return f"{'wss' if settings.tls else 'ws'}://{name}:{placement.port}{path}"

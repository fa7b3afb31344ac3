"""Tickets: leave to begin one call, on one worker, soon.

A JWT (RFC 7519) signed with HS256. The front gives it out, and only the worker it names takes it, once.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Final, Literal, TypeAlias

import msgspec

from hocket.errors import InputError, MissingError
from hocket.gateway.addresses import group

try:
    import jwt
except ImportError:
    raise MissingError("Serving calls needs PyJWT, which is not installed: pip install hocket[serve]") from None

Kind: TypeAlias = Literal["ws", "webrtc", "twilio", "telnyx"]
"""How the caller comes."""

EXPIRES_S: Final = 60
"""How long a ticket is good for, unless somebody says otherwise."""

MAX_EXPIRES_S: Final = 600

MAX_BYTES: Final = 8 * 1024
"""Of a ticket; a longer one is not looked at."""

REMEMBERED: Final = 100_000
"""Tickets that were used and are not over yet. When there are so many, no more are taken until some are over."""

_AUDIENCE: Final = "hocket"


class TicketError(InputError):
    """This ticket opens no call; the sentence says why and may be shown to whoever presented it."""


class Ticket(msgspec.Struct, frozen=True):
    """What a ticket says."""

    id: str
    kind: Kind
    worker: str
    """The one process that takes it."""
    expires: float
    """Seconds since 1970, UTC."""
    caller: str = ""
    """Who calls, where the front was told by somebody it trusts."""
    parameters: dict[str, Any] = {}
    """For the agent, from the same source."""
    source: str = ""
    """Stands for the address that was given the ticket, where its calls are limited (`source_of`); else empty."""


class _Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    jti: str
    exp: float
    aud: str
    kind: Kind
    worker: str
    caller: str = ""
    parameters: dict[str, Any] = {}
    source: str = ""


def new_secret() -> str:
    """To sign tickets with."""
    return secrets.token_urlsafe(32)


def source_of(secret: str, address: str) -> str:
    """Stands for an address, and for all of one subscriber's, in tickets: who reads one cannot tell which it is. No
    signature of a ticket is one of these, because what is signed has no colon."""
    return hmac.digest(secret.encode(), b"source:" + group(address).encode(), "sha256")[:12].hex()


def issue(
    secret: str,
    *,
    kind: Kind,
    worker: str,
    now: float,
    expires_s: float = EXPIRES_S,
    caller: str = "",
    parameters: dict[str, Any] | None = None,
    source: str = "",
) -> str:
    """A ticket that is good from `now` (seconds since 1970) for `expires_s`, at most `MAX_EXPIRES_S`."""
    assert 0 < expires_s <= MAX_EXPIRES_S, "a ticket is short-lived"
    jti = secrets.token_urlsafe(16)
    claims = _Claims(jti, now + expires_s, _AUDIENCE, kind, worker, caller, parameters or {}, source)
    return jwt.encode(msgspec.to_builtins(claims), secret, algorithm="HS256")


class Tickets:
    """What one worker takes: every ticket that names it, once."""

    def __init__(self, secret: str, worker: str) -> None:
        self._secret = secret
        self._worker = worker
        self._used: dict[str, float] = {}
        """Ids of the tickets that were used -> when they are over."""

    def redeem(self, ticket: str, kind: Kind, now: float) -> Ticket:
        """What the ticket says; it is used up. `now`: seconds since 1970. Raises `TicketError`."""
        found = self.read(ticket, kind, now)
        self._use(found.id, found.expires, now)
        return found

    def read(self, ticket: str, kind: Kind, now: float) -> Ticket:
        """The same for a ticket that is not used up by it."""
        if len(ticket) > MAX_BYTES:
            raise TicketError("That is no ticket: it is too long.")
        claims = self._read(ticket)
        if claims.worker != self._worker:
            raise TicketError("The ticket is for another worker: call the address that came with it.")
        if claims.kind != kind:
            raise TicketError(f'The ticket is for a call by "{claims.kind}", and this is one by "{kind}".')
        # The bound on what is to come keeps a leaked secret's forgeries, too, from being remembered for long.
        if not now < claims.exp <= now + 2 * MAX_EXPIRES_S:
            raise TicketError("The ticket has expired: ask for a new one.")
        if claims.jti in self._used:
            raise TicketError("The ticket was used before: ask for a new one for each call.")
        return Ticket(
            claims.jti, claims.kind, claims.worker, claims.exp, claims.caller, claims.parameters, claims.source
        )

    def _read(self, ticket: str) -> _Claims:
        try:
            # When it expires is checked against the time that is given.
            claims = jwt.decode(
                ticket, self._secret, algorithms=["HS256"], audience=_AUDIENCE, options={"verify_exp": False}
            )
            return msgspec.convert(claims, _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError, RecursionError):
            raise TicketError("The ticket is not valid: ask for a new one.") from None

    def _use(self, jti: str, expires: float, now: float) -> None:
        if len(self._used) >= REMEMBERED:
            self._used = {used: end for used, end in self._used.items() if end > now}
            if len(self._used) >= REMEMBERED:
                raise TicketError("Too many tickets were used in a short time: try again in a minute.")
        self._used[jti] = expires

"""Is a request really a carrier's? Twilio signs with the account's token, Telnyx with the account's key."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from hocket.errors import ConfigError, MissingError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    raise MissingError("Serving calls needs cryptography, which is not installed: pip install hocket[serve]") from None

TOLERANCE_S: Final = 300
"""How old a webhook of Telnyx may be, and how far into the future its clock may be ahead."""

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def twilio_signature(auth_token: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """`X-Twilio-Signature` of a request: HMAC-SHA1 over its URL and the names and values of its form, each pair once
    and sorted, in base64 (https://www.twilio.com/docs/usage/security#validating-requests)."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return b64encode(hmac.digest(auth_token.encode(), signed.encode("utf-8", "surrogatepass"), "sha1")).decode()


def is_twilio(auth_token: str, signature: str, url: str, form: Iterable[tuple[str, str]] = ()) -> bool:
    """Did Twilio sign this? It signs with the port and without, and WebSockets with a slash at the end and without."""
    pairs = tuple(form)
    given = signature.encode("utf-8", "surrogatepass")
    return any(hmac.compare_digest(twilio_signature(auth_token, it, pairs).encode(), given) for it in _spellings(url))


def _spellings(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return {url}
    shown = f"[{host}]" if ":" in host else host
    ports = {f":{port or _PORTS.get(parts.scheme, 443)}", ""}
    urls = {url, *(parts._replace(netloc=shown + port).geturl() for port in ports)}
    if parts.scheme in ("ws", "wss") and not parts.query:
        urls |= {it.removesuffix("/") if it.endswith("/") else it + "/" for it in urls}
    return urls


class TelnyxKey:
    """An account's public key (https://developers.telnyx.com/docs/development/api-fundamentals/webhooks)."""

    def __init__(self, public_key: str) -> None:
        """In base64, as Telnyx's portal shows it. Raises `ConfigError`."""
        try:
            self._key = Ed25519PublicKey.from_public_bytes(b64decode(public_key, validate=True))
        except ValueError:
            raise ConfigError(
                "TELNYX_PUBLIC_KEY is no Ed25519 key of 32 bytes in base64: copy it from Telnyx's portal, under Keys &"
                " Credentials, Public Key."
            ) from None

    def signed(self, body: bytes, timestamp: str, signature: str, now: float) -> bool:
        """Did Telnyx sign this body, less than `TOLERANCE_S` before or after `now`, in seconds since 1970?"""
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):
            return False
        if abs(now - int(timestamp)) > TOLERANCE_S:
            return False
        try:
            self._key.verify(b64decode(signature, validate=True), f"{timestamp}|".encode() + body)
        except (ValueError, InvalidSignature):
            return False
        return True

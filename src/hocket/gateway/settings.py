"""What an operator decides about a gateway, and whether that is safe where it listens."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from hocket.errors import ConfigError

SECRET_BYTES: Final = 32
"""The least of HOCKET_SECRET: as long as the hash that signs tickets (RFC 7518, 3.2)."""

API_KEY_CHARACTERS: Final = 16
"""The least of each of HOCKET_API_KEYS."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What is given by environment variables and never printed."""

    secret: str = ""
    """Signs tickets; empty: the front makes one when it starts."""
    api_keys: tuple[str, ...] = ()
    """Servers that ask for tickets show one of these."""
    twilio_auth_token: str = ""
    telnyx_public_key: str = ""

    def __repr__(self) -> str:
        return "Secrets(...)"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one gateway: a front and its workers."""

    agent: str
    """As `hocket.agent.loader` takes it."""
    host: str = "127.0.0.1"
    port: int = 8080
    """Of the front; worker i takes media at `port` + 1 + i. 0: every listener takes a free one."""
    workers: int = 1
    dev: bool = False
    """For the developer at this machine: loopback only, and its pages need no leave to call."""
    origins: tuple[str, ...] = ()
    """Pages of these origins may call, such as "https://talk.example"."""
    public_url: str = ""
    """Where callers reach the front through a proxy; the proxy passes /w/<i>/... on to worker i."""
    public_ip: str = ""
    """Where callers' WebRTC reaches the workers, UDP at the ports of their media; empty: the addresses of `host`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded-For is believed."""
    metrics_from: tuple[str, ...] = ()
    """Addresses or networks that see /metrics without an API key, besides this machine."""
    tls_cert: str = ""
    tls_key: str = ""
    drain_timeout_s: float = 300.0
    """How long calls may go on after the gateway was told to stop."""
    max_calls: int | None = None
    """Of one worker; None: `admission.CALLS_PER_CORE`."""
    max_calls_per_address: int | None = None
    """Of one worker, of callers whose pages asked for their tickets; None: `admission.CALLS_PER_ADDRESS`."""
    secrets: Secrets = Secrets()

    @property
    def tls(self) -> bool:
        """Are the listeners' connections encrypted by this process?"""
        return bool(self.tls_cert)


def secrets_of(environment: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets in HOCKET_SECRET, HOCKET_API_KEYS (with commas between), TWILIO_AUTH_TOKEN, TELNYX_PUBLIC_KEY."""
    keys = (key.strip() for key in environment.get("HOCKET_API_KEYS", "").split(","))
    return Secrets(
        secret=environment.get("HOCKET_SECRET", ""),
        api_keys=tuple(key for key in keys if key),
        twilio_auth_token=environment.get("TWILIO_AUTH_TOKEN", ""),
        telnyx_public_key=environment.get("TELNYX_PUBLIC_KEY", ""),
    )


def check(settings: Settings) -> None:
    """Raise `ConfigError`, one sentence, for settings that cannot work or are not safe."""
    _check_values(settings)
    _check_tls(settings)
    local = is_loopback(settings.host)
    if settings.dev:
        if not local:
            raise ConfigError(
                f"--dev lets every page of this machine call and is for localhost only, not {settings.host}."
            )
        return
    secrets = settings.secrets
    if not (settings.origins or secrets.api_keys or secrets.twilio_auth_token or secrets.telnyx_public_key):
        raise ConfigError(
            "Nobody may call: allow pages with --origin https://your.page, servers with HOCKET_API_KEYS, or a carrier"
            " with TWILIO_AUTH_TOKEN or TELNYX_PUBLIC_KEY. To try it out on this machine use --dev."
        )
    if not local and not settings.tls and not settings.trusted_proxies:
        raise ConfigError(
            f"On {settings.host} calls would cross the network unencrypted: give --tls-cert and --tls-key, or name the"
            " proxy that ends TLS with --trusted-proxy."
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Does this name or address stay on this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_values(settings: Settings) -> None:
    _between("--port", settings.port, 0, 65_535 - 2 * settings.workers)
    _between("--workers", settings.workers, 1, 256)
    if settings.max_calls is not None:
        _between("--max-calls", settings.max_calls, 1, 100_000)
    if settings.max_calls_per_address is not None:
        _between("--max-calls-per-address", settings.max_calls_per_address, 1, 100_000)
    if not 0 <= settings.drain_timeout_s <= 86_400:
        raise ConfigError(f"--drain-timeout is {settings.drain_timeout_s:g}: give seconds from 0 to 86400.")
    for origin in settings.origins:
        if origin != origin_of(origin):
            raise ConfigError(
                f'--origin is "{origin}": give scheme and host as browsers do, such as https://your.page.'
            )
    if settings.public_url:
        parts = urlsplit(settings.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(
                f'--public-url is "{settings.public_url}": give an address such as https://voice.example.'
            )
    if settings.public_ip and not _is_address(settings.public_ip):
        raise ConfigError(f'--public-ip is "{settings.public_ip}": give an address such as 203.0.113.7.')
    _networks("--trusted-proxy", settings.trusted_proxies)
    _networks("--metrics-from", settings.metrics_from)
    if settings.secrets.secret and len(settings.secrets.secret.encode()) < SECRET_BYTES:
        raise ConfigError(f"HOCKET_SECRET is too short to sign with: give {SECRET_BYTES} random bytes or more.")
    if any(len(key) < API_KEY_CHARACTERS for key in settings.secrets.api_keys):
        raise ConfigError(
            f"One of HOCKET_API_KEYS can be guessed: give {API_KEY_CHARACTERS} random characters or more."
        )


def _networks(name: str, networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConfigError(f'{name} is "{network}": give an address or a network as 10.0.0.0/8.') from None


def _check_tls(settings: Settings) -> None:
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("--tls-cert and --tls-key belong together: give both, or neither.")
    for path in (settings.tls_cert, settings.tls_key):
        if path and not Path(path).is_file():
            raise ConfigError(f"There is no file {path}: give the certificate and the key as PEM files.")


def origin_of(url: str) -> str:
    """Scheme, host and port of an address as a browser's Origin header writes them; empty for what has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


def _between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value}: give a whole number from {least} to {most}.")

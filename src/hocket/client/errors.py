"""What goes wrong with a call to a gateway. Both are `hocket.errors.TransportError`s, with a sentence for people."""

from __future__ import annotations

from hocket.errors import TransportError


class CallRefused(TransportError):
    """The gateway takes no call: there is no room (`retry_after_s` says when to try again), or there is no leave to."""


class CallLost(TransportError):
    """The connection broke off and could not be restored in time."""

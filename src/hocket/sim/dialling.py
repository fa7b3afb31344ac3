"""Somebody dials: the webhook that a carrier asks, and what it is told to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode
from xml.etree import ElementTree

import aiohttp

from hocket.errors import TransportError

ANSWER_S: Final = 15.0
"""As long as Twilio waits for a webhook."""

MAX_ANSWER_BYTES: Final = 64 * 1024
"""Of an answer; Twilio takes as much."""


class StreamOrder(NamedTuple):
    """What `<Connect><Stream>` says."""

    url: str
    parameters: Mapping[str, str]


async def ask(webhook: str, body: bytes, headers: Mapping[str, str]) -> StreamOrder:
    """Ask a webhook, as for a call to a number. Raises `TransportError`: nobody answers, the line is busy, or the call
    is not connected with a stream."""
    try:
        async with asyncio.timeout(ANSWER_S), aiohttp.ClientSession() as session:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            async with session.post(webhook, data=body, headers={**kind, **headers}) as answer:
                text = await answer.content.read(MAX_ANSWER_BYTES)
                status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TransportError(
            f"No webhook answers at {webhook} ({str(error) or 'no answer in time'}): check that the server runs."
        ) from error
    if status != 200:
        said = text[:200].decode(errors="replace").strip()
        raise TransportError(f"The webhook at {webhook} answers with status {status} ({said}).", retryable=False)
    return _order(webhook, text)


def form(call_id: str, caller: str, called: str) -> dict[str, str]:
    """What both carriers tell a webhook of a call that comes in; they tell more."""
    return {"CallSid": call_id, "From": caller, "To": called, "Direction": "inbound", "CallStatus": "ringing"}


def encoded(fields: Mapping[str, str]) -> bytes:
    """A form's body."""
    return urlencode(fields).encode()


def _order(webhook: str, text: bytes) -> StreamOrder:
    try:
        response = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise TransportError(f"The webhook at {webhook} does not answer with XML ({error}).", retryable=False) from None
    if response.find("Reject") is not None:
        raise TransportError("The line is busy: the server takes no call now.")
    stream = response.find("Connect/Stream")
    if stream is None:
        raise TransportError(f"The webhook at {webhook} does not connect the call with a stream.", retryable=False)
    parameters = {it.get("name", ""): it.get("value", "") for it in stream.iter("Parameter")}
    return StreamOrder(stream.get("url", ""), parameters)

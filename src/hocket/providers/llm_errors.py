"""What a model's vendor refuses, as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hocket.errors import LlmError
from hocket.providers.cloud import retry_after_s

SAID_CHARACTERS: Final = 300
"""How much of a vendor's own words is passed on."""

NO_CREDIT: Final = ("insufficient_quota", "billing_error", "insufficient_balance")
"""What vendors call an account that has to be paid for first: waiting does not help."""


def refused(
    vendor: str, model: str, variable: str, status: int, headers: Mapping[str, str], body: bytes, key: str
) -> LlmError:
    """The error for a response that is no stream. Of what the server says, the key is left out."""
    kind, said = vendor_says(body)
    if key:
        said = said.replace(key, "…")
    wait_s = retry_after_s(headers)
    its_words = f' It says: "{said}"' if said else ""
    if status in (401, 403):
        # Vendors quote part of a wrong key; nothing they say here is passed on.
        where = f"check {variable}" if variable else "check the key"
        return LlmError(
            f'{vendor} refused the key (HTTP {status}): {where}, and that it may use "{model}".', retryable=False
        )
    if status == 402 or any(word in kind for word in NO_CREDIT):
        return LlmError(
            f"The account at {vendor} has no credit left (HTTP {status}): top it up or use another provider.",
            retryable=False,
        )
    if status == 404:
        return LlmError(
            f'{vendor} knows no model "{model}" at this address (HTTP 404): check both names.{its_words}',
            retryable=False,
        )
    if status == 429:
        until = f" and asks to wait {wait_s:g} s" if wait_s else ""
        return LlmError(
            f"{vendor} takes no more requests for now{until} (HTTP 429): "
            f"the account's rate limit is reached.{its_words}",
            retry_after_s=wait_s,
        )
    if status in (408, 409, 425) or status >= 500:
        return LlmError(f"{vendor} failed (HTTP {status}); trying again may help.{its_words}", retry_after_s=wait_s)
    return LlmError(
        f'{vendor} does not accept the request for "{model}" (HTTP {status}): '
        f"check the model and its options.{its_words}",
        retryable=False,
    )


def malformed(vendor: str) -> LlmError:
    """The error for an answer that nobody can read."""
    return LlmError(
        f"{vendor} sent something that is no answer of this API: check that base_url is the address of one, without a "
        "proxy in between that changes it."
    )


def broken_off(vendor: str) -> LlmError:
    """The error for a reply that ends before its end."""
    return LlmError(f"{vendor} broke off in the middle of a reply.")


def vendor_says(body: bytes) -> tuple[str, str]:
    """(what kind of error, its words) of an error in any of the shapes that are in use; empty where there is none.

    OpenAI and Anthropic: {"error": {"type", "code", "message"}}; Google: the same in a list; vLLM and Mistral:
    {"object": "error", "message"}; Ollama: {"error": "words"}.
    """
    try:
        answer: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", _plain(body.decode("utf-8", "replace")) if not body.lstrip().startswith(b"<") else ""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return "", ""
    error = answer.get("error") or answer
    if isinstance(error, str):
        return "", _plain(error)
    if not isinstance(error, dict):
        return "", ""
    kind = " ".join(str(error[name]) for name in ("code", "type", "status") if error.get(name))
    message = error.get("message") or error.get("detail") or ""
    return kind, _plain(message if isinstance(message, str) else msgspec.json.encode(message).decode())


def _plain(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SAID_CHARACTERS else f"{words[:SAID_CHARACTERS]}…"

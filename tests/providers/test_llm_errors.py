from __future__ import annotations

import pytest

from hocket.errors import LlmError
from hocket.providers.llm_errors import SAID_CHARACTERS, refused, vendor_says


def refusal(
    status: int, body: bytes = b"", retry_after: str = "", key: str = "sk-1", variable: str = "X_KEY"
) -> LlmError:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return refused("Vendor", "model", variable, status, headers, body, key)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"error": {"message": "No.", "type": "t", "code": "c"}}', "c t", "No."),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}', "overloaded_error", "Busy"),
        (b'[{"error": {"code": 400, "message": "Bad", "status": "INVALID"}}]', "400 INVALID", "Bad"),
        (
            b'{"object": "error", "message": "vLLM says", "type": "BadRequestError", "code": 400}',
            "400 BadRequestError",
            "vLLM says",
        ),
        (b'{"error": "model not found"}', "", "model not found"),
        (b'{"detail": [{"msg": "extra_forbidden"}]}', "", '[{"msg":"extra_forbidden"}]'),
        (b"Bad  gateway\n", "", "Bad gateway"),
        (b"<html>Bad gateway</html>", "", ""),
        (b"\xff\xfe", "", "\ufffd\ufffd"),
        (b"[]", "", ""),
        (b"{}", "", ""),
        (b"7", "", ""),
        (b"", "", ""),
    ],
)
def test_every_shape_of_an_error_is_read(body: bytes, kind: str, words: str) -> None:
    assert vendor_says(body) == (kind, words)


def test_an_account_without_credit_is_not_asked_again_though_its_status_says_too_many_requests() -> None:
    error = refusal(429, b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}')
    assert "no credit" in str(error)
    assert not error.retryable


def test_a_rate_limit_says_how_long_to_wait_where_it_is_a_number() -> None:
    assert "asks to wait 2.5 s" in str(refusal(429, retry_after="2.5"))
    assert "asks" not in str(refusal(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))
    assert refusal(429).retryable


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_vendor_that_asks_for_rest_is_to_be_left_alone_for_so_long(status: int) -> None:
    assert refusal(status, retry_after="2.5").retry_after_s == 2.5
    assert refusal(status).retry_after_s == 0


def test_no_key_is_repeated() -> None:
    body = b'{"error": {"message": "Incorrect API key provided: sk-1."}}'
    assert "sk-1" not in str(refusal(401, body))
    assert "sk-1" not in str(refusal(400, body))
    assert "Incorrect API key provided: …." in str(refusal(400, body))


def test_a_vendor_without_a_variable() -> None:
    assert "check the key" in str(refusal(401, variable=""))


def test_long_words_are_cut() -> None:
    assert len(vendor_says(b"word " * 1000)[1]) == SAID_CHARACTERS + 1

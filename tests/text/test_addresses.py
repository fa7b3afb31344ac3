from __future__ import annotations

import pytest

from tests.text.saying import said

CASES = [
    ("jane.doe@example.com.", "jane dot doe at example dot com."),
    ("(bob_42-x+y@mail.example.co.uk)", "(bob underscore four two dash x plus y at mail dot example dot co dot uk)"),
    ("Write to jane.doe@example.com or call.", "Write to jane dot doe at example dot com or call."),
    ("mailto:a@b.com", "a at b dot com"),
    ("https://example.com/help?id=5.", "example dot com slash help question mark id equals five."),
    ("http://example.com/", "example dot com"),
    ("www.example.com!", "www dot example dot com!"),
    ("Go to example.com, please", "Go to example dot com, please"),
    ("example.com/a/b", "example dot com slash a slash b"),
    ("example.com:8080/x#y", "example dot com colon eight zero eight zero slash x hash y"),
    ("Node.js, report.pdf", "Node.js, report.pdf"),
    ("end.In", "end.In"),
    ("Send it to us@example.de?", "Send it to us at example dot de?"),
    ("https://", "https://"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_addresses_are_read(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected

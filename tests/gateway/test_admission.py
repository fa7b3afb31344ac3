"""When a new call may begin."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from hocket.gateway.admission import LAG_P99_MS, Load, Reason, Refusal, refusal

ROOM = Load(live=3, max_calls=10)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"live": 9}, None),
        ({"live": 10}, "busy"),
        ({"live": 11}, "busy"),
        ({"lag_p99_ms": LAG_P99_MS}, None),
        ({"lag_p99_ms": LAG_P99_MS + 0.1}, "overloaded"),
        ({"lag_p99_ms": 500, "live": 0}, None),
        ({"providers_full": True}, "providers_busy"),
        ({"draining": True}, "draining"),
        ({"draining": True, "live": 10, "providers_full": True, "lag_p99_ms": 50}, "draining"),
        ({"live": 10, "providers_full": True, "lag_p99_ms": 50}, "busy"),
    ],
)
def test_admission(changed: dict[str, Any], reason: str | None) -> None:
    found = refusal(Load(**{"live": ROOM.live, "max_calls": ROOM.max_calls, **changed}))
    assert (found and found.reason) == reason
    if found:
        assert (found.status, found.retry_after_s > 0) == (503, True)


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_is_told_to_people_and_as_sip_does(reason: Reason) -> None:
    found = Refusal(reason, 7)
    assert found.sentence.endswith(". Try again in 7 s.")
    assert found.sip[:3] in ("480", "486", "503")
    assert found.body == {"reason": reason, "retry_after_s": 7, "message": found.sentence}
    assert found.headers == {"Retry-After": "7"}

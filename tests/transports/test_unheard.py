from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hocket.transports.unheard import KEPT_S, Unheard


@given(st.lists(st.tuples(st.sampled_from(["add", "forget", "cut"]), st.integers(0, 300)), max_size=60))
def test_it_keeps_what_lies_between_the_forgotten_and_the_cut(actions: list[tuple[str, int]]) -> None:
    unheard, said, start = Unheard(8_000, 2), b"", 0
    for action, value in actions:
        end = len(said) // 2
        match action:
            case "add":
                data = bytes((end + index) % 251 for index in range(2 * value))
                said += data
                unheard.add(data)
            case "forget":
                start = min(end, max(start, value))
                unheard.forget(start)
            case _:
                at = max(start, end - value)
                said = said[: 2 * at]
                unheard.cut(at)
        assert unheard.start == start
        assert unheard.since(start) == said[2 * start :]
        assert unheard.since(start + 10) == said[2 * (start + 10) :]


def test_of_a_client_that_never_reports_the_last_seconds_are_kept() -> None:
    unheard = Unheard(8_000, 1)
    for _ in range(60):
        unheard.add(bytes(8_000))
    kept = 60 * 8_000 - unheard.start
    assert KEPT_S - 1.5 <= kept / 8_000 <= KEPT_S
    assert len(unheard.since(unheard.start)) == kept

from __future__ import annotations

import msgspec
import pytest

from hocket.trace.news import Bar, Caption, News, PathPart, Spread, State, Summary, TailCause, Turn

NEWS: list[News] = [
    State("thinking"),
    Caption("agent", "We are open from n", final=True, interrupted=True),
    Turn(1, "when", "at nine", 370.5, (Bar("llm", -20, 80, 60),), (PathPart("llm", 80),), "hit", 120, 3, 14),
    Summary(
        1, Spread(370.5, None, None, None), Spread(None, None, None, None), 1, (TailCause("llm", 1),), 1, 0, 9, 0, 0
    ),
]


@pytest.mark.parametrize("news", NEWS, ids=lambda news: type(news).__name__)
def test_news_is_known_by_its_type_on_the_wire(news: News) -> None:
    wire = msgspec.json.encode(news)
    assert msgspec.json.decode(wire)["type"] == type(news).__name__.lower()
    assert msgspec.json.decode(wire, type=News) == news

from __future__ import annotations

from hocket.clock import MS
from hocket.ids import ReplyId, TurnId
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.percentiles import summary
from hocket.trace.records import Entry, Mark, Record, Tokens
from hocket.turn.commands import CommitTurn, StartReply
from hocket.turn.events import PlayoutStarted
from tests.trace.make import HEAD

R1, R2 = ReplyId(1), ReplyId(2)


def turn_of(*records: Record) -> TurnTrace:
    """A turn that was speculated on once in vain, and answered by the second reply."""
    told: list[Record] = [
        HEAD,
        StartReply(R1, "hel", True),
        StartReply(R2, "hello", True),
        *records,
        CommitTurn(TurnId(1), "hello", R2),
        PlayoutStarted(R2),
    ]
    (turn,) = turns([Entry(at * 10 * MS, record) for at, record in enumerate(told)])
    return turn


def test_the_tokens_of_all_replies_of_a_turn_are_added_up() -> None:
    turn = turn_of(Tokens(R1, 1200, 0, 3), Tokens(R2, 1210, 1024, 30))
    asked = turn.providing
    assert (asked.input_tokens, asked.cached_tokens, asked.output_tokens) == (2410, 1024, 33)
    assert asked.uncached_tokens == 1386


def test_an_opener_from_the_cache_counts_for_the_reply_that_was_heard_only() -> None:
    hit = turn_of(
        Mark("tts", "missed", R1, "Well."), Mark("tts", "hit", R2, "Sure.", 95), Mark("tts", "wasted", R2, "", 9)
    )
    assert (hit.providing.opener, hit.providing.opener_saved) == ("hit", 95 * MS)
    assert hit.speculation.wasted_characters == 9
    assert turn_of(Mark("tts", "hit", R1, "Sure.", 95)).providing.opener == "none"
    assert turn_of(Mark("tts", "missed", R2, "Sure.")).providing.opener == "missed"


def test_second_calls_changes_of_provider_and_complex_turns_are_told() -> None:
    asked = turn_of(
        Mark("llm", "hedged", R1, "one"),
        Mark("llm", "won", R1, "one", 2),
        Mark("tts", "left", R2, "one: it failed"),
        Mark("llm", "routed", R2, "big"),
    ).providing
    assert (asked.hedges, asked.left, asked.routed) == (1, ("one: it failed",), "big")
    assert turn_of(Mark("llm", "won", R1, "one", 2)).speculation.wasted_tokens == 0, "who won is no token"


def test_the_summary_has_the_hit_rate_of_the_turns_that_were_looked_up() -> None:
    hit, missed, neither = (
        turn_of(Mark("tts", "hit", R2, "Sure.", 95)),
        turn_of(Mark("tts", "missed", R2, "Sure.")),
        turn_of(Tokens(R2, 100, 40, 10)),
    )
    total = summary([hit, hit, missed, neither]).provided
    assert total.opener_hit_rate == 2 / 3
    assert total.opener_saved == 190 * MS
    assert (total.input_tokens, total.cached_tokens, total.output_tokens) == (100, 40, 10)
    assert summary([neither]).provided.opener_hit_rate is None

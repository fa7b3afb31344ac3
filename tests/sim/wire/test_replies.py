from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hocket.sim.wire.replies import Asked, PrefixCache, Reply, always, in_turn, token_count, tokens

ASKED = Asked("m", "", "Hi.")


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    pieces = tokens(text)
    assert "".join(pieces) == text
    assert all(len(piece.strip()) <= 6 for piece in pieces)


def test_words_are_tokens_and_long_ones_are_several() -> None:
    assert tokens("We open at nine.") == ["We", " open", " at", " nine."]
    assert tokens("extraordinary") == ["extrao", "rdinar", "y"]
    assert token_count("a" * 9) == 3


def test_replies_in_turn_end_with_the_last_for_ever() -> None:
    replies = in_turn("one", Reply("two"))
    assert [replies(ASKED).text for _ in range(4)] == ["one", "two", "two", "two"]
    assert always("same")(ASKED) == Reply("same")


def test_a_common_beginning_is_cached_once_it_is_long_enough() -> None:
    cache = PrefixCache()
    beginning = "word " * 1000
    assert cache.longest(beginning + "one") == 0
    assert cache.longest(beginning + "two") == 1250
    assert cache.longest("short") == 0
    assert cache.longest("short") == 0
    assert cache.longest("x" + beginning) == 0


@given(st.integers(0, 3000), st.text(max_size=5), st.text(max_size=5))
def test_exactly_what_is_common_counts(more: int, one: str, other: str) -> None:
    cache = PrefixCache()
    common = "x" * (4096 + more)
    cache.longest(f"{common}1{one}")
    assert cache.longest(f"{common}2{other}") == len(common) // 4


def test_a_marked_prefix_is_cached_as_a_whole_or_not_at_all() -> None:
    cache = PrefixCache()
    long, other = "word " * 1000, "word " * 1001
    assert [cache.whole(prefix) for prefix in (long, other, long, "short", "short")] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_a_cache_forgets() -> None:
    cache = PrefixCache()
    prefixes = [f"{number} " + "word " * 1000 for number in range(PrefixCache.KEPT + 1)]
    assert not any(cache.whole(prefix) for prefix in prefixes)
    assert cache.whole(prefixes[-1])
    assert not cache.whole(prefixes[0])

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.transcript import Transcript


def reported(*reports: tuple[str, bool]) -> Transcript:
    transcript = Transcript()
    for text, final in reports:
        transcript.update(text, final)
    return transcript


def test_an_interim_replaces_the_interim_before_it() -> None:
    transcript = reported(("I would", False), ("I would like two", False), ("I'd like to", False))
    assert transcript.text == "I'd like to"
    assert not transcript.final


def test_a_final_settles_its_words_and_the_next_interim_starts_afresh() -> None:
    transcript = reported(("a table", False), ("A table for two.", True), ("on", False), ("on Friday", False))
    assert transcript.text == "A table for two. on Friday"
    assert not transcript.final
    transcript.update("On Friday.", True)
    assert transcript.text == "A table for two. On Friday."
    assert transcript.final


def test_a_final_without_words_settles_that_there_were_none() -> None:
    transcript = reported(("hm", False), ("", True))
    assert transcript.text == ""
    assert transcript.final


def test_stable_is_what_the_last_two_reports_agree_on() -> None:
    transcript = reported(("book a", False))
    assert transcript.stable == ""
    transcript.update("Book a table", False)
    assert transcript.stable == "Book a"
    transcript.update("Book a table, for", False)
    assert transcript.stable == "Book a table,"
    transcript.update("Book a cable for", False)
    assert transcript.stable == "Book a"
    transcript.update("Book a cable for", False)
    assert transcript.stable == "Book a cable for"
    transcript.update("Book a table for two", True)
    assert transcript.stable == transcript.text == "Book a table for two"
    transcript.update("tonight", False)
    assert transcript.stable == "Book a table for two"


def test_clear_forgets_everything() -> None:
    transcript = reported(("a", True), ("b", False), ("b c", False))
    transcript.clear()
    assert (transcript.text, transcript.stable, transcript.final) == ("", "", True)
    transcript.update("d", False)
    assert (transcript.text, transcript.stable) == ("d", "")


WORD = st.sampled_from(["a", "B.", "see", "d,", "e"])
REPORTS = st.lists(st.tuples(st.lists(WORD, max_size=5).map(" ".join), st.booleans()))


@given(REPORTS)
def test_text_is_all_finals_and_the_last_interim(reports: list[tuple[str, bool]]) -> None:
    finals = [text for text, final in reports if final]
    last_interim = reports[-1][0] if reports and not reports[-1][1] else ""
    transcript = reported(*reports)
    assert transcript.text == " ".join(part for part in [*finals, last_interim] if part)
    assert transcript.final is (last_interim == "")
    assert transcript.text.startswith(transcript.stable)
    assert transcript.stable.startswith(" ".join(part for part in finals if part))

"""The caller's floor: when a turn is over, when its reply is begun, and what is no turn at all."""

from __future__ import annotations

import pytest

from hocket.turn.commands import CommitTurn, Finalize, HearEnding, ScoreTurn, StartReply, StartRetrieval, StartSay
from hocket.turn.config import TurnConfig
from hocket.turn.endpointing import PRESETS
from hocket.turn.events import (
    LoadShed,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    TurnScored,
)
from hocket.turn.shedding import Shed
from tests.turn.talk import MS, QUESTION, Talk


def test_a_complete_question_is_answered_after_both_stages() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    assert talk.time_of(StartReply) == 2100  # on the interim, before the detector's flip at 2105
    assert talk.time_of(Finalize) == 2100  # with it: the settled words confirm it early
    assert talk.time_of(ScoreTurn) == 2215  # the candidate, 110 ms after the flip
    talk.until(3000)
    assert talk.time_of(CommitTurn) == 2275  # 60 ms more
    assert len(talk.of(StartReply)) == 1


@pytest.mark.parametrize(("preset", "wait_ms"), [("safe", 700), ("tuned", 300), ("aggressive", 150)])
@pytest.mark.parametrize("text", [QUESTION, "i would like to"])
def test_fixed_presets_wait_the_same_whatever_the_words(preset: str, wait_ms: int, text: str) -> None:
    talk = Talk(TurnConfig(endpointing=PRESETS[preset]))
    talk.speak(1000, 2000, text)
    talk.until(4000)
    assert talk.time_of(CommitTurn) == 2105 + wait_ms


def test_an_unfinished_sentence_is_waited_for_and_the_rest_joins_it() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.final(2260, "i would like to")
    talk.speak(2600, 3400, "book a table for six")
    talk.until(4000)
    assert talk.committed == ["i would like to book a table for six"]


def test_an_unfinished_sentence_is_answered_at_the_limit() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.until(5000)
    assert 1200 <= talk.time_of(CommitTurn) - 2105 <= PRESETS["adaptive"].limit_ms


def test_a_final_is_asked_for_once_a_pause() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1900, Transcribed(QUESTION, final=False))
    talk.at(2080, SpeechPaused(2000 * MS))
    talk.at(2150, SpeechResumed())
    talk.at(2580, SpeechPaused(2500 * MS))
    talk.at(2605, SpeechStopped(2500 * MS))
    talk.until(4000)
    assert len(talk.of(Finalize)) == 2


@pytest.mark.parametrize(
    ("asked", "text", "spoken_ms", "turns"),
    [
        ("Yes. Shall I book a boat for you?", "yes", 180, ["yes"]),
        ("Yes. Shall I book a boat for you?", "yeah", 150, ["yeah"]),  # it was asked for
        ("Dogs are welcome.", "yes", 180, ["yes"]),
        ("Dogs are welcome.", "mm-hmm", 180, []),
        ("Dogs are welcome.", "", 180, []),
        ("Dogs are welcome.", "", 900, []),
    ],
)
def test_short_speech_takes_the_turn_when_it_is_a_word_or_was_asked_for(
    asked: str, text: str, spoken_ms: int, turns: list[str]
) -> None:
    talk = Talk()
    talk.answer("can i bring my dog", asked)
    talk.speak(5000, 5000 + spoken_ms, text)
    talk.final(5000 + spoken_ms + 250, text)
    talk.until(8000)
    assert talk.committed[1:] == turns


@pytest.mark.parametrize("retracted", ["", "um", "mm-hmm"])
def test_words_that_are_taken_back_commit_nothing(retracted: str) -> None:
    talk = Talk()
    talk.speak(1000, 1150, "no")
    talk.at(1390, Transcribed(retracted, final=False))  # between candidate and commit
    talk.until(6000)
    assert talk.committed == []


def test_words_that_are_taken_back_by_a_final_nobody_asked_for_commit_nothing() -> None:
    talk = Talk()
    talk.speak(1000, 2000, "i would like to")
    talk.at(2400, Transcribed("", final=True))
    talk.until(6000)
    assert talk.committed == []


def test_soft_words_that_no_detector_hears_count_from_their_own_arrival() -> None:
    talk = Talk()
    talk.answer("can i bring my dog", "Yes, dogs are welcome.")
    for ms, text in [(6000, "what"), (6150, "what time"), (6300, "what time do you"), (6450, QUESTION)]:
        talk.at(ms, Transcribed(text, final=False))
    talk.until(9000)
    assert talk.committed[1:] == [QUESTION]
    assert talk.time_of(CommitTurn, -1) == 6450 + 170


@pytest.mark.parametrize("words", ["", QUESTION])
def test_music_that_never_stops_neither_hides_the_turn_nor_hangs_the_call(words: str) -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    if words:
        talk.at(2000, Transcribed(words, final=False))
    talk.until(20_000)
    if words:
        assert talk.time_of(CommitTurn) == 2000 + PRESETS["adaptive"].stuck_ms
    else:
        assert talk.time_of(StartSay) == 1055 + 8000 + 8000  # asked whether they are there


def test_words_said_over_music_after_it_was_given_up_are_not_cut_at_the_first_word() -> None:
    talk = Talk()
    talk.speak(1000, 1200)
    talk.at(2055, SpeechStarted(2000 * MS))
    talk.until(11_000)
    for ms, text in [(11_000, "what"), (11_160, "what time"), (11_320, QUESTION)]:
        talk.at(ms, Transcribed(text, final=False))
    talk.until(14_000)
    assert talk.committed == [QUESTION]


def test_nobody_is_asked_whether_they_are_there_while_their_words_wait() -> None:
    talk = Talk()
    talk.at(7500, Transcribed("i would like to", final=False))
    talk.until(8900)
    assert not talk.of(StartSay)
    talk.ready(9000)
    talk.audible(9010)
    talk.finish(10_000, "Yes?")
    assert talk.committed == ["i would like to"]
    assert not talk.of(StartSay)


EARS = TurnConfig(hear_endings=True)


def heard_at(*scores: tuple[float, float], words: str = QUESTION) -> float:
    """When a turn that ends at 2000, flipped at 2105, is committed, if the detector scores so at these times."""
    talk = Talk(EARS)
    talk.speak(1000, 2000, words)
    for ms, probability in scores:
        talk.at(ms, TurnScored(probability))
    talk.until(6000)
    return talk.time_of(CommitTurn)


@pytest.mark.parametrize(
    ("scores", "committed_at"),
    [
        ([(2150, 0.9)], 2275),  # a voice that has come to its end changes nothing
        ([], 2275),  # nor does a detector that says nothing
        ([(2150, 0.0)], 2105 + 835),
        ([(2150, 0.1)], 2105 + 502),
        ([(2274, 0.0)], 2105 + 835),
        ([(2276, 0.0)], 2275),  # too late
    ],
)
def test_complete_words_in_an_open_voice_are_waited_for(scores: list[tuple[float, float]], committed_at: float) -> None:
    assert heard_at(*scores) == pytest.approx(committed_at, abs=0.5)


def test_a_voice_does_not_shorten_the_wait_for_words_that_show_more_is_to_come() -> None:
    assert heard_at((2150, 1.0), words="i would like to") == heard_at(words="i would like to")


def test_a_score_counts_for_its_own_pause_only() -> None:
    talk = Talk(EARS)
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1500, TurnScored(0.0))  # of a pause before: it says nothing about the next
    talk.at(2100, Transcribed(QUESTION, final=False))
    talk.at(2105, SpeechStopped(2000 * MS))
    talk.until(6000)
    assert talk.time_of(CommitTurn) == 2275


@pytest.mark.parametrize(("since", "commit"), [(0, 2275), (13, 2262), (20, 2255)])
def test_the_silence_counts_from_where_the_detector_heard_it_begin(since: int, commit: int) -> None:
    """Which is before the end of the frame that told it."""
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(2050, Transcribed(QUESTION, final=False))
    talk.at(2105, SpeechStopped(2000 * MS, since * MS))
    talk.until(6000)
    assert talk.time_of(CommitTurn) == commit


def test_a_detector_that_comes_down_with_the_voice_ends_no_turn_in_the_gap_of_a_consonant() -> None:
    talk = Talk()
    talk.at(1055, SpeechStarted(1000 * MS))
    talk.at(1950, Transcribed(QUESTION, final=False))
    talk.at(2010, SpeechStopped(2000 * MS))
    talk.until(6000)
    assert talk.time_of(CommitTurn) == 2250


def test_the_caller_who_goes_on_in_a_stretched_wait_is_not_cut() -> None:
    talk = Talk(EARS)
    talk.speak(1000, 2000, QUESTION)
    talk.at(2150, TurnScored(0.01))
    talk.speak(2500, 3000, f"{QUESTION} or the day after")
    talk.at(3150, TurnScored(0.99))
    talk.until(6000)
    assert talk.committed == [f"{QUESTION} or the day after"]
    assert talk.time_of(CommitTurn) == 3275


@pytest.mark.parametrize(
    ("words", "config", "times"),
    [
        (QUESTION, EARS, [2105]),
        (QUESTION, TurnConfig(), []),
        ("i would like to", EARS, []),  # words that show more is to come need no ear
        (QUESTION, TurnConfig(hear_endings=True, endpointing=PRESETS["tuned"]), []),  # nothing could come of it
    ],
)
def test_the_detector_is_asked_where_it_can_make_a_difference(
    words: str, config: TurnConfig, times: list[float]
) -> None:
    talk = Talk(config)
    talk.speak(1000, 2000, words)
    talk.until(6000)
    assert [ms for ms, record in talk.log if isinstance(record, HearEnding)] == times


def test_it_is_asked_once_a_pause_as_soon_as_the_words_read_complete() -> None:
    talk = Talk(EARS)
    talk.speak(1000, 2000, "what time do you")
    talk.at(2130, Transcribed("what time do you open", final=False))
    talk.at(2150, Transcribed(QUESTION, final=False))
    talk.until(2200)
    talk.at(2200, SpeechStarted(2180 * MS))
    talk.at(2900, SpeechStopped(2800 * MS))
    talk.until(6000)
    assert [ms for ms, record in talk.log if isinstance(record, HearEnding)] == [2130, 2900]


def test_under_load_nobody_is_asked() -> None:
    talk = Talk(EARS)
    talk.at(500, LoadShed(Shed.TURN_MODEL))
    talk.speak(1000, 2000, QUESTION)
    talk.until(6000)
    assert not talk.of(HearEnding)
    assert talk.time_of(CommitTurn) == 2275


def test_a_known_answer_to_the_question_needs_no_ear() -> None:
    talk = Talk(TurnConfig(hear_endings=True, greeting="Shall I book it?"))
    talk.ready(100)
    talk.audible(110)
    talk.finish(900, "Shall I book it?")
    talk.speak(1000, 2000, "yes please")
    talk.until(6000)
    assert talk.committed == ["yes please"]
    assert not talk.of(HearEnding)


def test_knowledge_is_looked_up_while_the_caller_speaks() -> None:
    talk = Talk(TurnConfig(retrieve=True))
    talk.at(1055, SpeechStarted(1000 * MS))
    for ms, text in [(1300, "do you"), (1600, "do you have kayaks"), (1700, "do you have kayaks for two")]:
        talk.at(ms, Transcribed(text, final=False))
    assert [order.query for order in talk.of(StartRetrieval)] == ["do you", "do you have kayaks"]


def test_speech_in_the_millisecond_of_the_commit_leaves_one_turn() -> None:
    for first in ("speech", "deadline"):
        talk = Talk()
        talk.speak(1000, 2000, QUESTION)
        if first == "speech":
            talk.until(2274)
            talk.now_ms = 2275
            talk.tell(SpeechStarted(2230 * MS))
        else:
            talk.at(2275, SpeechStarted(2230 * MS))
        talk.at(2900, Transcribed(f"{QUESTION} on sunday", final=False))
        talk.at(3000, SpeechStopped(2800 * MS))
        talk.until(5000)
        assert talk.heard_turns == [f"{QUESTION} on sunday"], first


@pytest.mark.parametrize(("text", "turns"), [("half", 0), ("if", 0), ("could you repeat that", 1)])
def test_words_without_any_voice_are_believed_when_they_are_many(text: str, turns: int) -> None:
    talk = Talk()
    talk.at(5000, Transcribed(text, final=True))
    talk.until(8000)
    assert len(talk.of(CommitTurn)) == turns


@pytest.mark.parametrize(("text", "turns"), [("okay", 2), ("if", 1), ("yes", 2)])
def test_after_a_question_agreement_is_an_answer_and_a_breath_is_not(text: str, turns: int) -> None:
    talk = Talk()
    talk.answer("can i bring my dog", "Yes. Shall I book a boat for you?")
    talk.speak(5000, 5150, text)
    talk.until(9000)
    assert len(talk.of(CommitTurn)) == turns


@pytest.mark.parametrize(("heard", "waits_ms"), [("Good", 170), ("We open at nine. On Sundays", None)])
def test_the_rest_of_a_sentence_that_the_agent_cut_into_is_judged_with_its_beginning(
    heard: str, waits_ms: int | None
) -> None:
    talk = Talk()
    talk.speak(1000, 2000, "she is at home")
    talk.ready(2350)
    talk.audible(2380)
    talk.heard = heard
    talk.at(2470, SpeechStarted(2420 * MS))
    talk.at(2900, Transcribed("until six o'clock", final=False))
    talk.at(3080, SpeechPaused(3000 * MS))
    talk.at(3105, SpeechStopped(3000 * MS))
    talk.until(6000)
    assert talk.committed == ["she is at home", "until six o'clock"]
    waited = talk.time_of(CommitTurn, 1) - 3105
    assert waited == waits_ms if waits_ms else waited > 500

"""While the caller hears the agent: yield at the onset, then stop for words and go on after noise."""

from __future__ import annotations

import pytest

from hocket.turn.barge_in import WORDS_MS
from hocket.turn.commands import (
    AmendTurn,
    Finalize,
    PausePlayout,
    ResumePlayout,
    StartReply,
    StartSay,
    StopPlayout,
)
from hocket.turn.config import TurnConfig
from hocket.turn.events import (
    EndRequested,
    PlayoutFinished,
    SayRequested,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from tests.turn.talk import MS, QUESTION, Talk

ANSWER = "We open at nine. On Sundays we open at ten."


def talking(*, final: bool = True) -> Talk:
    """The agent has been audible since 2355; it has said its first sentence."""
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    if final:
        talk.final(2260, QUESTION)
    talk.ready(2350)
    talk.audible(2355)
    talk.heard, talk.unheard = "We open at nine.", "On Sundays we open at ten."
    return talk


def test_it_yields_at_the_onset_and_stops_on_words() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    assert talk.time_of(PausePlayout) == 4055
    talk.at(4250, Transcribed("no wait", final=False))
    assert talk.time_of(StopPlayout) == 4250
    assert talk.outcomes == ["interrupted"]
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.until(5500)
    assert talk.committed[-1] == "no wait"
    assert talk.spoken == ["We open at nine."]


@pytest.mark.parametrize("text", ["", "mm-hmm", "uh huh"])
def test_a_cough_or_backchannel_lets_the_agent_go_on(text: str) -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    if text:
        talk.at(4300, Transcribed(text, final=False))
    talk.at(4340, SpeechStopped(4240 * MS))
    talk.until(4400)
    assert talk.time_of(ResumePlayout) <= 4355
    talk.finish(6000, ANSWER)
    talk.until(9000)
    assert not talk.of(StopPlayout)
    assert len(talk.committed) == 1


def test_a_backchannel_that_is_being_said_at_the_decision_lets_the_agent_go_on() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4480, Transcribed("uh huh", final=False))
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.until(6000)
    assert not talk.of(StopPlayout)
    assert talk.time_of(ResumePlayout) <= 4000 + WORDS_MS


def test_speech_that_goes_on_stops_the_agent_when_its_first_word_is_known() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(4500)
    assert not talk.of(ResumePlayout)
    talk.at(4520, Transcribed("actually", final=False))
    assert talk.time_of(StopPlayout) == 4520


def test_a_soft_first_sound_and_the_word_behind_it_are_one_interruption() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4150, SpeechStopped(4060 * MS))
    assert talk.of(Finalize)
    talk.final(4200, "")
    talk.at(4280, SpeechStarted(4230 * MS))
    talk.at(4500, Transcribed("stop", final=False))
    assert talk.time_of(StopPlayout) == 4500
    assert not talk.of(ResumePlayout)


def test_what_a_noise_cut_off_is_said_after_all() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(5000)  # goes on until its words should be known: the agent stops
    assert talk.time_of(StopPlayout) == 4000 + WORDS_MS
    talk.at(5100, SpeechStopped(5000 * MS))
    talk.final(5300, "")
    assert [(say.text, say.kind) for say in talk.of(StartSay)] == [("On Sundays we open at ten.", "continuation")]


def test_what_words_cut_off_is_not_said_after_all() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4250, Transcribed("no wait", final=False))
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.until(5500)
    talk.ready(5600)
    talk.audible(5610)
    talk.finish(6000, "Yes?")
    talk.speak(7000, 7150)
    talk.until(9000)
    assert not talk.of(StartSay)


def test_a_goodbye_that_a_noise_cut_off_ends_the_call_when_it_has_been_heard() -> None:
    talk = talking()
    talk.at(3000, EndRequested("the agent", None))
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(4400)
    talk.at(4900, SpeechStopped(4800 * MS))
    talk.final(5100, "")
    talk.ready(5200)
    talk.audible(5210)
    talk.finish(6000, "On Sundays we open at ten.")
    assert talk.names()[-1] == "EndCall"


def test_the_caller_may_talk_the_agent_out_of_leaving() -> None:
    talk = talking()
    talk.at(3000, EndRequested("the agent", None))
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4250, Transcribed("wait one more thing", final=False))
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.until(7000)
    assert talk.committed[-1] == "wait one more thing"
    assert "EndCall" not in talk.names()


def test_music_that_begins_under_the_agent_does_not_hang_the_call() -> None:
    talk = talking()
    talk.unheard = ""
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(30_000)
    assert talk.sayings == ["reprompt"]


def test_words_over_music_stop_the_agent_once_they_are_stable() -> None:
    talk = Talk()
    talk.at(500, SpeechStarted(450 * MS))
    talk.at(1000, Transcribed(QUESTION, final=True))
    talk.until(5000)  # committed though the detector still hears music
    talk.ready(5100)
    talk.audible(5110)
    talk.at(7000, Transcribed("stop it please", final=False))
    assert not talk.of(StopPlayout)
    talk.at(7100, Transcribed("stop it please now", final=False))
    assert talk.of(StopPlayout)


@pytest.mark.parametrize(("late_ms", "stops"), [(WORDS_MS, True), (WORDS_MS + 1, False)])
def test_a_word_that_comes_long_after_a_cough_belongs_to_no_voice(late_ms: int, stops: bool) -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4120, SpeechStopped(4100 * MS))
    talk.until(4500)
    assert talk.time_of(ResumePlayout) == 4355
    talk.at(4100 + late_ms, Transcribed("five", final=False))
    assert bool(talk.of(StopPlayout)) == stops


def test_words_without_a_voice_do_not_stop_the_agent_and_are_answered_after_it() -> None:
    talk = talking()
    talk.at(4000, Transcribed("could you repeat that", final=False))
    assert not talk.of(StopPlayout)
    talk.finish(6000, ANSWER)
    talk.until(8000)
    assert talk.committed == [QUESTION, "could you repeat that"]


@pytest.mark.parametrize(("says", "turns"), [("yes", [QUESTION, "yes"]), ("yeah", [QUESTION])])
def test_words_under_the_end_of_a_reply_are_answered_unless_they_only_agree(says: str, turns: list[str]) -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4200, SpeechStopped(4180 * MS))
    talk.at(4210, PlayoutFinished(talk.reply, ANSWER))
    talk.at(4300, Transcribed(says, final=False))
    talk.until(8000)
    assert talk.committed == turns


def test_yeah_under_a_question_answers_it() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4200, SpeechStopped(4180 * MS))
    talk.at(4280, Transcribed("yeah", final=False))
    talk.finish(4600, "Shall I book a boat for you?")
    talk.until(8000)
    assert talk.committed == [QUESTION, "yeah"]


def test_backchannels_do_not_add_up_to_a_turn() -> None:
    talk = talking()
    said: list[str] = []
    for nth in range(8):
        at = 4000 + 1000 * nth
        talk.at(at + 55, SpeechStarted(at * MS))
        said.append("yeah")
        talk.at(at + 230, Transcribed(" ".join(said), final=False))  # no final in between
        talk.at(at + 240, SpeechStopped((at + 150) * MS))
    talk.finish(14_000, ANSWER)
    assert not talk.of(StopPlayout)


def test_the_late_final_of_the_turn_under_a_cough_does_not_stop_its_answer() -> None:
    talk = talking(final=False)
    talk.at(2500, SpeechStarted(2450 * MS))
    talk.final(2560, QUESTION)
    talk.at(2600, SpeechStopped(2580 * MS))
    talk.until(4000)
    assert not talk.of(StopPlayout)
    assert talk.committed == [QUESTION]


def test_words_of_a_barge_in_are_told_from_those_not_settled_before() -> None:
    talk = talking(final=False)
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4250, Transcribed(f"{QUESTION} no wait", final=False))
    talk.at(4500, SpeechStopped(4400 * MS))
    talk.final(4650, f"{QUESTION}? No, wait.")
    talk.until(6000)
    assert talk.committed == [QUESTION, "No, wait."]


def test_a_late_final_corrects_what_is_remembered_and_answers_nothing_again() -> None:
    talk = talking(final=False)
    talk.final(2600, "What time do you open on Monday?")
    assert [amend.text for amend in talk.of(AmendTurn)] == ["What time do you open on Monday?"]
    assert talk.heard_turns == ["What time do you open on Monday?"]
    assert len(talk.of(StartReply)) == 1


def test_words_under_the_agent_are_no_correction_of_the_turn() -> None:
    talk = talking()
    talk.at(4000, Transcribed("please", final=True))
    assert not talk.of(AmendTurn)
    assert talk.heard_turns == [QUESTION]


def test_a_cough_in_the_moment_the_agent_becomes_audible_is_decided_as_any_other() -> None:
    talk = Talk()
    talk.speak(1000, 2000, QUESTION)
    talk.final(2260, QUESTION)
    talk.ready(2350)
    talk.at(2352, SpeechStarted(2320 * MS))  # held, but the first sample is on its way
    talk.audible(2355)
    talk.at(2480, SpeechStopped(2460 * MS))
    talk.at(2500, Transcribed("stop", final=False))
    assert talk.of(StopPlayout)
    talk.until(4000)
    assert talk.committed == [QUESTION, "stop"]
    assert not talk.of(AmendTurn)


def test_a_gap_in_speech_at_the_decision_does_not_let_the_agent_talk_over_it() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4300, SpeechPaused(4220 * MS))
    talk.at(4370, SpeechResumed())  # the decision was at 4355
    assert talk.time_of(PausePlayout, -1) == 4370
    talk.until(5000)
    assert talk.time_of(StopPlayout) == 4000 + WORDS_MS


def test_a_final_is_asked_for_after_each_barge_in() -> None:
    talk = talking()
    asked = len(talk.of(Finalize))
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4250, Transcribed("no wait", final=False))
    talk.at(5000, SpeechStopped(4900 * MS))
    talk.until(6000)
    assert len(talk.of(Finalize)) == asked + 1


def test_the_second_report_that_sound_has_begun_changes_nothing() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.at(4150, SpeechStopped(4130 * MS))
    talk.audible(4160)
    talk.at(4200, Transcribed("no", final=False))
    assert talk.of(StopPlayout)


def test_words_that_may_not_interrupt_wait_whole_for_their_turn() -> None:
    talk = Talk(TurnConfig(greeting="This call is recorded.", greeting_interruptible=False))
    talk.ready(5)
    talk.audible(10)
    talk.speak(500, 1000, "i would like")
    talk.final(1200, "i would like")
    talk.speak(1400, 1900, "a kayak")
    talk.final(2100, "a kayak")
    assert not talk.of(PausePlayout)
    talk.finish(3000, "This call is recorded.")
    talk.until(5000)
    assert talk.committed == ["i would like a kayak"]


def test_a_saying_that_waits_comes_after_what_the_noise_cut_off() -> None:
    talk = talking()
    talk.at(4055, SpeechStarted(4000 * MS))
    talk.until(4400)
    talk.at(4500, SayRequested("By the way."))
    talk.at(4900, SpeechStopped(4800 * MS))
    talk.final(5100, "")
    talk.ready(5200)
    talk.audible(5210)
    talk.finish(6000, "On Sundays we open at ten.")
    assert talk.sayings == ["continuation", "say"]

from __future__ import annotations

import msgspec
import pytest

from hocket.providers.deepgram_messages import Failure, Results, TurnInfo, Word, decode, text_after

WORDS = (Word("could", 0.1, 0.2, "Could"), Word("you", 0.2, 0.3, "you"), Word("move", 0.8, 0.9, "move?"))


def test_messages_about_words_are_read_and_others_passed_over() -> None:
    alternative = '{"transcript":"hello there","confidence":0.98,"words":[{"word":"hello","start":0.4,"end":0.6}]}'
    results = decode(
        '{"type":"Results","channel_index":[0,1],"start":0.0,"duration":1.5,"is_final":true,"from_finalize":true,'
        f'"channel":{{"alternatives":[{alternative}]}}}}'
    )
    assert isinstance(results, Results)
    assert (results.is_final, results.from_finalize, results.duration) == (True, True, 1.5)
    assert results.channel.alternatives[0].transcript == "hello there"
    turn = decode('{"type":"TurnInfo","event":"EndOfTurn","transcript":"Hello.","words":[],"trigger":"manual"}')
    assert isinstance(turn, TurnInfo)
    assert (turn.event, turn.trigger) == ("EndOfTurn", "manual")
    assert isinstance(decode('{"type":"Error","variant":"SchemaError","description":"no"}'), Failure)
    for kind in ("Metadata", "SpeechStarted", "UtteranceEnd", "Connected", "Warning", "SomethingNew"):
        assert decode(f'{{"type":"{kind}","channel":[0]}}') is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":1}', '{"kind":"Results"}', '{"type":"Results"}'])
def test_what_cannot_be_read_is_said_so(text: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(text)


def test_words_that_were_given_as_final_are_left_out() -> None:
    assert text_after(" Could you move? ", WORDS, 0.0) == "Could you move?"
    assert text_after("Could you move?", WORDS, 0.8) == "move?"
    assert text_after("Could you move?", WORDS, 0.2) == "you move?"
    assert text_after("Could you move?", WORDS, 2.0) == ""


def test_without_times_nothing_is_left_out() -> None:
    assert text_after("Could you", (Word("could"), Word("you")), 5.0) == "Could you"
    assert text_after("", (), 5.0) == ""

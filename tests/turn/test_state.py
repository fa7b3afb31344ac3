"""What the engine knows: phases, ids, the fence, and words that have been dealt with."""

from __future__ import annotations

import pytest

from hocket.ids import ReplyId, TurnId
from hocket.turn.config import TurnConfig
from hocket.turn.state import Ending, Ids, Phase, Reply, Sound, State


@pytest.mark.parametrize(
    ("reply", "phase"),
    [
        (None, Phase.LISTENING),
        (Reply(ReplyId(1), "hi"), Phase.LISTENING),  # a speculation has no floor
        (Reply(ReplyId(1), "hi", committed=True), Phase.ANSWERING),
        (Reply(ReplyId(1), "hi", committed=True, sound=Sound.OPEN), Phase.ANSWERING),
        (Reply(ReplyId(1), "hi", committed=True, sound=Sound.HEARD), Phase.SPEAKING),
    ],
)
def test_the_floor_follows_from_the_reply(reply: Reply | None, phase: Phase) -> None:
    state = State(TurnConfig(), reply=reply)
    assert state.phase is phase
    state.ending = Ending.ENDED
    assert state.phase is Phase.ENDED


def test_ids_only_grow() -> None:
    ids = Ids()
    assert [ids.next_reply(), ids.next_reply(), ids.next_turn(), ids.next_turn()] == [1, 2, 1, 2]


def test_the_fence_lets_the_current_reply_through_and_no_other() -> None:
    reply = Reply(ReplyId(3), "hi", turn=TurnId(1))
    assert State(TurnConfig()).current(ReplyId(3)) is None
    assert State(TurnConfig(), reply=reply).current(ReplyId(3)) is reply
    assert State(TurnConfig(), reply=reply).current(ReplyId(2)) is None


def hears(state: State, text: str, *, final: bool) -> None:
    state.transcript.hear(text, final)


@pytest.mark.parametrize(
    ("finals", "interim", "turn", "left", "next_report", "then"),
    [
        ([], "we are two", "", "", "we are two and a dog", "and a dog"),
        (["we are two"], "", "", "", "and a dog", "and a dog"),
        (["well"], "we are two", "well we are two", "", "we are two and a dog", "and a dog"),
        ([], "we are two and", "we are two", "and", "we are two and a dog", "and a dog"),
        (["we are two", "and"], "a", "we are two", "and a", "a dog", "and a dog"),
        ([], "", "", "", "and a dog", "and a dog"),
    ],
)
def test_words_that_are_spent_do_not_come_again(
    finals: list[str], interim: str, turn: str, left: str, next_report: str, then: str
) -> None:
    state = State(TurnConfig())
    state.speculation.calls = 2
    for text in finals:
        hears(state, text, final=True)
    if interim:
        hears(state, interim, final=False)
    state.spend(turn)
    assert state.transcript.text == left
    assert state.speculation.calls == 0
    hears(state, next_report, final=False)
    assert state.transcript.text == then

"""Each law, and a state that breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hocket.ids import ReplyId
from hocket.turn import invariants
from hocket.turn.commands import PlayFiller, ResumePlayout, StartPlayout
from hocket.turn.config import TurnConfig
from hocket.turn.state import Ending, Ids, Reply, Sound, State
from hocket.turn.timers import Reason


def state(reply: Reply | None = None, *waits: Reason) -> State:
    made = State(TurnConfig(), reply=reply, ids=Ids(reply=ReplyId(1)))
    for reason in (*waits, Reason.MAX_DURATION):
        made.timers.set(reason, 10)
    return made


def speculation() -> Reply:
    return Reply(ReplyId(1), "hi")


def committed(sound: Sound = Sound.NONE) -> Reply:
    return Reply(ReplyId(1), "hi", committed=True, sound=sound)


@pytest.mark.parametrize(
    "good",
    [
        state(None, Reason.NO_INPUT),
        state(speculation(), Reason.COMMIT),
        state(committed(), Reason.REPLY),
        state(committed(Sound.OPEN)),
        state(committed(Sound.HEARD)),
    ],
)
def test_a_state_in_order_is_left_in_peace(good: State) -> None:
    invariants.check(good)


def _gate_of_a_speculation(s: State) -> None:
    s.reply = speculation()
    s.reply.sound = Sound.OPEN


def _tool_of_a_speculation(s: State) -> None:
    s.reply = speculation()
    s.reply.ran_tools = True


def _id_from_nowhere(s: State) -> None:
    s.reply = Reply(ReplyId(2), "hi")


def _paused_for_ever(s: State) -> None:
    s.reply = committed(Sound.HEARD)
    s.reply.paused = True


def _decision_about_nothing(s: State) -> None:
    s.timers.set(Reason.DECIDE, 10)


def _caller_for_ever(s: State) -> None:
    s.caller.speaking = True


def _silence_for_ever(s: State) -> None:
    s.timers.stop(Reason.NO_INPUT)


def _answer_for_ever(s: State) -> None:
    s.reply = committed()


def _reply_after_the_end(s: State) -> None:
    s.reply = committed(Sound.HEARD)
    s.ending = Ending.ENDED


def _deadline_after_the_end(s: State) -> None:
    s.ending = Ending.ENDED


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (_gate_of_a_speculation, "no sound before the commit"),
        (_tool_of_a_speculation, "no tool before the commit"),
        (_id_from_nowhere, "ids only grow"),
        (_paused_for_ever, "a pause is decided"),
        (_decision_about_nothing, "nothing to decide"),
        (_caller_for_ever, "somebody has to speak next"),
        (_silence_for_ever, "somebody has to speak next"),
        (_answer_for_ever, "answered or explained"),
        (_reply_after_the_end, "nothing goes on"),
        (_deadline_after_the_end, "nothing goes on"),
    ],
)
def test_a_broken_law_is_named(broken: Callable[[State], None], law: str) -> None:
    s = state(None, Reason.NO_INPUT)
    broken(s)
    with pytest.raises(AssertionError, match=law):
        invariants.check(s)


@pytest.mark.parametrize("sound", [StartPlayout(ReplyId(1)), ResumePlayout(ReplyId(1)), PlayFiller(ReplyId(1), "Hm.")])
def test_nothing_but_the_current_committed_reply_is_let_sound(sound: StartPlayout | ResumePlayout | PlayFiller) -> None:
    for reply, law in [
        (None, "current"),
        (Reply(ReplyId(0), "hi", committed=True), "current"),
        (speculation(), "commit"),
    ]:
        s = state(reply, Reason.NO_INPUT, Reason.REPLY)
        s.emit(sound)
        with pytest.raises(AssertionError, match=law):
            invariants.check(s)

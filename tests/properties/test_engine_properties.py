"""What holds in every call, whatever the caller, the stages and the clock do.

`HOCKET_EXAMPLES` multiplies the number of calls tried, and tries others each time.
"""

from __future__ import annotations

import os
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hocket.clock import MS
from hocket.ids import NO_REPLY, ReplyId, ToolCallId, TurnId
from hocket.trace.replay import check
from hocket.turn import commands as c
from hocket.turn import events as e
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.timers import Reason
from tests.properties.adversary import Draw, Move, World

MORE = int(os.environ.get("HOCKET_EXAMPLES", "0"))


def examples(count: int) -> settings:
    return settings(
        max_examples=count * (MORE or 1),
        derandomize=not MORE,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


GAPS = st.one_of(st.sampled_from((0, 0, 1, 60, 80, 105, 110, 170, 180, 200, 300, 900)), st.integers(0, 2500))
Moves = list[tuple[int, Move, int]]
ANYTHING: tuple[Move, ...] = (
    *("voice", "voice", "level", "words", "words", "other words", "fewer words", "own final", "score"),
    *("say", "say for good", "line", "load"),
)
ENDS: tuple[Move, ...] = ("end", "end without a word", "end with words", "leave")


@st.composite
def utterance(draw: st.DrawFn) -> Moves:
    """Somebody says something, as detectors and recognisers usually tell it; now and then a part is missing."""
    words: Move = "words"
    word = st.tuples(st.sampled_from((0, 100, 300)), st.just(words), st.integers(0, 12))
    moves: Moves = [(draw(GAPS), "voice", 5), *draw(st.lists(word, max_size=5))]
    moves += [(draw(st.sampled_from((10, 80, 180))), "level", 0), (25, "voice", 10)]
    late: tuple[Moves, ...] = ([], [], [(60, "own final", 0)], [(40, "words", 5)])
    moves += draw(st.sampled_from(late))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1)))):
        del moves[draw(st.integers(0, len(moves) - 1))]
    return moves


def some_moves(*kinds: Move) -> st.SearchStrategy[Moves]:
    alone = st.tuples(GAPS, st.sampled_from(kinds), st.integers(0, 12)).map(lambda move: [move])
    wait: st.SearchStrategy[Moves] = st.sampled_from((1500, 4000, 9000)).map(lambda ms: [(ms, "nothing", 0)])
    phrases = st.lists(st.one_of(utterance(), utterance(), alone, alone, wait), min_size=4, max_size=20)
    return phrases.map(lambda lists: [move for phrase in lists for move in phrase])


def ended_moves() -> st.SearchStrategy[Moves]:
    """Somebody ends the call, or nobody does; whatever comes later comes too late."""
    end = st.tuples(GAPS, st.sampled_from(ENDS), st.just(0)).map(lambda move: [move])
    return st.tuples(some_moves(*ANYTHING), st.one_of(st.just([]), end), some_moves(*ANYTHING)).map(
        lambda parts: [*parts[0], *parts[1], *parts[2]]
    )


def draws(moves: st.SearchStrategy[Moves]) -> st.SearchStrategy[Draw]:
    late = st.one_of(st.sampled_from((0, 40, 200)), st.integers(0, 600), st.integers(0, 3000))
    maybe = st.one_of(late, late, st.none())
    reply = st.tuples(
        st.one_of(late, late, late, late, late, st.none()),
        st.one_of(st.none(), st.none(), st.none(), st.none(), st.none(), late),
        st.sampled_from((200, 1000, 4000, 12_000)),
        st.sampled_from((0, 0, 1, 2)),
    )
    return st.builds(
        Draw,
        moves=moves,
        finals=st.lists(maybe, min_size=1, max_size=6),
        replies=st.lists(reply, min_size=1, max_size=6),
        tools=st.lists(st.one_of(late, st.none(), st.integers(0, 12_000)), min_size=1, max_size=3),
        misheard=st.lists(st.booleans(), min_size=1, max_size=4),
        ties=st.lists(st.booleans(), min_size=1, max_size=4),
    )


CONFIGS = st.builds(
    TurnConfig,
    greeting=st.sampled_from(("", "Harbour Kayaks, hello.")),
    greeting_interruptible=st.booleans(),
    speculate=st.sampled_from((True, True, False)),
    fillers=st.sampled_from(((), ("One moment.",))),
    apology=st.sampled_from(("Sorry.", "")),
    goodbye=st.sampled_from(("Goodbye.", "")),
    max_duration_ms=st.sampled_from((1_800_000, 1_800_000, 1_800_000, 20_000)),
)


class Watch:
    """Looks at a call from outside and remembers what it must still see."""

    def __init__(self) -> None:
        self.started: list[ReplyId] = []
        self.active = NO_REPLY
        self.committed: set[ReplyId] = set()
        self.over: set[ReplyId] = set()
        self.turns: list[TurnId] = []
        self.closed: list[TurnId] = []
        self.ran: list[ToolCallId] = []
        self.texts: list[str] = []
        """Everything the caller was taken to have said."""
        self.goodbye = False

    def __call__(self, now: int, event: e.Event, orders: list[c.Command], world: World) -> None:
        if isinstance(event, e.PlayoutFinished) and event.reply == self.active:
            self.active = NO_REPLY
        for order in orders:
            self.look(order)
        self.look_at_deadline(now, world)

    def look(self, order: c.Command) -> None:
        match order:
            case c.StartReply(reply, text, speculative):
                assert text, "a reply answers words"
                self.begin(reply)
                if not speculative:
                    self.committed.add(reply)
            case c.StartSay(reply, _, kind):
                self.begin(reply)
                self.committed.add(reply)
                self.goodbye = self.goodbye or kind == "goodbye"
            case c.CommitTurn(turn, text, reply):
                assert text, "a turn has words"
                assert all(turn > other for other in self.turns), "turn ids grow"
                assert self.turns == self.closed, "one open turn at a time"
                self.turns.append(turn)
                self.texts.append(text)
                self.committed.add(reply)
            case c.AmendTurn(turn, text):
                assert turn == self.turns[-1], "only the last turn is corrected"
                self.texts.append(text)
            case c.CloseTurn(turn):
                assert [*self.closed, turn] == self.turns, "a turn is closed once"
                self.closed.append(turn)
            case c.CancelReply(reply) | c.StopPlayout(reply):
                self.over.add(reply)
                if isinstance(order, c.CancelReply):
                    assert reply == self.active, "only what goes on is cancelled"
                    self.active = NO_REPLY
            case c.StartPlayout(reply) | c.PlayFiller(reply) | c.ResumePlayout(reply) | c.PausePlayout(reply):
                assert reply in self.committed, "no sound before the commit"
                assert reply not in self.over, "no sound after a barge-in is decided"
                assert reply == self.active, "only the current reply sounds"
            case c.RunTool(reply, call):
                assert reply in self.committed, "no tool before the commit"
                assert call not in self.ran, "a tool runs once"
                self.ran.append(call)

    def begin(self, reply: ReplyId) -> None:
        assert self.active == NO_REPLY, "one reply at a time"
        assert not self.started or reply > self.started[-1], "reply ids grow"
        self.started.append(reply)
        self.active = reply

    def look_at_deadline(self, now: int, world: World) -> None:
        engine = world.engine
        assert (engine.deadline is None) == (engine.reason is None), "no deadline without a reason"
        if world.ended:
            assert engine.deadline is None, "nothing is waited for after the end"
            return
        assert engine.deadline is not None
        assert engine.deadline >= now, "the past is over"
        on_its_way = self.active in self.committed and (world.voice is not None and world.voice.open)
        if world.config.max_duration_ms > LONGEST_END_MS:
            waits = engine.reason is not Reason.MAX_DURATION
            assert waits or on_its_way or world.tools or world.away, "somebody has to speak next"

    def quiet(self, world: World) -> None:
        """The call is over, and all is accounted for."""
        assert world.ended, "a silent caller is asked, asked again, and taken leave of"
        assert self.turns == self.closed, "every committed turn is answered or explained"
        assert not world.tools, "every tool has finished"
        heard = [entry.text for entry in world.engine.history.messages() if entry.role == "assistant"]
        assert heard == world.heard, "history is what was heard"
        assert check(world.entries, TurnEngine(world.config)) is None


LONGEST_END_MS = 240_000
"""Three reprompts of a caller who says nothing, before them the longest replies and failures that are drawn."""


@examples(300)
@given(CONFIGS, draws(ended_moves()))
def test_any_call_keeps_the_laws_and_ends(config: TurnConfig, draw: Draw) -> None:
    watch = Watch()
    world = World(config, draw, watch)
    world.run(world.last_move_ms + LONGEST_END_MS)
    watch.quiet(world)


PATIENT = TurnConfig(no_input_ms=40_000, greeting="Harbour Kayaks, hello.")
SETTLED_MS = 30_000
"""By then everything that was said before has been dealt with, and nobody has been asked again."""


def at_peace(draw: Draw) -> tuple[World, Watch]:
    """A call some time after whatever was drawn; the detector hears nothing and the recogniser owes nothing."""
    watch = Watch()
    world = World(PATIENT, replace(draw, misheard=(False,)), watch)
    world.run(world.last_move_ms)
    if world.caller.speaking:
        world.turn_voice(0)
    world.report(final=True)
    world.run(world.last_move_ms + SETTLED_MS)
    return world, watch


@examples(80)
@given(draws(some_moves(*ANYTHING)))
def test_a_cough_never_takes_the_turn(draw: Draw) -> None:
    world, watch = at_peace(draw)
    before = list(watch.texts)
    world.turn_voice(0)
    world.run(world.now / MS + 180)
    world.turn_voice(0)
    world.run(world.now / MS + 5_000)
    assert watch.texts == before


@examples(80)
@given(draws(some_moves(*ANYTHING)), st.booleans())
def test_a_spoken_yes_of_180_ms_always_does(draw: Draw, final_only: bool) -> None:
    world, watch = at_peace(draw)
    before = len(watch.texts)
    world.turn_voice(0)
    world.run(world.now / MS + 180)
    world.turn_voice(0)
    world.run(world.now / MS + 100)
    world.caller.since_final.append("yes")
    world.report(final=final_only)
    world.run(world.now / MS + 30_000)
    assert watch.goodbye or world.ended or any("yes" in text.split() for text in watch.texts[before:])


@examples(60)
@given(draws(some_moves(*ANYTHING)))
def test_words_that_no_detector_heard_are_answered_once_they_end(draw: Draw) -> None:
    world, watch = at_peace(draw)
    before = len(watch.texts)
    for word in ("please", "what", "time", "do", "you", "open"):
        world.understand(word)
        world.run(world.now / MS + 150)
    world.run(world.now / MS + 30_000)
    assert watch.goodbye or world.ended or any(text.endswith("what time do you open") for text in watch.texts[before:])

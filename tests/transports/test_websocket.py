from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import FRAME_MS, Samples
from hocket.errors import TransportError
from hocket.sim.loop import run
from hocket.transports.client_messages import (
    MAX_MESSAGES_PER_S,
    MAX_TEXT_BYTES,
    RESUME_S,
    AudioFormat,
    Caption,
    Hello,
    State,
)
from hocket.transports.websocket import BACKLOG_S, MAX_QUEUED_S, STALL_S, WebSocketLine
from tests.stages.contract import check_transport
from tests.stages.transport_contract import Ear
from tests.transports.browser import Browser, Connection

RATE = 16_000
FRAME = RATE * FRAME_MS // 1000
FORMATS = [AudioFormat(), AudioFormat("mulaw", 8_000), AudioFormat("pcm16", 24_000), AudioFormat("pcm16", 48_000)]


class Session(Ear):
    """Speaks a ramp, so that one sample lost or doubled shows; what it clears is said again when the client is back."""

    def __init__(self, line: WebSocketLine, clears: bool = False) -> None:
        super().__init__()
        self.events: list[str] = []
        self.line = line
        self.clears = clears
        """Take back, on every return, what was not heard."""
        self.said = 0
        self.unheard = 0
        self.away = False

    async def speak(self, frames: int) -> None:
        """At the pace of speech, 60 ms ahead; nothing while the client is away."""
        loop = asyncio.get_running_loop()
        for _ in range(3):
            self.say()
        due = loop.time()
        while self.said < frames * FRAME:
            due += FRAME_MS / 1000
            await asyncio.sleep(due - loop.time())
            if not self.away:
                self.say()

    def say(self) -> None:
        self.line.send(ramp(self.said, FRAME))
        self.said += FRAME

    def lost(self) -> None:
        self.events.append("lost")
        self.away = True

    def left(self, reason: str) -> None:
        super().left(reason)
        self.unheard = self.line.clear()

    def back(self) -> None:
        self.events.append("back")
        self.away = False
        if self.clears:
            self.said -= self.line.clear()


def ramp(start: int, count: int) -> Samples:
    return (np.arange(start, start + count) % 20_000 + 1).astype(np.int16)


def loud(samples: Samples) -> Samples:
    """What was said, of what sounded."""
    return np.extract(samples != 0, samples).astype(np.int16)


def over(browser: Browser) -> str:
    """Why the line is over, as the client was told."""
    return "".join(message["reason"] for message in browser.messages if message["type"] == "bye")


@pytest.mark.parametrize("audio", FORMATS, ids=lambda audio: f"{audio.encoding}-{audio.rate}")
@pytest.mark.parametrize("delay_s", [0.0, 0.08])
def test_keeps_the_contract_of_a_transport(audio: AudioFormat, delay_s: float) -> None:
    frames = check_transport(
        lambda: Browser(audio=audio, delay_s=delay_s).line,
        run,
        hangs_up=lambda: Browser(audio=audio, delay_s=delay_s, hangs_up_s=0.5).line,
    )
    assert abs(int(np.median(frames[-1].samples)) - 4_000) < 100


def test_keeps_the_contract_where_the_client_has_gone_before() -> None:
    def left() -> WebSocketLine:
        browser = Browser()
        browser.line.receive('{"type": "hang_up"}')
        return browser.line

    check_transport(lambda: Browser().line, run, broken=left)


def test_the_client_is_welcomed() -> None:
    async def scenario() -> None:
        browser = Browser(audio=AudioFormat("mulaw", 8_000))
        await asyncio.sleep(0.01)
        assert browser.messages == [
            {
                "type": "welcome",
                "call": "ws-1",
                "resume": "token",
                "resume_s": 30.0,
                "audio": {"encoding": "mulaw", "rate": 8_000},
                "ahead_ms": 60,
                "agent": "",
                "position": 0,
                "clears": 0,
            }
        ]
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


@pytest.mark.parametrize("audio", [AudioFormat("mulaw", 16_000), AudioFormat("pcm16", 44_100)])
def test_another_format_is_refused(audio: AudioFormat) -> None:
    async def scenario() -> None:
        with pytest.raises(TransportError, match=f"{audio.encoding} at {audio.rate} Hz"):
            Browser(audio=audio)

    run(scenario())


BAD: dict[str, tuple[str | bytes, str]] = {
    "malformed": ('{"type": "played", ', "no message of a client"),
    "not utf-8": (b'{"type": "\xff"}', "no message of a client"),
    "no object": ("[1, 2]", "no message of a client"),
    "unknown": ('{"type": "dance"}', "no message of a client"),
    "a bomb of brackets": ("[" * MAX_TEXT_BYTES, "no message of a client"),
    "a bomb of a number": ('{"type": "played", "sample": 1' + "0" * 9_000 + "}", "no message of a client"),
    "too long": ('{"type": "hang_up", "x": "' + "x" * MAX_TEXT_BYTES + '"}', "16384 are the most"),
    "a second hello": ('{"type": "hello", "ticket": "x"}', "a second hello"),
    "before the beginning": ('{"type": "played", "sample": -1}', "-1 samples have sounded"),
    "more than was sent": ('{"type": "played", "sample": 321}', "321 samples have sounded after 0 clears, and 320"),
    "clears of its own": ('{"type": "played", "sample": 0, "clears": 1}', "after 1 clears"),
    "a key nobody has": ('{"type": "dtmf", "digit": "x"}', "a key that no telephone has"),
    "two keys": ('{"type": "dtmf", "digit": "12"}', "a key that no telephone has"),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD)
def test_a_bad_message_ends_its_call_with_a_reason(text: str | bytes, reason: str) -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        browser.line.send(ramp(0, FRAME))
        browser.line.receive(text)
        assert browser.connection.closed == 1008
        await asyncio.sleep(0.01)
        assert ear.reasons == [over(browser)]
        assert reason in over(browser)
        assert over(browser).endswith("; the call ends.")
        browser.line.receive(text)
        browser.line.receive_audio(b"12")
        browser.line.gone("again")
        assert len(ear.reasons) == 1

    run(scenario())


@pytest.mark.parametrize("data", [b"", b"123", bytes(2 * RATE // 5 + 2)])
def test_audio_of_a_wrong_size_ends_its_call_with_a_reason(data: bytes) -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        browser.line.receive_audio(data)
        assert browser.connection.closed == 1008
        assert f"a message of {len(data)} bytes of audio" in ear.reasons[0]

    run(scenario())


def test_who_sends_faster_than_people_speak_is_closed() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        browser.speaks = False
        await browser.line.start(ear)
        sent = 0
        while not ear.reasons:
            browser.line.receive_audio(browser.voice)
            sent += 1
            await asyncio.sleep(FRAME_MS / 1000 / 100)
        assert "faster than it can be said" in ear.reasons[0]
        assert sent * FRAME_MS < 1_100

    run(scenario())


def test_a_flood_of_messages_is_closed() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        for _ in range(round(BACKLOG_S * MAX_MESSAGES_PER_S) + 1):
            browser.line.receive('{"type": "played", "sample": 0}')
        assert f"more than {MAX_MESSAGES_PER_S} messages a second" in ear.reasons[0]

    run(scenario())


def test_a_clock_that_is_a_little_fast_is_no_flood() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        browser.speaks = False
        await browser.line.start(ear)
        for _ in range(30_000):  # ten minutes
            browser.line.receive_audio(browser.voice)
            await asyncio.sleep(FRAME_MS / 1000 * 0.996)
        assert ear.reasons == []
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_keys_are_told() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        for digit in "0#A":
            browser.line.receive(json.dumps({"type": "dtmf", "digit": digit}))
        browser.line.receive('{"type": "hang_up"}')
        assert (ear.digits, ear.reasons) == (["0", "#", "A"], ["The caller hung up."])
        assert browser.connection.closed == 1000

    run(scenario())


def test_more_than_can_wait_to_sound_is_refused() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        for _ in range(MAX_QUEUED_S * 50 + 1):
            browser.line.send(ramp(0, FRAME))
        with pytest.raises(TransportError, match="wait to be played"):
            browser.line.send(ramp(0, FRAME))
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_silence_takes_the_place_of_a_microphone_that_is_off() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        browser.speaks = False
        await browser.line.start(ear)
        await asyncio.sleep(STALL_S - 0.01)
        assert not ear.frames
        await asyncio.sleep(3600)  # an hour
        assert abs(len(ear.frames) - 3600 * 50) <= 1
        assert not any(frame.samples.any() for frame in ear.frames)
        browser.speaks = True
        await asyncio.sleep(1)
        assert all(frame.samples.all() for frame in ear.frames[-45:]), "it is heard at once when it is on again"
        assert [frame.at for frame in ear.frames] == [FRAME * index for index in range(len(ear.frames))]
        assert ear.reasons == []
        browser.line.receive('{"type": "hang_up"}')

    run(scenario(), limit_s=4000)


def test_what_comes_after_silence_took_its_place_is_left_out() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        await asyncio.sleep(1)
        browser.speaks = False
        await asyncio.sleep(3)
        for _ in range(150):  # held up on its way
            browser.line.receive_audio(browser.voice)
        heard = len(ear.frames) * FRAME_MS / 1000
        assert 3.9 < heard <= 4.6
        browser.speaks = True
        await asyncio.sleep(1)
        assert ear.reasons == []
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_a_network_that_stalls_for_less_loses_nothing() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        browser.speaks = False
        await browser.line.start(ear)
        for burst in (1, 45, 1, 45):
            await asyncio.sleep(burst * FRAME_MS / 1000)
            for _ in range(burst):
                browser.line.receive_audio(browser.voice)
        assert len(ear.frames) == 92
        assert all(frame.samples.all() for frame in ear.frames)
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


@given(st.lists(st.integers(1, 3_200), min_size=1, max_size=40), st.sampled_from(FORMATS))
@settings(max_examples=60, deadline=None)
def test_any_sizes_of_messages_give_the_same_frames(sizes: list[int], audio: AudioFormat) -> None:
    async def scenario() -> None:
        browser, ear = Browser(audio=audio), Ear()
        browser.speaks = False
        await browser.line.start(ear)
        codec = browser.codec
        samples = codec.decode(codec.encode(ramp(0, sum(sizes))))
        start = 0
        for size in sizes:
            part = samples[start : start + min(size, audio.rate // 5)]
            await asyncio.sleep(len(part) / audio.rate)
            browser.line.receive_audio(codec.encode(part))
            start += len(part)
        frames = [frame.samples for frame in ear.frames]
        assert len(frames) == start // codec.frame_samples
        assert [frame.at for frame in ear.frames] == [codec.frame_samples * index for index in range(len(frames))]
        if frames:
            whole = np.concatenate(frames)
            assert np.array_equal(whole, samples[: len(whole)])
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_what_is_told_is_sent_and_the_last_state_told_again() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        browser.line.tell(State("thinking"))
        browser.line.tell(Caption("agent", "Hello.", True))
        browser.cut()
        browser.line.tell(State("speaking"))
        browser.line.tell(Caption("agent", "Nobody reads it.", True))
        browser.messages.clear()
        browser.come_back()
        await asyncio.sleep(0.01)
        assert [message["type"] for message in browser.messages] == ["welcome", "state"]
        assert browser.messages[1]["state"] == "speaking"
        browser.line.receive('{"type": "hang_up"}')
        browser.line.tell(State("listening"))

    run(scenario())


def test_a_ping_is_answered_and_changes_nothing() -> None:
    async def scenario() -> None:
        browser = Browser()
        await browser.line.start(Ear())
        for message in ("ping", "hang_up", "ping"):
            browser.line.receive(f'{{"type": "{message}"}}')
        await asyncio.sleep(0.01)
        assert [message["type"] for message in browser.messages] == ["welcome", "pong", "bye"]

    run(scenario())


def test_clear_takes_back_what_the_client_has_not_heard() -> None:
    async def scenario() -> None:
        browser = Browser(delay_s=0.04)
        session = Session(browser.line)
        await browser.line.start(session)
        speaking = asyncio.create_task(session.speak(100))
        await asyncio.sleep(1.0)
        speaking.cancel()
        dropped = browser.line.clear()
        kept = session.said - dropped
        await asyncio.sleep(0.2)
        heard = loud(browser.sounded())
        # The client plays whole frames, and its clock began anywhere in one.
        assert abs(len(heard) - kept) <= FRAME
        assert browser.messages[-1] == {"type": "clear", "keep": kept}
        assert browser.line.clear() == 0, "nothing has been sent since"
        browser.line.send(ramp(0, FRAME))
        await asyncio.sleep(0.5)
        assert session.reports[-1][0] == kept + FRAME
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_a_report_from_before_a_clear_is_of_other_samples() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        line = browser.line
        for _ in range(5):
            line.send(ramp(0, FRAME))
        await asyncio.sleep(0.05)
        dropped = line.clear()
        assert dropped
        for _ in range(5):
            line.send(ramp(0, FRAME))
        ear.reports.clear()
        line.receive(json.dumps({"type": "played", "sample": 5 * FRAME}))
        assert ear.reports == []
        line.receive(json.dumps({"type": "played", "sample": 5 * FRAME, "clears": 1}))
        assert [sample for sample, _ in ear.reports] == [5 * FRAME]
        line.receive('{"type": "hang_up"}')

    run(scenario())


@given(
    lost_ms=st.integers(0, 2_500),
    away_ms=st.integers(0, 3_000),
    delay_ms=st.integers(0, 120),
    noticed_ms=st.integers(0, 400),
    clears=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_who_comes_back_hears_exactly_the_rest(
    lost_ms: int, away_ms: int, delay_ms: int, noticed_ms: int, clears: bool
) -> None:
    """Whatever of the speech was on its way: nothing is left out and nothing is said twice."""

    async def scenario() -> None:
        browser = Browser(delay_s=delay_ms / 1000)
        session = Session(browser.line, clears)
        await browser.line.start(session)
        speaking = asyncio.create_task(session.speak(100))
        await asyncio.sleep(lost_ms / 1000)
        browser.connection.cut = True
        await asyncio.sleep(noticed_ms / 1000)  # what is sent now goes nowhere
        browser.line.gone("The connection broke off.")
        await asyncio.sleep(away_ms / 1000)
        assert browser.line.clear() == 0, "only the client knows"
        browser.come_back()
        await speaking
        await browser.line.close()
        # `speak` says as many frames in all as were not taken back.
        assert np.array_equal(loud(browser.sounded()), ramp(0, session.said))
        assert session.events == ["lost", "back"]
        assert [sample for sample, _ in session.reports] == sorted(sample for sample, _ in session.reports)
        _assert_without_gaps(session)

    run(scenario())


def _assert_without_gaps(ear: Ear) -> None:
    assert [frame.at for frame in ear.frames] == [FRAME * index for index in range(len(ear.frames))]


def test_a_connection_that_seemed_alive_is_closed_when_another_comes() -> None:
    async def scenario() -> None:
        browser = Browser(delay_s=0.03)
        session = Session(browser.line)
        await browser.line.start(session)
        speaking = asyncio.create_task(session.speak(60))
        await asyncio.sleep(0.5)
        old = browser.connection
        browser.come_back()
        assert old.closed == 4001
        await speaking
        await browser.line.close()
        assert session.events == ["lost", "back"]
        assert np.array_equal(loud(browser.sounded()), ramp(0, session.said))

    run(scenario())


def test_a_clear_that_was_lost_with_the_connection_is_reckoned_with() -> None:
    async def scenario() -> None:
        browser = Browser(delay_s=0.05)
        session = Session(browser.line)
        await browser.line.start(session)
        for _ in range(10):
            session.say()
        await asyncio.sleep(0.12)
        browser.connection.cut = True
        kept = session.said - browser.line.clear()
        browser.line.send(np.full(FRAME, 30_000, np.int16))
        await asyncio.sleep(0.1)  # the client plays on what it has got
        browser.line.gone("The connection broke off.")
        assert browser.played > kept
        browser.come_back()
        await browser.line.close()
        assert (browser.clears, browser.messages[-2]["position"]) == (1, kept)
        assert (browser.sounded() == 30_000).sum() == FRAME, "what was said after the clear is heard, once"

    run(scenario())


def test_silence_is_heard_of_who_is_away_until_they_are_given_up() -> None:
    async def scenario() -> None:
        browser = Browser()
        session = Session(browser.line)
        await browser.line.start(session)
        speaking = asyncio.create_task(session.speak(1_000))
        await asyncio.sleep(1)
        browser.cut()
        heard = len(session.frames)
        await asyncio.sleep(RESUME_S - 0.1)
        assert session.reasons == []
        assert len(session.frames) - heard == pytest.approx((RESUME_S - 0.1) * 50, abs=2)
        assert not any(frame.samples.any() for frame in session.frames[heard:])
        _assert_without_gaps(session)
        await asyncio.sleep(0.2)
        assert session.reasons == ["The connection broke off, and the caller did not come back within 30 s."]
        speaking.cancel()
        assert session.unheard == session.said - session.reports[-1][0], "what nobody will hear"
        with pytest.raises(TransportError, match="The call is over"):
            browser.come_back()

    run(scenario())


def test_a_connection_lost_before_the_call_began_ends_it() -> None:
    async def scenario() -> None:
        browser = Browser()
        browser.cut()
        with pytest.raises(TransportError, match="broke off"):
            await browser.line.start(Ear())

    run(scenario())


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (Hello(resume="token", audio=AudioFormat("pcm16", 8_000)), "in the format it began with"),
        (Hello(resume="token", played=99_999), "99999 samples have sounded"),
        (Hello(resume="token", clears=3), "after 3 clears"),
    ],
)
def test_who_comes_back_with_something_else_is_turned_away_and_the_call_goes_on(hello: Hello, reason: str) -> None:
    async def scenario() -> None:
        browser = Browser()
        session = Session(browser.line)
        await browser.line.start(session)
        stranger = Connection(browser, 0)
        with pytest.raises(TransportError, match=reason):
            browser.line.attach(hello, stranger)
        await asyncio.sleep(0.1)
        assert (stranger.arrived, browser.connection.closed, session.events) == (0, None, [])
        browser.line.receive('{"type": "hang_up"}')

    run(scenario())


def test_who_has_forgotten_what_sounded_hears_it_from_the_last_report() -> None:
    async def scenario() -> None:
        browser = Browser()
        session = Session(browser.line)
        await browser.line.start(session)
        speaking = asyncio.create_task(session.speak(100))
        await asyncio.sleep(1)
        browser.cut()
        browser.played = 0  # a page that was loaded anew
        browser.come_back()
        await asyncio.sleep(0.001)
        assert browser.messages[-1]["position"] == session.reports[-1][0]
        await speaking
        await browser.line.close()

    run(scenario())


def test_a_client_that_leaves_during_the_goodbye_is_not_waited_for() -> None:
    async def scenario() -> None:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        for _ in range(100):
            browser.line.send(ramp(0, FRAME))
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, browser.cut)
        began = loop.time()
        await browser.line.close()
        assert loop.time() - began == pytest.approx(0.5)
        with pytest.raises(TransportError, match="The call is over"):
            browser.come_back()
        assert ear.reasons == []

    run(scenario())


def test_the_goodbye_is_said_before_the_last_has_sounded() -> None:
    async def scenario() -> dict[str, Any]:
        browser, ear = Browser(), Ear()
        await browser.line.start(ear)
        for _ in range(50):
            browser.line.send(ramp(0, FRAME))
        closing = asyncio.create_task(browser.line.close())
        await asyncio.sleep(0.1)
        codes = [browser.connection.closed]
        last = browser.messages[-1]
        await closing
        assert [*codes, browser.connection.closed] == [None, 1000]
        assert len(loud(browser.sounded())) == 50 * FRAME
        return last

    assert run(scenario()) == {"type": "bye", "reason": "The call is over."}

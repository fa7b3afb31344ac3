from __future__ import annotations

import numpy as np
import pytest

from hocket.errors import TransportError
from hocket.transports.client_messages import AudioFormat, Clear, Hello, Played
from hocket.transports.incoming import Codec
from hocket.transports.outgoing import Outgoing

RATE = 16_000
FRAME = 320


def saying(frames: int, now: float = 0.0) -> Outgoing:
    outgoing = Outgoing(Codec(AudioFormat()))
    for _ in range(frames):
        outgoing.say(np.ones(FRAME, np.int16), now)
    outgoing.unsent()
    return outgoing


def test_it_is_sent_a_frame_at_a_time_and_once() -> None:
    outgoing = saying(0)
    outgoing.say(np.ones(3 * FRAME + 5, np.int16), 0.0)
    assert [len(message) for message in outgoing.unsent()] == [640, 640, 640, 10]
    assert outgoing.unsent() == []


def test_a_report_is_believed_where_it_can_be() -> None:
    outgoing = saying(10)
    assert outgoing.reported(Played(5 * FRAME), 0.1)
    assert not outgoing.reported(Played(5 * FRAME), 0.1), "nothing new"
    assert not outgoing.reported(Played(4 * FRAME), 0.1), "positions never go back"
    with pytest.raises(TransportError, match="3201 samples have sounded"):
        outgoing.reported(Played(10 * FRAME + 1), 0.1)


def test_who_lags_behind_has_more_taken_back() -> None:
    """Their reports tell by how much."""
    prompt, slow = saying(0), saying(0)
    for outgoing, buffer_s in ((prompt, 0.0), (slow, 0.3)):
        now = 0.0
        for frame in range(100):
            now = frame * 0.02
            outgoing.say(np.ones(FRAME, np.int16), now)
            outgoing.unsent()
            lag_s = 0.04 + (buffer_s if now > 1 else 0.0)
            heard = min(round((now - lag_s) * RATE), outgoing.playhead.sent)
            if frame % 5 == 0 and heard > 0:
                outgoing.reported(Played(heard), now)
    of_prompt, of_slow = (outgoing.clear(1.98)[0] / RATE for outgoing in (prompt, slow))
    assert of_prompt == pytest.approx(0.02, abs=0.021)
    assert of_slow - of_prompt == pytest.approx(0.3, abs=0.03)


def test_a_clear_is_said_when_something_is_on_its_way() -> None:
    outgoing = saying(10)
    assert outgoing.clear(0.1) == (5 * FRAME, Clear(5 * FRAME))
    assert outgoing.clear(0.1) == (0, None)
    outgoing.say(np.ones(FRAME, np.int16), 0.1)
    dropped, message = outgoing.clear(0.1)
    assert (dropped, message) == (FRAME, None), "this connection never got it"


def test_what_had_sounded_by_the_words_of_who_comes_back() -> None:
    outgoing = saying(10)
    outgoing.reported(Played(2 * FRAME), 0.04)
    assert outgoing.heard(Hello(played=5 * FRAME)) == 5 * FRAME
    assert outgoing.heard(Hello(played=FRAME)) == 2 * FRAME, "what was reported stays so"
    outgoing.clear(0.1)
    assert outgoing.heard(Hello(played=9 * FRAME, clears=0)) == 5 * FRAME, "the clear did not arrive"
    with pytest.raises(TransportError):
        outgoing.heard(Hello(played=9 * FRAME, clears=1))
    outgoing.restart(5 * FRAME, 1.0)
    assert outgoing.unsent() == []


def test_the_rest_is_sent_again() -> None:
    outgoing = saying(10)
    outgoing.restart(7 * FRAME + 100, 1.0)
    assert sum(len(message) for message in outgoing.unsent()) == 2 * (3 * FRAME - 100)
    assert outgoing.clear(1.0) == (3 * FRAME - 100, Clear(7 * FRAME + 100))

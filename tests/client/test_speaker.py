from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.frame import silence
from hocket.client.speaker import Speaker


def ones(count: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.ones(count, np.int16)


def test_what_is_played_sounds_as_soon_as_it_can() -> None:
    speaker = Speaker()
    speaker.play(ones(100), 50)
    speaker.play(ones(100), 60)
    assert speaker.silent_at == 250
    assert [speaker.position(now) for now in (50, 100, 250, 900)] == [0, 50, 200, 200]
    speaker.play(ones(10), 1_000)
    assert speaker.position(1_005) == 205
    assert speaker.hear(40, 60).tolist() == [0] * 10 + [1] * 10


def test_a_clear_moves_the_position_and_silences() -> None:
    speaker = Speaker()
    speaker.play(ones(1_000), 0)
    speaker.clear(420, 400)
    assert (speaker.position(500), speaker.clears, speaker.silent_at) == (420, 1, 400)
    speaker.play(ones(100), 500)
    assert speaker.position(550) == 470
    assert speaker.hear(0, 600).sum() == 500


def test_who_comes_back_goes_on_where_the_gateway_says() -> None:
    speaker = Speaker()
    speaker.play(ones(1_000), 0)
    assert speaker.cut(300) == 300
    assert speaker.position(900) == 300, "nothing sounds without a connection"
    speaker.resume(250, 3, 1_000)
    assert (speaker.position(1_000), speaker.clears) == (250, 3)


@given(st.lists(st.tuples(st.sampled_from(["play", "clear", "wait"]), st.integers(0, 500)), max_size=40))
def test_every_sample_that_sounds_is_counted(actions: list[tuple[str, int]]) -> None:
    speaker, now, base, heard = Speaker(), 0, 0, silence(0)
    for action, value in actions:
        match action:
            case "play":
                speaker.play(ones(value), now)
            case "clear":
                base = value - int(heard.sum())
                speaker.clear(value, now)
            case _:
                heard = np.concatenate((heard, speaker.hear(now, now + value)))
                now += value
        assert speaker.position(now) == base + int(heard.sum())

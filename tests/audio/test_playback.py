from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.audio.playback import Playback

steps = st.lists(
    st.tuples(st.sampled_from(["play", "drop", "wait", "render"]), st.integers(0, 30)), min_size=1, max_size=60
)


@given(steps)
def test_every_sample_sounds_at_its_place_in_the_queue_or_now(actions: list[tuple[str, int]]) -> None:
    """Against a plain axis on which every sample is written where it has to sound."""
    playback = Playback()
    axis = np.zeros(4_000, np.int16)
    now = end = rendered = said = 0
    heard: list[int] = []
    for action, count in actions:
        match action:
            case "play":
                samples = np.arange(said + 1, said + count + 1).astype(np.int16)
                said += count
                start = max(now, end)
                axis[start : start + count] = samples
                end = start + count
                playback.play(samples, now)
            case "drop":
                assert playback.drop(now) == np.count_nonzero(axis[now:])
                axis[now:] = 0
                end = min(end, now)
            case "wait":
                now += count
            case _:
                heard += playback.render(rendered, now).tolist()
                rendered = now
        assert playback.end == end
        assert playback.sounded(now) == np.count_nonzero(axis[:now])
    assert heard == axis[:rendered].tolist()

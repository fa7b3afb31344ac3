from __future__ import annotations

import numpy as np
import pytest

from hocket.sim.loop import run
from hocket.transports.client_messages import AudioFormat
from hocket.transports.websocket import WebSocketLine
from tests.stages.contract import check_transport
from tests.transports.browser import Browser


@pytest.mark.parametrize(
    "audio",
    [AudioFormat(), AudioFormat("mulaw", 8_000), AudioFormat("pcm16", 24_000), AudioFormat("pcm16", 48_000)],
    ids=lambda audio: f"{audio.encoding}-{audio.rate}",
)
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

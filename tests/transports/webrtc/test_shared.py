from __future__ import annotations

import asyncio

import pytest

from hocket.errors import MissingError
from hocket.transports.webrtc import shared
from hocket.transports.webrtc.sdp import read_offer
from hocket.transports.webrtc.shared import WebRtc
from tests.transports.webrtc.caller import Caller


def test_calls_share_a_port_a_certificate_and_the_effort_but_no_secret() -> None:
    async def scenario() -> None:
        shared, caller = WebRtc(), Caller()
        await shared.open(("127.0.0.1",))
        offer = read_offer(await caller.offer())
        peers = [shared.answer(offer) for _ in range(3)]
        for kept in ("a=fingerprint:", "a=candidate:"):
            assert len({line for peer in peers for line in peer.answer.splitlines() if line.startswith(kept)}) == 1
        for own in ("a=ice-ufrag:", "a=ice-pwd:", "a=ssrc:"):
            assert len({line for peer in peers for line in peer.answer.splitlines() if line.startswith(own)}) == 3
        assert all(peer.voice._effort is shared.effort for peer in peers)
        for peer in peers:
            await peer.close()
            await peer.close()
        assert not shared.sockets._calls
        await caller.close()
        shared.close()

    asyncio.run(scenario())


def test_without_the_codec_there_are_no_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingError("There is no Opus.")

    monkeypatch.setattr(shared, "load_opus", missing)
    with pytest.raises(MissingError):
        WebRtc()

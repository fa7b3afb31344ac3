from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import InputError
from hocket.transports.webrtc.sdp import MAX_OFFER_BYTES, Local, Offer, read_offer, write_answer
from tests.transports.webrtc.caller import Caller

PRINT = ":".join(["AB"] * 32)
CHROMIUM = "\r\n".join(
    [
        "v=0",
        "o=- 8014410216243384131 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS 3c",
        "m=audio 45678 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126",
        "c=IN IP4 192.0.2.7",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 f1c3a6e0-1111-4aaa-8bbb-000000000000.local 45678 typ host generation 0",
        "a=ice-ufrag:Q7uW",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {PRINT}",
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "a=msid:3c 4d",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:13 CN/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "a=ssrc:1 cname:x",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:Q7uW",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        f"a=fingerprint:sha-256 {PRINT}",
        "a=setup:actpass",
        "a=mid:1",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:Q7uW",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        f"a=fingerprint:sha-256 {PRINT}",
        "a=setup:actpass",
        "a=mid:2",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "",
    ]
)
LOCAL = Local(
    "ours", "secretsecretsecretsecret", PRINT, ["1 1 udp 2130706431 192.0.2.1 8081 typ host"], 7, "hocket", 5000
)


def test_what_a_browser_offers_is_read() -> None:
    offer = read_offer(CHROMIUM)
    assert (offer.ufrag, offer.password) == ("Q7uW", "abcdefghijklmnopqrstuvwx")
    assert (offer.opus, offer.keys, offer.role, offer.direction) == (111, 110, "client", "sendrecv")
    assert (offer.sctp_port, offer.max_message) == (5000, 262_144)
    assert [section.taken for section in offer.sections] == ["audio", "", "data"]


def test_the_answer_takes_audio_and_data_asks_for_copies_and_refuses_the_rest() -> None:
    answer = write_answer(read_offer(CHROMIUM), LOCAL)
    assert "a=fmtp:111 minptime=10;useinbandfec=1\r\n" in answer
    read = SessionDescription.parse(answer)
    assert [(media.kind, media.rtp.muxId, bool(media.port)) for media in read.media] == [
        ("audio", "0", True),
        ("video", "1", False),
        ("application", "2", True),
    ]
    assert read.group[0].items == ["0", "2"]
    audio = read.media[0]
    assert [codec.mimeType for codec in audio.rtp.codecs] == ["audio/opus", "audio/telephone-event"]
    assert audio.ice_candidates[0].port == 8081
    assert audio.dtls is not None
    assert audio.dtls.role == "client"
    assert audio.ssrc[0].cname == "hocket"


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly")]
)
def test_directions_are_answered_in_kind(theirs: str, ours: str) -> None:
    offer = read_offer(CHROMIUM.replace("a=sendrecv", f"a={theirs}"))
    assert f"a={ours}\r\n" in write_answer(offer, LOCAL)


def test_who_wants_to_begin_the_handshake_may() -> None:
    offer = read_offer(CHROMIUM.replace("a=setup:actpass", "a=setup:active"))
    assert offer.role == "server"
    assert "a=setup:passive" in write_answer(offer, LOCAL)


def test_without_bundling_there_is_no_second_transport() -> None:
    offer = read_offer(CHROMIUM.replace("a=group:BUNDLE 0 1 2\r\n", ""))
    assert offer.sctp_port is None
    assert [section.taken for section in offer.sections] == ["audio", "", ""]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no audio in Opus"),
        ("hello", "no audio in Opus"),
        (CHROMIUM.replace("opus", "vorbis"), "no audio in Opus"),
        (CHROMIUM.replace("m=audio 45678", "m=audio 0"), "no audio in Opus"),
        (CHROMIUM.replace("a=rtcp-mux\r\n", ""), "no rtcp-mux"),
        (CHROMIUM.replace("a=ice-ufrag:Q7uW\r\n", ""), "no ice-ufrag"),
        (CHROMIUM.replace("a=ice-ufrag:Q7uW", "a=ice-ufrag:Q7\tW and more"), "no ice-ufrag"),
        (CHROMIUM.replace(PRINT, "AB:CD"), "no fingerprint"),
        (CHROMIUM.replace("sha-256", "md5"), "no fingerprint"),
        (CHROMIUM.replace("a=setup:actpass\r\n", ""), "no fingerprint and setup"),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:maybe"), "cannot be read"),
        (CHROMIUM.replace("a=mid:0", "a=mid:" + "0" * 99).replace("BUNDLE 0", "BUNDLE " + "0" * 99), "cannot be read"),
        (CHROMIUM.replace("45678", "x"), "cannot be read"),
        (CHROMIUM + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 9, "too long"),
        (CHROMIUM + "a=x\r\n" * 2_000, "too long"),
        (CHROMIUM + "x" * MAX_OFFER_BYTES, "too long"),
        (CHROMIUM.replace("a=rtpmap:111", "a=rtpmap:" + "9" * 5_000), "too long"),
    ],
)
def test_offers_that_cannot_be_used_are_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_offer(text)


LINES = CHROMIUM.split("\r\n")


@given(
    st.lists(
        st.one_of(st.sampled_from(LINES), st.text(max_size=30), st.sampled_from(LINES).map(lambda line: line[:-3])),
        max_size=60,
    ),
    st.data(),
)
def test_any_text_is_an_offer_or_refused(lines: list[str], data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from([lines, LINES[:12] + lines, LINES[: len(lines)] + lines + LINES[12:]]))
    try:
        offer = read_offer("\r\n".join(lines))
    except InputError:
        return
    answer = write_answer(offer, LOCAL)
    assert len(answer.split("m=")) - 1 == len(offer.sections)


def test_aiortc_offers_are_read_too() -> None:
    async def scenario() -> Offer:
        caller = Caller()
        try:
            return read_offer(await caller.offer())
        finally:
            await caller.close()

    offer = asyncio.run(scenario())
    assert (offer.opus, offer.keys) == (96, None)
    assert "a=fmtp:96 minptime=10;useinbandfec=1" in write_answer(offer, LOCAL)


@pytest.mark.parametrize("newline", ["\n", "\r", "\u2028"])
def test_an_offer_made_to_keep_the_parser_busy_is_refused_or_read_in_its_length(newline: str) -> None:
    """Counted in lines of Python, because these offers once took seconds of the loop that all calls share."""
    codecs = [f"a=rtpmap:{number} a/1" for number in range(1_800)]
    for busy in ([*codecs, *["a=rtcp-fb:* x"] * 1_800], [f"a=ssrc:{number} x:y" for number in range(1_900)]):
        text = newline.join([*CHROMIUM.split("\r\n")[:32], *busy])[:MAX_OFFER_BYTES]
        assert _steps(text) < 60_000


def test_lines_that_nobody_reads_do_no_harm() -> None:
    noisy = CHROMIUM.replace("a=rtcp-rsize", "\r\n".join(["a=candidate:nonsense", *["a=rtcp-fb:* x"] * 900]))
    assert read_offer(noisy) == read_offer(CHROMIUM)


def _steps(text: str) -> int:
    """How many lines of Python reading an offer takes."""
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read_offer(text)
    except InputError:
        pass
    finally:
        sys.settrace(before)
    return steps

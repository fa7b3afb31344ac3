"""Calls over WebRTC whose connection breaks off: the page notices, says so, and comes back where there is a call."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Error, Page, Route

from tests.browser.conftest import Served
from tests.browser.talker import GREETING
from tests.browser.test_talk import AUDIBLE
from tests.browser.visit import Visit
from tests.browser.wire import Wire

HURRIED = """
const parse = JSON.parse;
JSON.parse = (text) => {
  const message = parse(text);
  return message?.type === "welcome" ? { ...message, resume_s: 1 } : message;
};
"""
"""The gateway waits 30 s; the page is told that it is one."""


SENT = """
window.sent = [];
const send = RTCDataChannel.prototype.send;
RTCDataChannel.prototype.send = function (text) {
  sent.push(JSON.parse(text));
  return send.call(this, text);
};
"""


STATE = """
const native = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, "connectionState").get;
Object.defineProperty(RTCPeerConnection.prototype, "connectionState", {
  get() { return this.said ?? native.call(this); },
});
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    peers.push(this);
  }
  say(state) {
    this.said = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
};
"""
"""What the page is told of its connections can be decided."""


class WebRtc:
    """Somebody who calls over WebRTC, their datagrams through the wire too."""

    def __init__(self, visit: Visit, wire: Wire) -> None:
        self.visit = visit
        self.offers: list[dict[str, Any]] = []
        self._wire = wire
        visit.page.route("**/webrtc/offer?*", self._offer)

    def call(self) -> Page:
        page = self.visit.call("webrtc")
        assert page.locator("#connection").inner_text() == "WebRTC"
        page.locator("#captions .agent", has_text="We open").first.wait_for()  # both sides are heard
        return page

    def breaks_off(self) -> None:
        """The page notices."""
        self.visit.page.get_by_text("Reconnecting …").wait_for()
        assert self.visit.page.locator("#state").inner_text() == "Reconnecting"

    def _offer(self, route: Route) -> None:
        self.offers.append(msgspec.json.decode(route.request.post_data or ""))
        try:
            response = route.fetch()
        except Error:
            route.abort()
            return
        answer = response.json()
        if "sdp" in answer:
            answer["sdp"] = re.sub(
                r"(candidate:\S+ \d udp \d+) \S+ \d+ ", rf"\1 127.0.0.1 {self._wire.udp_port} ", answer["sdp"]
            )
        route.fulfill(response=response, json=answer)


@pytest.fixture
def webrtc(visit: Visit, wire: Wire) -> Iterator[WebRtc]:
    """At the talk page of a server that has WebRTC. In the end the wire is whole."""
    if "webrtc" not in visit.ticket()["urls"]:
        pytest.skip("this server has no WebRTC: pip install hocket[webrtc]")
    yield WebRtc(visit, wire)
    wire.mend()
    # Chromium's own words about offers that were not answered.
    visit.errors[:] = [error for error in visit.errors if "Failed to load resource" not in error]


def test_the_page_says_how_much_sound_its_browser_holds_back(webrtc: WebRtc) -> None:
    page = webrtc.visit.page
    page.add_init_script(SENT)
    webrtc.call()
    webrtc.visit.until("sent.filter(({ type }) => type === 'buffered').length > 4")
    held = page.evaluate("sent.filter(({ type }) => type === 'buffered').map(({ ms }) => ms)")
    assert all(0 < ms < 500 for ms in held[1:])


@pytest.mark.parametrize("everything", [False, True], ids=["udp", "everything"])
def test_a_call_goes_on_after_the_network_was_away(webrtc: WebRtc, wire: Wire, everything: bool) -> None:
    """The page hears by itself that nothing comes, before the browser says so."""
    webrtc.visit.page.add_init_script(STATE)
    page = webrtc.call()
    page.evaluate("peers[0].say('connected')")
    wire.cut(everything=everything)
    webrtc.breaks_off()
    before = page.locator("#captions li").count()
    wire.mend()
    page.get_by_text("The connection is back.").wait_for()
    webrtc.visit.until(f"document.querySelectorAll('#captions li').length > {before} + 1")  # it listens and answers
    webrtc.visit.until(f"heard.levels.at(-1)[1] > {AUDIBLE}")
    assert "ticket" in webrtc.offers[0]
    assert webrtc.offers[-1]["resume"]
    assert page.locator("#captions", has_text=GREETING).count() == 1  # the same call, not another
    page.get_by_role("button", name="Hang up").click()
    assert page.locator("#state").inner_text() == "The call is over"


def test_a_connection_that_the_browser_gives_up_is_replaced(webrtc: WebRtc) -> None:
    webrtc.visit.page.add_init_script(STATE)
    page = webrtc.call()
    page.evaluate("peers[0].say('failed')")
    page.get_by_text("The connection is back.").wait_for()
    assert [bool(offer.get("resume")) for offer in webrtc.offers] == [False, True]
    assert page.locator("#captions", has_text=GREETING).count() == 1


def test_a_network_that_stays_away_for_too_long(webrtc: WebRtc, wire: Wire) -> None:
    webrtc.visit.page.add_init_script(HURRIED)
    page = webrtc.call()
    wire.cut(everything=True)
    webrtc.breaks_off()
    webrtc.visit.until("document.body.dataset.status === 'over'")
    assert "could not be restored within 1 seconds" in page.locator("#notice").inner_text()
    page.get_by_role("button", name="Call again").wait_for()


def test_a_worker_that_is_killed_ends_the_call_and_its_successor_takes_the_next(webrtc: WebRtc, served: Served) -> None:
    page = webrtc.call()
    for worker in _children(served.process.pid):
        os.kill(worker, signal.SIGKILL)
    webrtc.visit.until("document.body.dataset.status === 'over'")
    notice = page.locator("#notice").inner_text()
    assert "begin a new one" in notice
    assert webrtc.offers[-1]["resume"]
    webrtc.visit.press_call()
    webrtc.visit.until("document.body.dataset.status === 'open'")
    page.get_by_text(GREETING).wait_for()
    assert page.locator("#connection").inner_text() == "WebRTC"


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

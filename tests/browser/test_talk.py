"""Calls from the talk page in Chromium, to `hocket serve`: what is said, heard and shown."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from tests.browser.talker import ANSWER, GREETING, QUESTION, TONE_HZ
from tests.browser.visit import Visit
from tests.browser.wire import Wire

SILENT = 0.001
AUDIBLE = 0.02
"""Of full scale, root mean square; the agent's tone has 0.17."""


def test_both_sides_are_heard_and_written_down(visit: Visit) -> None:
    page = visit.call()
    assert page.get_by_role("heading", level=1).inner_text() == "Opening Hours"
    page.get_by_text(GREETING).wait_for()
    page.get_by_text(QUESTION).first.wait_for()  # the microphone was heard
    page.locator("#captions .agent", has_text="We open at nine").first.wait_for()
    visit.until(f"heard.levels.at(-1)[1] > {AUDIBLE} && Math.abs(heard.pitch() - {TONE_HZ}) < 50")
    visit.until("document.querySelector('#agent-level').style.getPropertyValue('--level') > 0.5")
    page.get_by_role("button", name="Hang up").click()
    assert page.locator("#state").inner_text() == "The call is over"
    assert "You hung up." in page.locator("#notice").inner_text()
    page.get_by_role("button", name="Call again").wait_for()


def test_every_turn_is_drawn_as_it_happens(visit: Visit) -> None:
    page = visit.call()
    page.locator("#waterfall .chart").wait_for()
    assert page.locator("#waterfall q").inner_text() == QUESTION
    rows = page.locator("#waterfall .row").all_inner_texts()
    assert [row for row in rows if row in ("silence", "llm", "tts", "playout")] == ["silence", "llm", "tts", "playout"]
    path = page.locator("#waterfall .turn > .path .bar")
    assert path.count() >= 2
    whole = float(page.locator("#waterfall strong").inner_text().removesuffix(" ms"))
    parts = page.locator("#waterfall .parts b").all_inner_texts()
    assert sum(float(part.removesuffix(" ms")) for part in parts) == pytest.approx(whole, abs=len(parts) + 1)
    tile = page.locator('[data-percentile="p50"] dd')
    assert float(tile.inner_text().removesuffix(" ms")) > 0
    page.locator("#waterfall .strips li").nth(1).wait_for()  # and so on, turn after turn
    page.locator('#waterfall [data-turn="1"] button').click()
    assert page.locator("#waterfall figcaption .quiet").inner_text().strip() == "Turn 1"


def test_the_state_is_always_told(visit: Visit) -> None:
    visit.open()
    visit.page.evaluate("""() => {
      window.states = [];
      new MutationObserver(() => states.push(document.querySelector("#state").textContent))
        .observe(document.querySelector("#state"), { childList: true });
    }""")
    visit.press_call()
    visit.until("states.join().includes('Listening,Thinking,Speaking,Listening')")
    states = visit.page.evaluate("states")
    while states[:3] == ["Asking for your microphone", "Connecting", "There is no call"]:
        states = states[3:]  # no line was free
    assert states[:2] == ["Asking for your microphone", "Connecting"]
    assert visit.page.locator("[role=status] #state").count() == 1


def test_an_agent_that_is_interrupted_falls_silent(visit: Visit) -> None:
    """The answer sounds for seconds, and the caller speaks again before it ends."""
    page = visit.call()
    interrupted = page.locator("#captions .agent:has(em:not([hidden]))", has_text="We open")
    interrupted.first.wait_for()
    said = interrupted.first.locator("span").inner_text()
    assert ANSWER.startswith(said.strip())
    assert len(said) < len(ANSWER) - 5
    # Until the next answer the agent is silent, and not only quieter: at least as long as the caller spoke.
    page.locator("#captions .agent", has_text="We open").nth(1).wait_for()
    levels: list[tuple[float, float]] = page.evaluate("heard.levels")
    silences = _silences(levels)
    first_answer = next(at for at, rms in levels if rms > AUDIBLE)
    assert max(end - start for start, end in silences if start > first_answer) > 500


def _silences(levels: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches without a sound, in the page's milliseconds."""
    found: list[tuple[float, float]] = []
    start: float | None = None
    for at, rms in levels:
        if rms < SILENT:
            start = at if start is None else start
        elif start is not None:
            found.append((start, at))
            start = None
    return found


def test_a_call_by_webrtc_is_like_any_other(visit: Visit) -> None:
    if "webrtc" not in visit.ticket()["urls"]:
        pytest.skip("this server has no WebRTC: pip install hocket[webrtc]")
    page = visit.call("webrtc")
    assert page.locator("#connection").inner_text() == "WebRTC"
    page.get_by_text(GREETING).wait_for()
    page.get_by_text(QUESTION).first.wait_for()  # the microphone was heard
    page.locator("#captions .agent", has_text="We open at nine").first.wait_for()
    visit.until(f"heard.levels.at(-1)[1] > {AUDIBLE} && Math.abs(heard.pitch() - {TONE_HZ}) < 50")
    page.locator("#waterfall .chart").wait_for()
    page.locator("#captions .agent:has(em:not([hidden]))", has_text="We open").first.wait_for()
    visit.until(f"heard.levels.at(-1)[1] < {SILENT}")  # interrupted, it fell silent
    page.get_by_role("button", name="Hang up").click()
    assert page.locator("#state").inner_text() == "The call is over"


def test_without_webrtc_a_websocket_carries_the_call(visit: Visit) -> None:
    visit.page.add_init_script(
        "RTCPeerConnection.prototype.setLocalDescription = async () => { throw new Error('no'); }"
    )
    page = visit.call("webrtc")
    assert page.locator("#connection").inner_text() == "WebSocket"
    assert page.get_by_label("WebSocket").is_checked()
    page.get_by_text("This call uses a WebSocket instead.").wait_for()
    page.get_by_text(QUESTION).first.wait_for()


def test_the_microphone_can_be_muted_and_keys_pressed(visit: Visit) -> None:
    page = visit.call()
    page.keyboard.press("m")
    mute = page.get_by_role("button", name="Muted")
    assert mute.get_attribute("aria-pressed") == "true"
    visit.until("document.querySelector('#caller-level').style.getPropertyValue('--level') < 0.05")
    mute.click()
    assert page.get_by_role("button", name="Mute").get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="5", exact=True).click()
    page.get_by_role("button", name="hash").click()
    page.keyboard.press("7")
    digits = [message["digit"] for message in _messages(visit, "dtmf", at_least=3)]
    assert digits == ["5", "#", "7"]


def test_a_call_goes_on_after_its_connection_broke_off(visit: Visit, wire: Wire) -> None:
    page = visit.call()
    page.locator("#captions .agent", has_text="We open").first.wait_for()
    before = page.locator("#captions li").count()
    try:
        wire.cut()
        page.get_by_text("Reconnecting …").wait_for()
        assert page.locator("#state").inner_text() == "Reconnecting"
    finally:
        wire.mend()
    page.get_by_text("The connection is back.").wait_for()
    visit.until(f"document.querySelectorAll('#captions li').length > {before} + 1")  # it listens and answers
    visit.until(f"heard.levels.at(-1)[1] > {AUDIBLE}")
    hellos = _messages(visit, "hello", at_least=2)
    assert "ticket" in hellos[0]
    assert hellos[-1]["resume"]
    assert hellos[-1]["played"] > 0
    assert page.locator("#captions", has_text=GREETING).count() == 1  # the same call, not another
    visit.errors[:] = [error for error in visit.errors if "WebSocket connection" not in error]  # Chromium's own words


def test_a_call_goes_on_after_the_network_fell_silent(visit: Visit, wire: Wire) -> None:
    """As when a phone walks out of one network into another: nobody says that the old one is gone."""
    page = visit.call()
    page.locator("#captions .agent", has_text="We open").first.wait_for()
    try:
        wire.silence()
        page.get_by_text("Reconnecting …").wait_for(timeout=8_000)
    finally:
        wire.mend()
    page.get_by_text("The connection is back.").wait_for()
    assert page.locator("#captions", has_text=GREETING).count() == 1  # the same call, not another


def test_what_is_reported_as_played_is_what_the_server_takes_it_for(visit: Visit) -> None:
    """Every 100 ms while it sounds, growing, and of the right sound; the server ends a call that reports wrongly."""
    page = visit.call()
    page.locator("#captions .agent:has(em:not([hidden]))", has_text="We open").first.wait_for()
    page.locator("#captions .agent", has_text="We open").nth(1).wait_for()
    reports = _messages(visit, "played")
    assert len(reports) > 20
    assert {report["clears"] for report in reports} > {0}
    by_clear: dict[int, list[int]] = {}
    for report in reports:
        by_clear.setdefault(report["clears"], []).append(report["sample"])
    assert all(samples == sorted(samples) for samples in by_clear.values())
    steps = [b - a for samples in by_clear.values() for a, b in pairwise(samples)]
    assert 1_000 < sorted(steps)[len(steps) // 2] < 2_400  # 100 ms are 1600
    assert page.evaluate("document.body.dataset.status") == "open"


def _messages(visit: Visit, kind: str, at_least: int = 1) -> list[dict[str, Any]]:
    """Of one kind, to the gateway. Playwright tells of them a moment after the page has sent them."""

    def look() -> list[dict[str, Any]]:
        found = [message for text in visit.sent if (message := msgspec.json.decode(text))["type"] == kind]
        return found if len(found) >= at_least else []

    return visit.wait_for(look, f"{at_least} messages {kind} were never sent")

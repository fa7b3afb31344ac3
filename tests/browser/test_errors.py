"""What the talk page says when there is no call to be had, in sentences."""

from __future__ import annotations

import msgspec
import pytest
from playwright.sync_api import Browser, Route, WebSocketRoute

from tests.browser.conftest import MAX_CALLS
from tests.browser.visit import Visit
from tests.browser.wire import Wire


def notice(visit: Visit) -> str:
    """The sentence that is shown."""
    visit.until("!document.querySelector('#notice').hidden")
    return visit.page.locator("#notice").inner_text()


def press(visit: Visit) -> None:
    visit.open()
    visit.press_call()


def test_a_microphone_that_is_denied(chromium: Browser, wire: Wire) -> None:
    context = chromium.new_context()  # with no permission
    try:
        visit = Visit(context.new_page(), wire.url)
        press(visit)
        assert "may not use the microphone" in notice(visit)
        assert "Allow it at the icon" in notice(visit)
        assert visit.page.locator("#notice").get_attribute("role") == "alert"
        visit.page.get_by_role("button", name="Call again").wait_for()
        assert visit.page.locator("#state").inner_text() == "There is no call"
        assert not visit.errors
        assert not any("v1/voice/session" in url for url in visit.asked)  # no ticket was used up
    finally:
        context.close()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("NotFoundError", "No microphone was found."), ("NotReadableError", "Close other programs that use it")],
)
def test_no_microphone(visit: Visit, name: str, sentence: str) -> None:
    # Chromium's one fake device cannot be unplugged.
    visit.page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"
    )
    press(visit)
    assert sentence in notice(visit)


def test_a_server_that_is_gone_and_comes_back(visit: Visit, wire: Wire) -> None:
    visit.open()
    try:
        wire.cut(everything=True)
        visit.page.get_by_role("button", name="Call").click()
        assert "The server does not answer." in notice(visit)
    finally:
        wire.mend()
    visit.page.get_by_role("button", name="Call again").wait_for()
    visit.press_call()
    visit.until("document.body.dataset.status === 'open'")
    assert visit.page.locator("#notice").is_hidden()
    visit.errors[:] = [error for error in visit.errors if "net::ERR" not in error]  # Chromium's own words


def test_a_connection_that_stays_away_for_too_long(visit: Visit, wire: Wire) -> None:
    """The gateway waits 30 s; the page is told that it is one."""

    def hurried(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if isinstance(message, str) and '"welcome"' in message:
                message = msgspec.json.encode(msgspec.json.decode(message) | {"resume_s": 1.0}).decode()
            route.send(message)

        server.on_message(pass_on)

    visit.page.route_web_socket("**/ws", hurried)
    visit.call()
    try:
        wire.cut(everything=True)
        visit.until("document.body.dataset.status === 'over'")
        assert "could not be restored within 1 seconds" in notice(visit)
    finally:
        wire.mend()
    visit.errors.clear()  # Chromium's own words about each attempt


def test_a_ticket_that_is_not_valid(visit: Visit) -> None:
    def spoil(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"ticket": "spoiled"})

    visit.page.route("**/v1/voice/session", spoil)
    press(visit)
    assert notice(visit) == "The ticket is not valid: ask for a new one."


def test_a_front_that_gives_no_ticket(visit: Visit) -> None:
    visit.page.route(
        "**/v1/voice/session", lambda route: route.fulfill(status=403, json={"message": "This page may not call."})
    )
    press(visit)
    assert notice(visit) == "The server gave no ticket for a call. This page may not call."
    visit.errors.clear()  # Chromium's own words about the status


def test_a_server_that_is_full_says_when_to_try_again(chromium: Browser, wire: Wire) -> None:
    context = chromium.new_context(permissions=["microphone"])
    visits: list[Visit] = []
    try:
        for _ in range(MAX_CALLS + 1):
            visits.append(Visit(context.new_page(), wire.url))
            visits[-1].open().locator("#talk").click()
            visits[-1].until("['open', 'over'].includes(document.body.dataset.status)")
        assert "Try again in" in notice(visits[-1])
        assert notice(visits[-1]).count("Try again") == 1
        assert visits[-1].page.locator("#talk").inner_text() == "Call again"
    finally:
        for visit in visits:
            visit.leave()
        context.close()

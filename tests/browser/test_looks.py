"""The talk page on a phone, in the dark, by keyboard, and for eyes and ears that need more."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.visit import Visit
from tests.browser.wire import Wire

FAINTEST = """() => {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const faded = element.closest(":disabled, [aria-hidden=true], .transport:disabled, noscript");
    if (!own || faded || !element.checkVisibility()) continue;
    const text = luminance(parse(getComputedStyle(element).color).slice(0, 3));
    const paper = luminance(behind(element));
    const ratio = (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
    found.push([ratio, element.tagName, element.textContent.trim().slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0])[0];
}"""
"""The text with the least contrast against what is behind it, by WCAG 2.1; what is switched off need not have any."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_all_can_be_read(
    chromium: Browser, wire: Wire, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": 360, "height": 740},
        color_scheme="dark" if scheme == "dark" else "light",
        permissions=["microphone"],
        has_touch=True,
    )
    try:
        visit = Visit(context.new_page(), wire.url)
        page = visit.open()
        for _ in range(2):
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            ratio, tag, text = page.evaluate(FAINTEST)
            assert ratio >= 4.5, (tag, text)
            button = page.locator("#talk").bounding_box()
            assert button is not None
            assert button["y"] + button["height"] <= 740  # in reach without scrolling
            if page.locator("body").get_attribute("data-status") == "idle":
                visit.press_call()
                page.locator("#waterfall .chart").wait_for()
        assert not visit.errors
        visit.leave()
    finally:
        context.close()


def test_all_can_be_done_by_keyboard_in_a_sensible_order(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.url)
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert reached[:2] == ["skip", "talk"]
    page.get_by_label("WebSocket").focus()
    page.keyboard.press("Space")
    visit.press_call("Enter")
    assert page.evaluate("document.activeElement.id") == "talk"  # the button that hangs up is where the other was


def test_every_control_has_a_name_and_news_are_read_out(visit: Visit) -> None:
    page = visit.call()
    page.get_by_role("button", name="Keys").click()
    nameless = page.evaluate("""[...document.querySelectorAll('button, input')]
        .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
        .map((one) => one.outerHTML)""")
    assert nameless == []
    assert page.get_by_role("log").get_attribute("aria-live") == "polite"
    assert page.get_by_role("group", name="Connection").count() == 1
    page.locator("#waterfall .chart").wait_for()
    assert "answered after" in (page.locator("#waterfall .chart").get_attribute("aria-label") or "")


def test_who_wants_no_motion_sees_none(chromium: Browser, wire: Wire) -> None:
    context = chromium.new_context(reduced_motion="reduce", permissions=["microphone"])
    try:
        page = Visit(context.new_page(), wire.url).open()
        page.evaluate("document.querySelector('#orb').dataset.state = 'thinking'")
        assert page.evaluate("getComputedStyle(document.querySelector('#orb b')).animationName") == "none"
    finally:
        context.close()

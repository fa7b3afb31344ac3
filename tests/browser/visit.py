"""Somebody at the talk page: what they press, see and hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from playwright.sync_api import ConsoleMessage, Page, WebSocket

T = TypeVar("T")

WAIT_MS: Final = 45_000
"""Until something happens that has to; a machine that is ten times slower gets there too."""

POLL_MS: Final = 50

LISTEN: Final = """
window.heard = { analysers: [], levels: [] };
const make = AudioContext.prototype.createAnalyser;
AudioContext.prototype.createAnalyser = function () {
  const analyser = make.call(this);
  window.heard.analysers.push(analyser);
  return analyser;
};
const samples = new Float32Array(1024);
setInterval(() => {
  const agent = window.heard.analysers.at(-1);
  if (!agent) return;
  agent.getFloatTimeDomainData(samples);
  const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  window.heard.levels.push([performance.now(), rms]);
}, 20);
window.heard.pitch = () => {
  const agent = window.heard.analysers.at(-1);
  const bins = new Float32Array(agent.frequencyBinCount);
  agent.getFloatFrequencyData(bins);
  const top = bins.indexOf(Math.max(...bins));
  return (top * agent.context.sampleRate) / agent.fftSize;
};
"""
"""The page makes an analyser for the microphone, and then one for what goes to the loudspeaker."""


class Visit:
    """One page, and everything that went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        self.sent: list[str] = []
        """Text messages to the gateway."""
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", self._dialled)
        page.add_init_script(LISTEN)
        self.url = url

    def open(self, transport: str = "websocket") -> Page:
        self.page.goto(self.url)
        self.page.get_by_label({"websocket": "WebSocket", "webrtc": "WebRTC"}[transport]).check(force=True)
        return self.page

    def call(self, transport: str = "websocket") -> Page:
        """Open the page, press the button, and wait until the call is there."""
        self.open(transport)
        self.press_call()
        self.until("document.body.dataset.status === 'open'")
        return self.page

    def press_call(self, key: str = "") -> None:
        """Press the button until what comes of it is not for want of a line: the last call's is free a moment later,
        and a machine that is busy with other things takes none. With the mouse, or with a key."""
        for _ in range(WAIT_MS // 1000):
            if key:
                self.page.locator("#talk").focus()
                self.page.keyboard.press(key)
            else:
                self.page.locator("#talk").click()
            self.until("['open', 'over'].includes(document.body.dataset.status)")
            if "Try again" not in self.page.locator("#notice").inner_text():
                return
            self.errors[:] = [error for error in self.errors if "503" not in error]
            self.page.wait_for_timeout(1000)
        raise AssertionError("no line was free")

    def ticket(self) -> Any:
        """A session as the page asks for one, when a line is free."""

        def ask() -> Any:
            answer = self.page.request.post(f"{self.url}/v1/voice/session")
            assert answer.status in (200, 503)
            return answer.json() if answer.ok else None

        return self.wait_for(ask, "no line was free", every_ms=1_000)

    def until(self, condition: str) -> Any:
        """Wait until a JavaScript expression is true; returns it."""
        # Playwright's own wait_for_function evaluates strings in the page, which the page's policy forbids.
        return self.wait_for(lambda: self.page.evaluate(condition), f"never true: {condition}")

    def wait_for(self, look: Callable[[], T], otherwise: str, every_ms: int = POLL_MS) -> T:
        """Look until something is there; returns it."""
        for _ in range(WAIT_MS // every_ms):
            if found := look():
                return found
            self.page.wait_for_timeout(every_ms)
        raise AssertionError(otherwise)

    def leave(self) -> None:
        """Go away from the page: it hangs up, where a page that is only closed may come back to its call."""
        self.page.goto("about:blank")
        self.page.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _dialled(self, socket: WebSocket) -> None:
        self.asked.append(socket.url)
        socket.on("framesent", lambda data: self.sent.append(data) if isinstance(data, str) else None)

"""The page of `docs/how-to/talk-from-your-page.md`, of another origin than the gateway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.talker import QUESTION
from tests.browser.visit import Visit
from tests.browser.wire import Wire
from tests.documents import ROOT, blocks

DOCUMENT = ROOT / "docs" / "how-to" / "talk-from-your-page.md"
LISTENED = """
<script>
  window.said = [];
  const line = document.getElementById("said");
  new MutationObserver(() => said.push(line.textContent)).observe(line, { childList: true });
</script>"""


@contextmanager
def served(html: str) -> Iterator[str]:
    """A page of its own origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode() if self.path == "/" else b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("options", ["", "{ transport: 'websocket', session: window.session }"])
def test_the_documented_page_talks(context: BrowserContext, wire: Wire, options: str) -> None:
    html = next(iter(blocks(DOCUMENT, "html"))).text
    assert "new Call()" in html
    html = html.replace("https://voice.example.com", wire.url).replace("new Call()", f"new Call({options})")
    with served(html + LISTENED) as url:
        visit = Visit(context.new_page(), url)
        visit.page.add_init_script(
            f"""window.session = async (kind) => {{
              const body = JSON.stringify({{ kind }});
              return (await fetch("{wire.url}/v1/voice/session", {{ method: "POST", body }})).json();
            }}"""
        )
        visit.page.on("dialog", lambda dialog: dialog.dismiss())
        visit.page.goto(url)
        button = visit.page.locator("#talk")
        for _ in range(30):  # a machine that is busy with other things takes no calls
            if button.inner_text() == "Talk to us":
                button.click()
            visit.page.wait_for_timeout(1_000)
            if visit.page.evaluate("said.length > 0"):
                break
        for words in ("agent: ", f"caller: {QUESTION}", "agent: We open"):
            visit.until(f"said.some((line) => line.startsWith('{words}'))")
        button.click()
        assert button.inner_text() == "Talk to us"
        visit.leave()

"""Chromium without a screen, its microphone a file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright

PATH: Final = shutil.which("chromium") or shutil.which("chromium-browser")
"""None where there is none."""

FLAGS: Final = (
    "--no-sandbox",  # as root there is none
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def launch(playwright: Playwright, microphone: Path, *more: str) -> Browser:
    """With `more` flags; what is in the WAV file is heard again and again."""
    return playwright.chromium.launch(
        executable_path=PATH, args=[*FLAGS, *more, f"--use-file-for-fake-audio-capture={microphone}"]
    )

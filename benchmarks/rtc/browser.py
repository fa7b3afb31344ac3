"""A call from Chromium: how long its own sound takes to the agent and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright
from tests.browser.chromium import launch

RATE: Final = 8_000
"""Hertz of the page's recordings."""

SETTLE_S: Final = 3.0
WINDOW_S: Final = 0.5
LONGEST_S: Final = 1.0
QUIET: Final = 50
"""A window is of no use without a chirp in it."""


class Trip(msgspec.Struct):
    """One call."""

    connect_ms: float
    round_trip_ms: float
    """Median over half-second windows."""
    worst_ms: float
    correlation: float
    """Median of the windows' normalised correlations."""
    windows: int
    buffer_ms: float
    """Of Chromium's own jitter buffer, mean."""
    concealed_ms: float
    """Made up by Chromium."""
    lost_to_browser: int
    codec: str


def chirps(path: Path) -> None:
    """6 s at 48 kHz: twice a second a chirp of 60 ms, each of another pitch, over soft noise."""
    rate = 48_000
    random = np.random.default_rng(1)
    sound = random.normal(0, 2e-4, 6 * rate)
    for number in range(12):
        t = np.arange(rate * 60 // 1000) / rate
        low, high = random.uniform(400, 1_500), random.uniform(1_500, 3_300)
        chirp = 0.6 * np.hanning(len(t)) * np.sin(2 * np.pi * (low * t + (high - low) / 0.12 * t * t))
        at = round((0.5 * number + random.uniform(0, 0.15)) * rate)
        sound[at : at + len(t)] += chirp
    soundfile.write(path, sound, rate, "PCM_16")


def call(url: str, microphone: Path, seconds: float) -> Trip:
    """Call the server at `url` and listen for `seconds`."""
    with sync_playwright() as playwright:
        browser = launch(playwright, microphone, "--use-fake-ui-for-media-stream")
        try:
            page = browser.new_page()
            page.goto(url)
            page.wait_for_function("() => window.measure")
            result: dict[str, Any] = page.evaluate(f"measure({SETTLE_S}, {seconds})")
        finally:
            browser.close()
    if "said" not in result:
        raise RuntimeError(f"Chromium did not connect: {json.dumps(result)}")
    delays = round_trips(np.array(result["said"], float), np.array(result["heard"], float))
    before, after = result["before"]["inbound-rtp"], result["after"]["inbound-rtp"]
    emitted = after["jitterBufferEmittedCount"] - before["jitterBufferEmittedCount"]
    found = [delay for delay, _ in delays] or [float("nan")]
    return Trip(
        connect_ms=round(result["connect_ms"]),
        round_trip_ms=round(float(np.median(found)), 1),
        worst_ms=round(max(found), 1),
        correlation=round(float(np.median([likeness for _, likeness in delays] or [0.0])), 3),
        windows=len(delays),
        buffer_ms=round(1e3 * (after["jitterBufferDelay"] - before["jitterBufferDelay"]) / max(1, emitted), 1),
        concealed_ms=round((after["concealedSamples"] - before["concealedSamples"]) / 48),
        lost_to_browser=after["packetsLost"],
        codec=result["after"].get("codec", {}).get("sdpFmtpLine", ""),
    )


def round_trips(said: NDArray[np.float64], heard: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Of each half second that was said: the delay in ms after which it was heard best, and how alike that was."""
    window, longest = round(WINDOW_S * RATE), round(LONGEST_S * RATE)
    found = []
    for start in range(0, len(said) - window - longest, window):
        piece = said[start : start + window]
        if piece.std() < QUIET:
            continue
        around = heard[start : start + window + longest]
        sums = np.correlate(around - around.mean(), piece - piece.mean(), "valid")
        best = int(sums.argmax())
        match = around[best : best + window]
        norm = np.linalg.norm(piece - piece.mean()) * np.linalg.norm(match - match.mean())
        found.append((best / RATE * 1e3, float(sums[best] / (norm + 1e-9))))
    return found

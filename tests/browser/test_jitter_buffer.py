"""`jitter-buffer.js` and `resampler.js`, in the browser that runs them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page

IMPORT = """
const { JitterBuffer } = await import("/jitter-buffer.js");
const { Resampler } = await import("/resampler.js");
const rate = 16000;
const frame = (value = 8192) => new Int16Array(320).fill(value);
const pull = (buffer, count) => Array.from({ length: count }, () => buffer.pull());
"""


def run(page: Page, script: str) -> Any:
    return page.evaluate(f"(async () => {{ {IMPORT} {script} }})()")


def test_all_samples_come_out_in_order_and_are_counted(blank: Page) -> None:
    out, position = run(
        blank,
        """const buffer = new JitterBuffer(rate);
        for (let n = 0; n < 5; n++) buffer.push(Int16Array.from({ length: 320 }, (_, i) => n * 320 + i));
        return [pull(buffer, 1600), buffer.position];""",
    )
    assert position == 1600
    assert out[100:] == [n / 32768 for n in range(100, 1600)]  # the first 2 ms are faded in


def test_the_position_stands_still_in_silence(blank: Page) -> None:
    positions = run(
        blank,
        """const buffer = new JitterBuffer(rate), seen = [];
        for (let n = 0; n < 2; n++) buffer.push(frame());
        for (const count of [640, 1000]) { pull(buffer, count); seen.push(buffer.position); }
        return seen;""",
    )
    assert positions == [640, 640]


def test_a_clear_fades_out_within_5_ms_and_names_what_comes_next(blank: Page) -> None:
    out, position, after = run(
        blank,
        """const buffer = new JitterBuffer(rate);
        for (let n = 0; n < 10; n++) buffer.push(frame());
        pull(buffer, 640);
        buffer.clear(500);
        const out = pull(buffer, 400), position = buffer.position;
        for (let n = 0; n < 2; n++) buffer.push(frame());
        pull(buffer, 100);
        return [out, position, buffer.position];""",
    )
    assert out[0] == pytest.approx(0.25, rel=0.05)
    assert all(later <= earlier for earlier, later in pairwise(out))
    assert max(out[80:]) < 1e-3
    assert (position, after) == (500, 600)


def test_it_waits_longer_where_audio_came_late_and_less_again_after_a_while(blank: Page) -> None:
    targets, late = run(
        blank,
        """const buffer = new JitterBuffer(rate), seen = [buffer.targetMs];
        buffer.push(frame()); pull(buffer, 320 + 640);  // dry for 40 ms
        buffer.push(frame()); seen.push(buffer.targetMs);
        for (let n = 0; n < 30; n++) { pull(buffer, 20000); buffer.push(frame()); }
        seen.push(buffer.targetMs);
        return [seen, buffer.late];""",
    )
    assert targets[0] == 20
    assert targets[1] == pytest.approx(65, abs=6)
    assert targets[2] == 20
    assert late == 1


def test_what_is_shorter_than_the_wait_sounds_all_the_same(blank: Page) -> None:
    position = run(
        blank,
        """const buffer = new JitterBuffer(rate);
        buffer.push(new Int16Array(50).fill(1000));
        pull(buffer, 320 + 50);
        return buffer.position;""",
    )
    assert position == 50


def test_more_than_it_holds_is_dropped(blank: Page) -> None:
    held = run(
        blank,
        """const buffer = new JitterBuffer(rate);
        for (let n = 0; n < 1000; n++) buffer.push(frame());
        return buffer.held;""",
    )
    assert held == 15 * 16_000


@pytest.mark.parametrize(("source", "target"), [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (16_000, 44_100)])
def test_a_tone_keeps_its_pitch_and_its_loudness(blank: Page, source: int, target: int) -> None:
    rms, crossings, count = run(
        blank,
        f"""const resampler = new Resampler({source}, {target}), out = [];
        for (let n = 0; n < {source}; n++) {{
          resampler.take(0.5 * Math.sin(2 * Math.PI * 1000 * n / {source}));
          while (resampler.ready) out.push(resampler.next());
        }}
        const steady = out.slice(1000);
        const crossings = steady.filter((x, i) => i && x >= 0 && steady[i - 1] < 0).length;
        return [Math.hypot(...steady) / Math.sqrt(steady.length), crossings / steady.length * {target}, out.length];""",
    )
    assert rms == pytest.approx(0.5 / 2**0.5, rel=0.01)
    assert crossings == pytest.approx(1000, rel=0.005)
    assert count == pytest.approx(target, abs=2)


def test_what_the_lower_rate_cannot_hold_is_kept_out(blank: Page) -> None:
    rms = run(
        blank,
        """const resampler = new Resampler(48000, 16000), out = [];
        for (let n = 0; n < 24000; n++) {
          resampler.take(Math.sin(2 * Math.PI * 10000 * n / 48000));
          while (resampler.ready) out.push(resampler.next());
        }
        return Math.hypot(...out.slice(1000)) / Math.sqrt(out.length - 1000);""",
    )
    assert rms < 0.001

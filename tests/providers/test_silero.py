from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.audio.frame import Frame, Samples, silence
from hocket.audio.resample import Resampler
from hocket.providers import silero
from hocket.providers.models import model_path
from hocket.providers.silero import FEW_STREAMS, MAX_BATCH, MAX_PENDING, QUIET, STILL_MS, TICK_S, Silero, SileroStream
from hocket.providers.silero_model import UNITS, Floats, load
from hocket.sim.loop import run
from hocket.stages.vad import OnWindow, Vad, VadStream, VadWindow
from tests.speech import RATE, clip, endpoint_points, folder, manifest

WINDOW = 512
CONTEXT = 64
TALK = "internal_pause/dograh_vad.wav"
THRESHOLD = 0.45
TOLERANCE = 1e-5


def frames(samples: Samples, rate: int = RATE, length_ms: int = 20, at: int = 0) -> Iterator[Frame]:
    step = rate * length_ms // 1000
    for start in range(0, len(samples), step):
        yield Frame(samples[start : start + step], rate, at + start)


async def judge(samples: Samples, rate: int = RATE, length_ms: int = 20) -> list[VadWindow]:
    """What one stream of its own reports, 20 ms frame by frame."""
    windows: list[VadWindow] = []
    stream = Silero().open(rate, windows.append)
    for frame in frames(samples, rate, length_ms):
        stream.push(frame)
        await asyncio.sleep(0)
    stream.close()
    return windows


def by_the_network(samples: Samples, rate: int) -> list[float]:
    """The network fed window by window, without streams or batches."""
    model = load(model_path("silero"))[rate]
    state, probabilities = np.zeros((2, 1, UNITS), np.float32), []
    led = np.concatenate((silence(model.context), samples))
    for at in range(0, len(samples) - model.window + 1, model.window):
        probability, state = model(led[None, at : at + model.context + model.window], state)
        probabilities.append(float(probability[0]))
    return probabilities


def probabilities(windows: list[VadWindow]) -> list[float]:
    return [window.probability for window in windows]


def spy(vad: Silero, rate: int = RATE) -> list[int]:
    """Counts streams per forward, of the real network."""
    batches: list[int] = []
    model = vad._batchers[rate].model

    class Counting:
        window, context = model.window, model.context

        def __call__(self, windows: Samples, state: Floats) -> tuple[Floats, Floats]:
            batches.append(len(windows))
            return model(windows, state)

    vad._batchers[rate].model = Counting()
    return batches


def test_it_is_a_vad() -> None:
    vad: Vad = Silero()
    assert vad.name == "silero-v6"


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_frames_become_the_networks_windows(rate: int) -> None:
    samples = Resampler(RATE, rate).push(clip(TALK))[: 6 * rate]
    windows = run(judge(samples, rate))
    step = rate * 32 // 1000
    assert [window.end for window in windows] == list(range(step, len(samples) + 1, step))
    assert np.allclose(probabilities(windows), by_the_network(samples, rate), rtol=0, atol=TOLERANCE)
    assert min(probabilities(windows)) < 0.1 < 0.9 < max(probabilities(windows))


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_other_rates_are_heard_at_16_khz_and_keep_their_own_media_time(rate: int) -> None:
    samples = Resampler(RATE, rate).push(clip(TALK)[: 4 * RATE])
    windows = run(judge(samples, rate))
    heard = Resampler(rate, RATE).push(samples)
    assert np.allclose(probabilities(windows), by_the_network(heard, RATE), rtol=0, atol=TOLERANCE)
    assert [window.end for window in windows] == [round(n * 0.032 * rate) for n in range(1, len(windows) + 1)]
    assert len(windows) >= 4 / 0.032 - 2


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 1_500), min_size=1, max_size=30))
def test_windows_do_not_depend_on_how_the_audio_is_cut(sizes: list[int]) -> None:
    samples = clip(TALK)[RATE : RATE + sum(sizes)]

    async def scenario() -> list[VadWindow]:
        windows: list[VadWindow] = []
        stream, at = Silero().open(RATE, windows.append), 0
        for size in sizes:
            stream.push(Frame(samples[at : at + size], RATE, at))
            at += size
            await asyncio.sleep(0.1)
        stream.close()
        return windows

    windows = run(scenario())
    assert [window.end for window in windows] == list(range(WINDOW, len(samples) + 1, WINDOW))
    assert np.allclose(probabilities(windows), by_the_network(samples, RATE), rtol=0, atol=TOLERANCE)


def test_streams_in_a_batch_are_judged_as_if_alone() -> None:
    """More streams than a batch and than the first allocation of states holds; each at its own place of the talk."""
    count, length = MAX_BATCH + 20, RATE
    talk = clip(TALK)
    starts = np.linspace(0, len(talk) - length, count).astype(int)

    async def scenario() -> list[list[VadWindow]]:
        vad = Silero()
        batches = spy(vad)
        heard: list[list[VadWindow]] = [[] for _ in range(count)]
        streams = [vad.open(RATE, windows.append) for windows in heard]
        for at in range(0, length, 320):
            for stream, start in zip(streams, starts, strict=True):
                stream.push(Frame(talk[start + at : start + at + 320], RATE, at))
            await asyncio.sleep(0.020)
        for stream in streams:
            stream.close()
        assert set(batches) == {MAX_BATCH, 20}
        return heard

    for start, windows in zip(starts, run(scenario()), strict=True):
        assert [window.end for window in windows] == list(range(WINDOW, length + 1, WINDOW))
        alone = by_the_network(talk[start : start + length], RATE)
        assert np.allclose(probabilities(windows), alone, rtol=0, atol=TOLERANCE)


async def open_many(vad: Silero, count: int, on_window: OnWindow) -> list[SileroStream]:
    return [vad.open(RATE, on_window) for _ in range(count)]


@pytest.mark.parametrize("count", [1, FEW_STREAMS])
def test_few_streams_are_judged_in_the_next_pass_of_the_loop(count: int) -> None:
    async def scenario() -> None:
        vad, windows = Silero(), list[VadWindow]()
        batches = spy(vad)
        for stream in await open_many(vad, count, windows.append):
            stream.push(Frame(silence(WINDOW), RATE, 0))
        assert windows == []
        await asyncio.sleep(0)
        assert len(windows) == count
        assert batches == [count]

    run(scenario())


def test_windows_of_many_streams_wait_for_each_other_a_tick_at_most() -> None:
    async def scenario() -> None:
        vad, windows, loop = Silero(), list[float](), asyncio.get_running_loop()
        batches = spy(vad)
        streams = await open_many(vad, FEW_STREAMS + 4, lambda window: windows.append(loop.time()))
        begun = loop.time()
        for stream in streams:
            stream.push(Frame(silence(WINDOW), RATE, 0))
            await asyncio.sleep(0.000_1)
        await asyncio.sleep(1)
        assert batches == [len(streams)]
        assert max(windows) - begun == pytest.approx(TICK_S)

    run(scenario())


def test_a_full_batch_does_not_wait() -> None:
    async def scenario() -> None:
        vad, windows = Silero(), list[VadWindow]()
        streams = await open_many(vad, MAX_BATCH + 1, windows.append)
        for stream in streams[:MAX_BATCH]:
            stream.push(Frame(silence(WINDOW), RATE, 0))
        await asyncio.sleep(0)
        assert len(windows) == MAX_BATCH

    run(scenario())


def test_a_long_frame_is_judged_in_order_and_starves_nobody() -> None:
    """Between two forwards the loop gets its turn."""

    async def scenario() -> None:
        vad, order = Silero(), list[tuple[str, int]]()
        long = vad.open(RATE, lambda window: order.append(("long", window.end)))
        short = vad.open(RATE, lambda window: order.append(("short", window.end)))
        long.push(Frame(silence(4 * WINDOW), RATE, 0))
        short.push(Frame(silence(WINDOW), RATE, 0))
        await asyncio.sleep(0)
        assert order == [("long", WINDOW), ("short", WINDOW)]
        await asyncio.sleep(0.1)
        assert order[2:] == [("long", n * WINDOW) for n in (2, 3, 4)]

    run(scenario())


def test_a_closed_stream_is_never_called() -> None:
    async def scenario() -> None:
        vad, heard = Silero(), list[str]()

        def first_window(_: VadWindow) -> None:
            heard.append("first")
            closed_by_first.close()

        first = vad.open(RATE, first_window)
        closed_by_first = vad.open(RATE, lambda _: heard.append("closed by the first"))
        closed_at_once = vad.open(RATE, lambda _: heard.append("closed at once"))
        for stream in (first, closed_by_first, closed_at_once):
            stream.push(Frame(silence(3 * WINDOW), RATE, 0))
        closed_at_once.close()
        closed_at_once.close()
        closed_at_once.push(Frame(silence(3 * WINDOW), RATE, 3 * WINDOW))
        await asyncio.sleep(1)
        assert heard == ["first"] * 3

    run(scenario())


def test_a_stream_that_takes_a_closed_ones_place_starts_afresh() -> None:
    talk = clip(TALK)[: 2 * RATE]

    async def scenario() -> list[VadWindow]:
        vad = Silero()
        before = vad.open(RATE, lambda _: None)
        other = vad.open(RATE, lambda _: None)
        before.push(Frame(talk[RATE : RATE + WINDOW], RATE, 0))
        await asyncio.sleep(0.1)
        before.push(Frame(talk[RATE : RATE + 2 * WINDOW], RATE, WINDOW))
        before.close()  # with windows that wait
        windows: list[VadWindow] = []
        after = vad.open(RATE, windows.append)
        for frame in frames(talk):
            after.push(frame)
            await asyncio.sleep(0)
        after.close()
        other.close()
        return windows

    assert np.allclose(probabilities(run(scenario())), by_the_network(talk, RATE), rtol=0, atol=TOLERANCE)


def test_a_callback_that_raises_harms_no_other_stream() -> None:
    """Its exception goes where the loop sends those of its own callbacks."""
    problems: list[dict[str, Any]] = []

    def broken(_: VadWindow) -> None:
        raise ValueError("a bug of one call")

    async def scenario(count: int) -> list[int]:
        vad, windows = Silero(), list[VadWindow]()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        for on_window in (broken, windows.append):
            vad.open(RATE, on_window).push(Frame(silence(count * WINDOW), RATE, 0))
        for _ in range(5):
            await asyncio.sleep(0)
        return [window.end for window in windows]

    assert asyncio.run(scenario(2)) == [WINDOW, 2 * WINDOW]
    assert [str(problem["exception"]) for problem in problems] == ["a bug of one call"] * 2
    with pytest.raises(ValueError, match="a bug of one call"):
        run(scenario(1))


def test_what_waits_is_bounded_and_the_oldest_goes_first() -> None:
    async def scenario() -> None:
        vad, windows = Silero(), list[VadWindow]()
        stream = vad.open(RATE, windows.append)
        stream.push(Frame(silence((MAX_PENDING + 5) * WINDOW), RATE, 0))
        assert vad.dropped == 5
        await asyncio.sleep(1)
        assert [window.end for window in windows] == [n * WINDOW for n in range(6, MAX_PENDING + 6)]
        stream.push(Frame(silence(WINDOW), RATE, (MAX_PENDING + 5) * WINDOW))
        await asyncio.sleep(1)
        assert windows[-1].end == (MAX_PENDING + 6) * WINDOW

    run(scenario())


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_media_time_may_begin_anywhere_and_jump(rate: int) -> None:
    window = rate * 32 // 1000

    async def scenario() -> None:
        windows: list[VadWindow] = []
        stream = Silero().open(rate, windows.append)
        stream.push(Frame(silence(window + 2 * rate // 100), rate, 5 * rate))
        stream.push(Frame(silence(2 * window), rate, 9 * rate))
        await asyncio.sleep(1)
        expected = [5 * rate + window, 9 * rate + window, 9 * rate + 2 * window]
        # The resampler holds the last half millisecond back.
        assert [found.end for found in windows] == expected[: 3 if rate == RATE else 2]

    run(scenario())


def test_a_loop_that_ended_leaves_the_detector_usable() -> None:
    vad = Silero()

    async def scenario() -> int:
        windows: list[VadWindow] = []
        streams: list[VadStream] = [vad.open(RATE, windows.append) for _ in range(FEW_STREAMS + 1)]
        for stream in streams:
            stream.push(Frame(silence(WINDOW), RATE, 0))
        await asyncio.sleep(TICK_S * 2)
        streams[0].push(Frame(silence(WINDOW), RATE, WINDOW))
        for stream in streams:
            stream.close()
        return len(windows)

    assert run(scenario()) == run(scenario()) == FEW_STREAMS + 1


def test_delays_of_onset_and_offset_on_labelled_speech() -> None:
    """Delay: end of the window that flips, less the labelled edge; the search begins 100 ms before the edge."""
    points = [point for point in endpoint_points() if point.silence_after_s >= 0.2]
    heard = run(judge_all({point.file for point in points} | set(files_with_onsets())))
    onsets = [
        first(heard[file], onset, until, speech=True)
        for file in files_with_onsets()
        for onset, until in onsets_of(file)
    ]
    offsets = [first(heard[p.file], p.t, p.t + p.silence_after_s, speech=False) for p in points]
    print(f"\nspeech from {folder().name}; threshold {THRESHOLD}")
    for name, delays in (("onset", onsets), ("offset", offsets)):
        found = [delay for delay in delays if delay is not None]
        p50, p90 = np.percentile(found, (50, 90))
        print(f"{name}: p50 {p50:.0f} ms, p90 {p90:.0f} ms; {len(found)} of {len(delays)} found")
        assert len(found) >= 0.75 * len(delays)
        assert p50 <= (120 if name == "onset" else 220)


def files_with_onsets() -> list[str]:
    return sorted(file for file, found in manifest().items() if found.auto_vad and onsets_of(file))


def onsets_of(file: str) -> list[tuple[float, float]]:
    """Onset and end of the stretches of speech that 0.2 s without speech go before."""
    stretches = manifest()[file].auto_vad or []
    ends = [0.0, *(end for _, end in stretches)]
    return [(start, end) for (start, end), before in zip(stretches, ends, strict=False) if start - before >= 0.2]


async def judge_all(files: set[str]) -> dict[str, list[VadWindow]]:
    vad = Silero()
    heard: dict[str, list[VadWindow]] = {file: [] for file in files}
    streams = [(vad.open(RATE, windows.append), frames(clip(file))) for file, windows in heard.items()]
    while streams:
        for stream, rest in list(streams):
            frame = next(rest, None)
            if frame is None:
                streams.remove((stream, rest))
            else:
                stream.push(frame)
        await asyncio.sleep(0.020)
    return heard


def first(windows: list[VadWindow], edge: float, until: float, *, speech: bool) -> float | None:
    """Milliseconds from the edge to the end of the first window that says so."""
    for window in windows:
        end = window.end / RATE
        if edge - 0.1 < end <= until + 0.032 and (window.probability >= THRESHOLD) == speech:
            return (end - edge) * 1000
    return None


def test_a_short_word_is_found_after_long_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(0, 60, 20 * 16_000).astype(np.int16)
    line = np.concatenate((noise, clip("short_reply/speechcommands_yes.wav")))

    def found() -> int:
        windows: list[VadWindow] = []

        async def scenario() -> None:
            stream = Silero().open(16_000, windows.append)
            for at in range(0, len(line) - 320, 320):
                stream.push(Frame(line[at : at + 320], 16_000, at))
                await asyncio.sleep(0.02)

        run(scenario())
        return sum(window.probability >= 0.45 for window in windows if window.end > len(noise))

    with_forgetting = found()
    monkeypatch.setattr("hocket.providers.silero.FORGET_WINDOWS", 1 << 30)
    assert with_forgetting > found() * 1.3


@pytest.mark.parametrize("voiced", [0, None])
def test_windows_in_which_nobody_can_speak_are_not_judged_and_a_voice_after_them_is(voiced: int | None) -> None:
    """The level tells of no voice for two seconds, and then of one."""
    still, rate = 100, 16_000
    word = clip("short_reply/speechcommands_yes.wav")[: 30 * 320]
    line = np.concatenate((silence(still * 320), word))

    async def scenario() -> list[VadWindow]:
        windows: list[VadWindow] = []
        stream = Silero().open(rate, windows.append)
        for frame in range(len(line) // 320):
            samples = line[frame * 320 : (frame + 1) * 320]
            stream.push(Frame(samples, rate, frame * 320, voiced=voiced if frame < still else 320))
            await asyncio.sleep(0.02)
        return windows

    windows = run(scenario())
    judged = [window.end * 1000 // rate for window in windows]
    everything = list(range(32, judged[-1] + 1, 32))
    if voiced is None:
        assert judged == everything, "nobody has looked"
    else:
        since, until = STILL_MS, 20 * still
        assert judged == [end for end in everything if end < since or end > until]
    assert any(window.probability > 0.5 for window in windows)
    assert all(window.end - window.start == 512 for window in windows)


@settings(max_examples=50, deadline=None)
@given(frames=st.lists(st.tuples(st.integers(1, 4_000), st.booleans()), min_size=1, max_size=40))
def test_whatever_is_passed_over_a_window_holds_its_own_samples_and_those_before_it(
    frames: list[tuple[int, bool]],
) -> None:
    line = np.arange(1, 1 + sum(size for size, _ in frames)).astype(np.int16)
    submitted: list[tuple[tuple[int, int], Samples]] = []

    async def scenario() -> None:
        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(silero._Batcher, "submit", lambda _, __, span, window: submitted.append((span, window)))
            patching.setattr(silero._Waiting, "is_quiet", True)
            stream, at = Silero().open(RATE, lambda _: None), 0
            for size, voice in frames:
                stream.push(Frame(line[at : at + size], RATE, at, voiced=size if voice else 0))
                at += size
            stream.close()

    run(scenario())
    led = np.concatenate((silence(CONTEXT), line))
    for (start, end), window in submitted:
        assert start % WINDOW == 0
        assert end == start + WINDOW
        assert np.array_equal(window, led[start : end + CONTEXT])
    spans = [span for span, _ in submitted]
    assert spans == sorted(set(spans))


def test_a_window_that_was_no_silence_is_followed_to_its_end_whatever_the_level_says() -> None:
    """A detector that still hears something is asked on."""
    word = clip("short_reply/speechcommands_yes.wav")
    line = np.concatenate([word, word, word, word])

    async def scenario() -> tuple[list[VadWindow], list[VadWindow]]:
        found: tuple[list[VadWindow], list[VadWindow]] = ([], [])
        for windows, voiced in zip(found, (0, None), strict=True):
            stream = Silero().open(16_000, windows.append)
            for at in range(0, len(line) - 320, 320):
                stream.push(Frame(line[at : at + 320], 16_000, at, voiced=voiced))
                await asyncio.sleep(0.02)
        return found

    gated, all_of_them = run(scenario())
    missing = {window.end for window in all_of_them} - {window.end for window in gated}
    before = {window.end: window.probability for window in gated}
    for end in missing:
        last = max(known for known in before if known < end)
        assert before[last] < QUIET

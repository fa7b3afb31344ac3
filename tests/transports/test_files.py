from __future__ import annotations

import asyncio
import resource
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio.frame import Frame
from hocket.clock import cpu_time
from hocket.errors import AudioError, ConfigError, TransportError
from hocket.sim.loop import VirtualLoop, run
from hocket.transports.files import RATES, FilesTransport
from hocket.transports.script import Line, after_agent, at, during_agent
from tests import speech
from tests.stages.contract import check_transport
from tests.transports.far_end import RATE, Agent, call, line, near, stretches, voice
from tests.transports.test_wav import BAD, bad_files


def test_keeps_the_contract_of_a_transport() -> None:
    lines = [line(0.6, at(200))]
    check_transport(
        lambda: FilesTransport([line(30, at(200))]),
        run,
        hangs_up=lambda: FilesTransport(lines, patience_ms=500, tail_ms=100),
    )


def test_keeps_the_contract_with_real_time_and_threads(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.flac", voice(8), RATE)
    path = tmp_path / "call.wav"
    lines = [Line(tmp_path / "line.flac", at(200))]
    check_transport(lambda: FilesTransport(lines, recording=path), asyncio.run)


def test_frames_of_20_ms_in_order_each_when_it_is_over() -> None:
    agent = call([line(0.5, at(300))])
    assert all(len(frame.samples) == 320 and frame.rate == RATE for frame in agent.frames)
    assert [frame.at for frame in agent.frames] == [320 * k for k in range(len(agent.frames))]
    assert agent.heard_at == [round(0.02 * (k + 1), 6) for k in range(len(agent.frames))]


def test_the_recording_has_both_on_one_time_axis(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    agent = call([line(0.4, during_agent(330)), line(0.4, after_agent(500))], [(0.5, 0.5), (2.6, 0.7)], path)
    written, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    assert np.array_equal(written[: len(agent.caller()), 0], agent.caller())
    assert near(stretches(written[:, 1]), [(0.5, 1.0), (2.6, 3.3)], 1e-4)
    assert near(stretches(written[:, 0]), [(0.83, 1.23), (3.8, 4.2)], 1e-4)


def test_what_has_sounded_is_reported_every_100_ms_and_at_the_end() -> None:
    agent = call([line(0.2, at(1_500))], [(0.53, 0.46)])
    times, samples = zip(*agent.played_at, strict=True)
    assert samples[-1] == round(0.46 * RATE)
    assert times[-1] == pytest.approx(0.99, abs=1e-4)
    for time, sample in agent.played_at:
        assert sample == pytest.approx((time - 0.53) * RATE, abs=1)
    assert max(np.diff(times)) <= 0.1001


def test_clear_drops_exactly_what_has_not_sounded(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def scenario() -> Agent:
        transport = FilesTransport([line(0.2, at(1_500))], recording=path, tail_ms=100, patience_ms=100)
        agent = Agent(transport)
        await transport.start(agent)
        await asyncio.sleep(0.111)
        transport.send(voice(0.5))
        await asyncio.sleep(0.2)
        assert transport.clear() == round(0.3 * RATE)
        assert transport.clear() == 0
        transport.send(voice(0.1))
        await agent.ended.wait()
        await transport.close()
        assert transport.clear() == 0
        return agent

    agent = run(scenario())
    assert agent.played_at[-1][1] == round(0.3 * RATE)
    written, _ = soundfile.read(path, dtype="int16")
    assert near(stretches(written[:, 1]), [(0.111, 0.411)], 1e-4)


def test_a_late_loop_catches_up_without_a_skip() -> None:
    async def scenario() -> Agent:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        transport = FilesTransport([line(0.5, at(1_000))], tail_ms=100, patience_ms=100)
        agent = Agent(transport)
        await transport.start(agent)

        def stall() -> None:
            loop._now += 330_000_000

        loop.call_later(0.51, stall)
        await agent.ended.wait()
        await transport.close()
        return agent

    agent = run(scenario())
    assert [frame.at for frame in agent.frames] == [320 * k for k in range(len(agent.frames))]
    late = [heard - 0.02 * (k + 1) for k, heard in enumerate(agent.heard_at)]
    assert max(late) == pytest.approx(0.32, abs=0.011)
    assert late[60] == pytest.approx(0, abs=1e-6)
    assert stretches(agent.caller()) == [(1.0, 1.5)]


def test_close_lets_the_last_words_sound(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def scenario() -> None:
        transport = FilesTransport([line(0.2, at(9_000))], recording=path)
        agent = Agent(transport)
        await transport.start(agent)
        await asyncio.sleep(0.1)
        transport.send(voice(0.35))
        count = len(agent.frames)
        await transport.close()
        assert agent.now == pytest.approx(0.46, abs=0.011)
        assert len(agent.frames) == count
        transport.send(voice(0.1))
        await transport.close()

    run(scenario())
    written, _ = soundfile.read(path, dtype="int16")
    assert stretches(written[:, 1]) == [(0.1, 0.45)]


@pytest.mark.parametrize("after_s", [None, 0.0, 0.01, 0.5, 0.7])
def test_close_is_legal_at_any_moment(after_s: float | None, tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = FilesTransport([line(0.5, at(400))], recording=tmp_path / "call.wav")
        agent = Agent(transport)
        if after_s is not None:
            await transport.start(agent)
            await asyncio.sleep(after_s)
        await asyncio.gather(transport.close(), transport.close())
        await transport.close()

    run(scenario())  # fails when a task is left


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_not_audio_is_one_sentence_before_the_call_begins(name: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = FilesTransport([line(0.1, at(0)), Line(bad_files(tmp_path)[name], at(0))])
        agent = Agent(transport)
        with pytest.raises(AudioError) as caught:
            await transport.start(agent)
        assert "\n" not in str(caught.value)
        assert not agent.frames
        await transport.close()

    run(scenario())


def test_a_file_that_vanishes_during_the_call_ends_it_with_a_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(0.2), RATE)
    soundfile.write(tmp_path / "b.wav", voice(0.2), RATE)

    async def scenario() -> Agent:
        transport = FilesTransport([Line(tmp_path / "a.wav", at(100)), Line(tmp_path / "b.wav", at(100))])
        agent = Agent(transport)
        await transport.start(agent)
        (tmp_path / "b.wav").unlink()
        await agent.ended.wait()
        await transport.close()
        return agent

    gone = run(scenario()).gone
    assert gone is not None
    assert "b.wav does not exist" in gone[1]


def test_lines_of_other_rates_and_channels_are_converted(tmp_path: Path) -> None:
    both = np.stack([voice(0.5, 44_100)] * 2, axis=1)
    soundfile.write(tmp_path / "a.flac", both, 44_100, subtype="PCM_24")
    agent = call([Line(tmp_path / "a.flac", at(500)), Line(Frame(voice(0.5, 8_000), 8_000, 0), at(500))])
    assert near(stretches(agent.caller()), [(0.5, 1.0), (1.5, 2.0)], 0.001)


def test_more_audio_than_can_be_due_is_refused() -> None:
    async def scenario() -> None:
        transport = FilesTransport([line(0.2, at(0))])
        await transport.start(Agent(transport))
        for _ in range(501):
            transport.send(voice(0.02))
        with pytest.raises(TransportError, match="when it is due"):
            transport.send(voice(0.02))
        transport.clear()
        await transport.close()

    run(scenario())


def test_a_recording_that_fails_does_not_fail_the_call(tmp_path: Path) -> None:
    async def scenario() -> Agent:
        transport = FilesTransport([line(0.2, at(4_000))], recording=tmp_path / "call.wav", patience_ms=100)
        agent = Agent(transport)
        await transport.start(agent)
        await agent.ended.wait()
        with pytest.raises(TransportError, match="recording of the call ends early: the disk is full"):
            await transport.close()
        return agent

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        assert stretches(run(scenario()).caller()) == [(4.0, 4.2)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("line_s", "frames"), [(0.2, 152), (5, 55)])
def test_a_disk_that_hangs_does_not_hang_the_end_of_the_call(line_s: float, frames: int, tmp_path: Path) -> None:
    """A short line is in memory by then, and only the recording is lost; a long one cannot go on."""

    async def scenario() -> None:
        transport = FilesTransport([line(line_s, at(100))], recording=tmp_path / "call.wav")
        agent = Agent(transport)
        await transport.start(agent)
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        loop.run_in_executor = lambda *_: loop.create_future()  # type: ignore[method-assign]
        await asyncio.sleep(3)
        assert len(agent.frames) == frames
        with pytest.raises(TransportError, match="disk has not answered"):
            await transport.close()
        assert agent.now < 3.05 + 2 * 5 + 0.1

    run(scenario())


def test_only_rates_that_have_whole_frames() -> None:
    with pytest.raises(ConfigError, match="11025"):
        FilesTransport([], rate=11_025)
    assert all(rate % 100 == 0 for rate in RATES)


def test_a_faulty_receiver_is_not_left_waiting() -> None:
    class Faulty(Agent):
        def hear(self, frame: Frame) -> None:
            super().hear(frame)
            if len(self.frames) == 10:
                raise ZeroDivisionError

    async def scenario() -> None:
        transport = FilesTransport([line(0.2, at(0))])
        agent = Faulty(transport)
        await transport.start(agent)
        await agent.ended.wait()
        with pytest.raises(ZeroDivisionError):
            await transport.close()

    run(scenario())


def test_real_time_with_a_real_disk_and_no_thread_left(tmp_path: Path) -> None:
    clip = speech.clip("backchannel_candidate/aws_autorepairs_40_a_caller_0002.16.wav")
    soundfile.write(tmp_path / "line.flac", clip, RATE)

    async def scenario() -> Agent:
        transport = FilesTransport(
            [Line(tmp_path / "line.flac", at(60))], recording=tmp_path / "call.wav", tail_ms=50, patience_ms=100
        )
        agent = Agent(transport)
        await transport.start(agent)
        await agent.ended.wait()
        await transport.close()
        return agent

    agent = asyncio.run(scenario())
    begin = round(0.06 * RATE)
    assert np.array_equal(agent.caller()[begin : begin + len(clip)], clip)
    written, _ = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert np.array_equal(written[: len(agent.caller()), 0], agent.caller())
    for thread in threading.enumerate():
        if thread.name.startswith("hocket-files"):
            thread.join(5)
            assert not thread.is_alive()


def test_same_lines_same_call() -> None:
    def once() -> tuple[bytes, list[float]]:
        clip = speech.clip("short_reply/dograh_nope.wav")
        agent = call([Line(Frame(clip, RATE, 0), after_agent(500))], [(0.3, 1.0)])
        return agent.caller().tobytes(), agent.heard_at

    assert once() == once()


def test_a_long_call_is_cheap() -> None:
    begun = cpu_time()
    agent = call([line(1, at(1_000 * k)) for k in (1, 20, 20)], [(2, 10)])
    us = (cpu_time() - begun) / len(agent.frames) / 1_000
    print(f"files transport: {us:.0f} us per 20 ms frame, everything included")
    assert us < 500

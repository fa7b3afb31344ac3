from __future__ import annotations

import re
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hocket.observe.metrics import Meters, WorkerMetrics
from hocket.observe.prometheus import render
from hocket.sim.calls import hold_call
from hocket.trace.histogram import LATENESS_MS, Histogram
from tests.trace.make import calm_call


def worker() -> WorkerMetrics:
    meters = Meters()
    for entries in (calm_call(20), hold_call(5, turns=20).trace.entries):
        meter = meters.call()
        for entry in entries:
            meter.record(entry.now, entry.record)
    meters.refused("busy")
    figures = meters.figures
    figures.process.loop_lag = Histogram(LATENESS_MS)
    figures.process.loop_lag.add(0.2, 990)
    figures.process.loop_lag.add(6, 10)
    figures.process.memory_bytes = 123_456_789
    figures.process.slots = {"deepgram": 3}
    return figures


def samples(*workers: WorkerMetrics) -> list[Sample]:
    text = render({number: msgspec.json.encode(figures) for number, figures in enumerate(workers)}).decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(found: list[Sample], name: str, **labels: str) -> float:
    [sample] = [one for one in found if one.name == name and one.labels == labels]
    return sample.value


def test_what_is_rendered_is_read_back() -> None:
    figures = worker()
    found = samples(figures)
    assert value(found, "hocket_calls_live", worker="0") == 0
    assert value(found, "hocket_calls_started_total", worker="0") == 2
    assert value(found, "hocket_calls_refused_total", worker="0", reason="busy") == 1
    assert value(found, "hocket_turns_total", worker="0", outcome="answered") == figures.turns.outcomes["answered"]
    assert value(found, "hocket_memory_bytes", worker="0") == 123_456_789
    assert value(found, "hocket_provider_streams", worker="0", account="deepgram") == 3
    assert value(found, "hocket_loop_lag_seconds_bucket", worker="0", le="0.005") == 990
    assert value(found, "hocket_loop_lag_seconds_bucket", worker="0", le="+Inf") == 1000
    latency = figures.turns.response_latency
    assert value(found, "hocket_response_latency_seconds_count", worker="0") == latency.count
    assert value(found, "hocket_response_latency_seconds_sum", worker="0") * 1000 == latency.total


def test_buckets_grow_and_end_with_everything() -> None:
    found = [one for one in samples(worker()) if one.name == "hocket_response_latency_seconds_bucket"]
    ends = [float(one.labels["le"]) for one in found]
    values = [one.value for one in found]
    assert ends == sorted(ends)
    assert values == sorted(values)
    assert len([end for end in ends if 0.2 <= end <= 1.5]) >= 12, "200 to 1500 ms are told apart"


def test_workers_have_a_label_of_their_own() -> None:
    found = samples(worker(), WorkerMetrics())
    assert {one.labels["worker"] for one in found} == {"0", "1"}
    assert value(found, "hocket_calls_started_total", worker="1") == 0


def test_labels_are_few_and_of_few_values() -> None:
    found = samples(worker())
    assert {label for one in found for label in one.labels} == {
        *("worker", "le", "by", "reason", "outcome", "result", "kind", "step", "account")
    }
    assert len(found) < 300


def test_every_metric_is_explained_in_the_guide_and_every_name_there_exists() -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/watch.md").read_text()
    text = render({0: msgspec.json.encode(worker())}).decode()
    families = {family.name for family in text_string_to_metric_families(text)}
    named = set(re.findall(r"hocket_[a-z_]+", guide))
    assert families <= {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named} <= families


def test_a_worker_whose_figures_cannot_be_read_is_left_out() -> None:
    text = render({0: b"\xff{", 1: msgspec.json.encode(WorkerMetrics()), 2: b'{"calls": 3}'}).decode()
    assert 'worker="1"' in text
    assert 'worker="0"' not in text
    assert 'worker="2"' not in text


def test_no_workers_give_an_empty_page() -> None:
    assert list(samples()) == []

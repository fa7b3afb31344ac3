"""Workers' figures as Prometheus reads them. `docs/how-to/watch.md` says what each means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from hocket.errors import MissingError
from hocket.observe.metrics import WorkerMetrics
from hocket.trace.histogram import Histogram

try:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError:
    raise MissingError("Metrics need prometheus-client, which is not installed: pip install hocket[serve]") from None

Value: TypeAlias = float | Mapping[str, float]
"""One value, or label -> value."""

Measured: TypeAlias = Histogram | Mapping[str, Histogram] | None


def render(figures: Mapping[int, bytes] | Mapping[str, bytes]) -> bytes:
    """Worker, such as its number, -> its `WorkerMetrics` as JSON: the text of /metrics. Figures that cannot be read are
    left out."""
    workers = {}
    for number, body in figures.items():
        try:
            workers[str(number)] = msgspec.json.decode(body, type=WorkerMetrics)
        except (msgspec.DecodeError, UnicodeDecodeError):  # of a worker of another version, during a restart
            continue
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(workers))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, workers: Mapping[str, WorkerMetrics]) -> None:
        self._workers = workers

    def collect(self) -> Iterable[Metric]:
        for name, what, label, read in _GAUGES:
            yield self._filled(GaugeMetricFamily(name, what, labels=_labels(label)), label, read)
        for name, what, label, read in _COUNTERS:
            yield self._filled(CounterMetricFamily(name, what, labels=_labels(label)), label, read)
        for name, what, label, measured in _HISTOGRAMS:
            family = HistogramMetricFamily(name, what, labels=_labels(label))
            for worker, figures in self._workers.items():
                for labels, histogram in _measured(worker, measured(figures)):
                    family.add_metric(labels, _buckets(histogram), histogram.total / 1000)
            yield family

    def _filled(
        self, family: GaugeMetricFamily | CounterMetricFamily, label: str, read: Callable[[WorkerMetrics], Value]
    ) -> Metric:
        for worker, figures in self._workers.items():
            value = read(figures)
            if isinstance(value, Mapping):
                for name, one in sorted(value.items()):
                    family.add_metric([worker, name], one)
            else:
                family.add_metric([worker], value)
        return family


def _labels(label: str) -> list[str]:
    return ["worker", label] if label else ["worker"]


def _measured(worker: str, found: Measured) -> Iterator[tuple[list[str], Histogram]]:
    if isinstance(found, Mapping):
        for name, histogram in sorted(found.items()):
            yield [worker, name], histogram
    elif found is not None:
        yield [worker], found


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulated, their ends in seconds, as Prometheus wants them."""
    buckets = []
    seen = 0
    for bound, added in zip((*histogram.bounds, None), histogram.counts, strict=True):
        seen += added
        buckets.append(("+Inf" if bound is None else repr(bound / 1000), float(seen)))
    return buckets


_GAUGES: Final[tuple[tuple[str, str, str, Callable[[WorkerMetrics], Value]], ...]] = (
    ("hocket_calls_live", "Calls now.", "", lambda m: m.calls.live),
    ("hocket_shedding_level", "Optional work left out: 0 none to 4 all.", "", lambda m: m.process.shed),
    ("hocket_memory_bytes", "Resident memory.", "", lambda m: m.process.memory_bytes),
    ("hocket_tasks", "Tasks of the event loop.", "", lambda m: m.process.tasks),
    ("hocket_open_files", "Open files and sockets.", "", lambda m: m.process.open_files),
    ("hocket_provider_streams", "Streams in use of an account.", "account", lambda m: m.process.slots),
)

_COUNTERS: Final[tuple[tuple[str, str, str, Callable[[WorkerMetrics], Value]], ...]] = (
    ("hocket_calls_started", "Calls taken.", "", lambda m: m.calls.started),
    ("hocket_calls_ended", "Calls that are over, by who ended them.", "by", lambda m: m.calls.ended),
    ("hocket_calls_refused", "Calls not taken.", "reason", lambda m: m.calls.refused),
    ("hocket_dropped", "Items dropped because a queue was full.", "queue", lambda m: m.calls.dropped),
    ("hocket_turns", "Turns of callers.", "outcome", lambda m: m.turns.outcomes),
    ("hocket_turns_long", "Turns answered after more than 500 ms.", "", lambda m: m.turns.long),
    ("hocket_turns_unmeasured", "Turns without a response latency.", "", lambda m: m.turns.unmeasured),
    ("hocket_barge_ins", "Callers who began to speak while the agent was heard.", "outcome",
     lambda m: m.barge_ins.outcomes),
    ("hocket_speculation_turns", "Turns by what became of their early start.", "result",
     lambda m: m.speculation.results),
    ("hocket_speculation_saved_seconds", "Time that early starts took off turns.", "",
     lambda m: m.speculation.saved_ms / 1000),
    ("hocket_speculation_wasted_tokens", "Tokens of replies nobody heard.", "", lambda m: m.speculation.wasted_tokens),
    ("hocket_speculation_wasted_characters", "Characters synthesised for nothing.", "",
     lambda m: m.speculation.wasted_characters),
    ("hocket_model_calls", "Replies that were begun.", "", lambda m: m.providers.model_calls),
    ("hocket_tokens", "Tokens, as providers count them.", "kind",
     lambda m: {"input": m.providers.input_tokens, "cached": m.providers.cached_tokens,
                "output": m.providers.output_tokens}),
    ("hocket_provider_failures", "Requests that failed.", "stage", lambda m: m.providers.failures),
    ("hocket_provider_changes", "Providers given up for the next.", "stage", lambda m: m.providers.left),
    ("hocket_hedges", "Second calls of a model that was late.", "", lambda m: m.providers.hedges),
    ("hocket_openers", "Turns whose first words were looked up in the cache.", "result", lambda m: m.providers.openers),
    ("hocket_loop_stalls", "Times the event loop stood still for more than 50 ms.", "", lambda m: m.process.stalls),
    ("hocket_cpu_seconds", "Processor time used.", "", lambda m: m.process.cpu_s),
)  # fmt: skip

_HISTOGRAMS: Final[tuple[tuple[str, str, str, Callable[[WorkerMetrics], Measured]], ...]] = (
    ("hocket_response_latency_seconds", "Last speech sample of the caller to first audible sample of the answer.", "",
     lambda m: m.turns.response_latency),
    ("hocket_endpoint_to_first_byte_seconds", "Commit of the turn to first audible sample.", "",
     lambda m: m.turns.endpoint_to_first_byte),
    ("hocket_turn_step_seconds", "Steps of a turn.", "step", lambda m: m.turns.steps),
    ("hocket_yield_seconds", "Onset of the caller's voice to silence of the agent.", "", lambda m: m.barge_ins.yields),
    ("hocket_loop_lag_seconds", "How late the event loop came round.", "", lambda m: m.process.loop_lag),
    ("hocket_frame_lateness_seconds", "How late frames of speech were sent.", "", lambda m: m.process.frame_lateness),
    ("hocket_gc_pause_seconds", "Pauses that collecting garbage made.", "", lambda m: m.process.gc_pauses),
)  # fmt: skip

"""Series in Prometheus' text format, written by its client library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orbit.lib.metrics.family import Family, Kind, Labels, Sample, Series

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def written(families: Mapping[str, Family], series: Series, samples: Iterable[Sample] = ()) -> bytes:
    """Everything that was counted, and gauges that were read just now. A family without a value is left out."""
    read: dict[str, list[Sample]] = {}
    for one in samples:
        read.setdefault(one.family.name, []).append(one)
    return generate_latest(_Once([*_counted(families, series), *_read(read)]))


class _Once(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _counted(families: Mapping[str, Family], series: Series) -> Iterator[Metric]:
    for name, rows in sorted(series.items()):
        family = families[name]
        if not rows:
            continue
        metric = _metric(family)
        for labels, value in sorted(rows.items()):
            _add(metric, family, labels, value)
        yield metric


def _metric(family: Family) -> Any:
    kinds: dict[Kind, Any] = {
        Kind.COUNTER: CounterMetricFamily,
        Kind.GAUGE: GaugeMetricFamily,
        Kind.HISTOGRAM: HistogramMetricFamily,
    }
    return kinds[family.kind](family.name, family.help, labels=family.labels)


def _add(metric: Any, family: Family, labels: Labels, value: Any) -> None:
    if family.kind is not Kind.HISTOGRAM:
        metric.add_metric(labels, value * family.scale)
        return
    buckets, below = [], 0
    for bound, count in zip([*map(_bound, family.bounds), "+Inf"], value[:-1], strict=True):
        below += count
        buckets.append((bound, below))
    metric.add_metric(labels, buckets, value[-1] * family.scale)


def _bound(bound: float) -> str:
    return repr(float(bound))


def _read(read: Mapping[str, list[Sample]]) -> Iterator[Metric]:
    for _, some in sorted(read.items()):
        metric = _metric(some[0].family)
        for one in some:
            metric.add_metric(one.labels, one.value * one.family.scale)
        yield metric

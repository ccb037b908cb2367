"""A look at the box → its metrics, in the families that filterd.commands.roles.exporter.families declares.

Invariants: the same look gives the same text; what was not seen has no sample, rather than a 0 that says something.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import filterd
from fastpath.report.counter_table import TOOK, TOOK_US
from filterd.commands.roles.exporter.families import (
    ANSWERS,
    DERIVED,
    GAUGES,
    PREFIX,
    RCODE,
    UPSTREAM_SECONDS,
    Family,
    counter_families,
)
from filterd.commands.roles.exporter.look import Look
from filterd.process.readiness import answers

Labels = tuple[str, ...]
Sample = tuple[str, Labels, float]  # name without PREFIX, values of the labels, value
PARTS = ("base", "delta")


class LookCollector(Collector):
    """The metrics of one look."""

    def __init__(self, seen: Look) -> None:
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        """Every family that has a sample."""
        yield from _filled(GAUGES, (*_of_box(self._seen), *_of_control(self._seen), *_of_workers(self._seen)))
        yield from _of_counters(self._seen.counters)


def _filled(families: Iterable[Family], samples: Iterable[Sample]) -> Iterator[Metric]:
    found = {family.name: _metric(family) for family in families}
    for name, labels, value in samples:
        found[PREFIX + name].add_metric(labels, value)
    yield from (metric for metric in found.values() if metric.samples)


def _metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    return made(family.name, family.help, labels=family.labels)


def _of_box(seen: Look) -> Iterator[Sample]:
    yield "build_info", (filterd.__version__,), 1
    yield "ready", (), not seen.unfit
    yield "control_up", (), seen.control is not None
    yield "config_differs", (), seen.is_other_file
    yield from (("certificate_expiry_timestamp_seconds", (key,), end_s) for key, end_s in seen.certificates.items())


def _of_control(seen: Look) -> Iterator[Sample]:
    """What control alone knows."""
    control = seen.control
    if control is None:
        return
    yield from _generations("image_generation", (), control["generations"])
    yield from (("image_age_seconds", (kind,), age_s) for kind, age_s in control["ages_s"].items())
    for each in control["lists"]:
        yield "list_rules", (each["id"],), each["rules"]
        yield "list_unenforced_lines", (each["id"],), each["skipped"]
    for list_id, at_s in control["confirmed_s"].items():
        yield "list_confirmed_age_seconds", (list_id,), max(0.0, seen.at_s - at_s)
    yield from (("list_staleness", (list_id,), state) for list_id, state in control["list_ages"].items())
    yield from (("list_self_test", (list_id,), is_well) for list_id, is_well in control["self_tests"].items())
    for name, lists in (("list_shadowed", control["shadowed"]), ("list_ways_around", control["ways_around"])):
        for list_id, channels in lists.items():
            yield from ((name, (list_id, channel), n) for channel, n in channels.items())
    late_s = control["records_late_since_s"]
    if "database" not in control["faults"]:  # else no one knows
        yield "record_lag_seconds", (), 0.0 if late_s is None else max(0.0, seen.at_s - late_s)
    yield "faults", (), len(control["faults"])
    yield from (("task_failures", (task,), n) for task, n in control["failures"].items())
    for stream, sending in control["siem"].items():
        yield "siem_sent", (stream,), sending["sent"]
        yield "siem_waiting", (stream,), sending["waiting"]
        yield "siem_oldest_seconds", (stream,), sending["oldest_s"]
        yield "siem_gone", (stream,), sending["gone"]
    yield "splash_probes", (), control["splash_probes"]
    yield "connections_cut", (), control["connections_cut"]
    for state, n in control["notices"].items():
        if state == "waiting":
            yield "order_notices_waiting", (), n
        else:
            yield "order_notices", (state,), n
    if control["unjudged"] is not None:
        yield "gate_unjudged", (), control["unjudged"]
    yield from (("role_up", (role["name"],), role["is_running"] and not role["fault"]) for role in control["roles"])


def _of_workers(seen: Look) -> Iterator[Sample]:
    for worker in seen.workers:
        name = worker["name"]
        yield "worker_up", (name,), answers(worker)
        if not answers(worker):
            continue
        yield "worker_refuses", (name,), worker["refused"] is not None
        yield "worker_starts", (name,), worker["starts"]
        yield from _generations("worker_image_generation", (name,), worker["generations"])
        yield from (("upstream_up", (name, each), is_up) for each, is_up in worker.get("upstreams", {}).items())
        yield from (("dns_connections", (name, over), n) for over, n in worker.get("connections", {}).items())


def _generations(name: str, labels: Labels, generations: Mapping[str, Any]) -> Iterator[Sample]:
    for kind, pair in generations.items():
        yield from ((name, (*labels, kind, part), number) for part, number in zip(PARTS, pair, strict=True))


def _of_counters(counters: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    """The counters of all workers; of a gate's worker none of DNS, and the other way about."""
    families = dict(counter_families())
    samples = [
        (counter, (worker,), float(values[counter]))
        for counter in families
        for worker, values in counters.items()
        if _counts(worker, counter)
    ]
    yield from _filled(families.values(), samples)
    declared = {family.name: family for family in DERIVED}
    by_rcode = CounterMetricFamily(ANSWERS, declared[ANSWERS].help, labels=declared[ANSWERS].labels)
    upstreams = declared[UPSTREAM_SECONDS]
    took = HistogramMetricFamily(UPSTREAM_SECONDS, upstreams.help, labels=upstreams.labels)
    for worker, values in counters.items():
        if not _counts(worker, RCODE):
            continue
        for counter in (counter for counter in values if counter.startswith(RCODE)):
            by_rcode.add_metric((worker, counter.removeprefix(RCODE)), values[counter])
        took.add_metric((worker,), *_histogram(values))
    yield from (metric for metric in (by_rcode, took) if metric.samples)


def _histogram(values: Mapping[str, int]) -> tuple[list[tuple[str, float]], float]:
    """(upper bound, how many were not above it) of each part, and the sum in seconds."""
    n, parts = 0, []
    for counter, bound_s in TOOK.items():
        n += values[counter]
        parts.append(("+Inf" if bound_s is None else str(bound_s), float(n)))
    return parts, values[TOOK_US] / 1e6


def _counts(worker: str, counter: str) -> bool:
    """Whether a worker counts this: dns_… is of DNS, gate_… and tap_… of the gate, radius_… of radius, the others of
    DNS and gate."""
    role = worker.partition("-")[0]
    of = {"dns": "dns", "gate": "gate", "tap": "gate", "radius": "radius"}.get(counter.partition("_")[0])
    return of == role if of is not None else role != "radius"

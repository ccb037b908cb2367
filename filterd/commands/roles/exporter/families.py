"""Every metric: its name, its labels and what it says.  docs/reference/metrics.md is made from here.

Counters of workers are the rows of fastpath.report.counter_table, and nothing about them is written twice; all other
metrics are the rows of GAUGES.
Invariants: a label is a part of this box or of its configuration, never a person, a client or a name that was asked
for.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from fastpath.report.counter_table import COUNTERS, TOOK, TOOK_US

PREFIX = "filterd_"
RCODE = "dns_rcode_"
# Withheld: blocks of confidential lists leave no record, so that next to dns_blocked it would show which they are.
WITHHELD = frozenset({"events"})
ANSWERS = PREFIX + "dns_answers"
UPSTREAM_SECONDS = PREFIX + "dns_upstream_seconds"


class Family(NamedTuple):
    """One metric.   name  as queries have it, without the ending _total of a counter"""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


def _gauge(name: str, labels: str, text: str) -> Family:
    return Family(PREFIX + name, "gauge", tuple(labels.split()), text)


def _counter(name: str, labels: str, text: str) -> Family:
    return Family(PREFIX + name, "counter", tuple(labels.split()), text)


GAUGES = (
    _gauge("build_info", "version", "Always 1; the version of filterd that answers."),
    _gauge("ready", "", "Whether the data plane can serve, as the workers say themselves: 1 or 0."),
    _gauge("control_up", "", "Whether control answers: 1 or 0.  Without it, what control alone knows is left out."),
    _gauge("role_up", "role", "Whether a role's process runs and does its work: 1 or 0."),
    _gauge("worker_up", "worker", "Whether a worker answers: 1 or 0."),
    _gauge(
        "worker_refuses", "worker", "Whether a worker stays with older images, because it refuses the newest: 1 or 0."
    ),
    _counter("worker_starts", "worker", "Starts of a worker since this box began; each beyond the first is a restart."),
    _gauge("upstream_up", "worker upstream", "Whether an upstream answers a worker: 1 or 0."),
    _gauge("dns_connections", "worker transport", "Connections of clients that are open now, over tcp, tls and https."),
    _gauge("image_generation", "image part", "Number of the image in force, by kind, of its base and its delta."),
    _gauge("worker_image_generation", "worker image part", "The same, as a worker serves it."),
    _gauge("image_age_seconds", "image", "Age of the newest image of a kind."),
    _gauge("list_rules", "list", "Rules of a list in the images in force."),
    _gauge("list_unenforced_lines", "list", "Lines of a list that are not enforced."),
    _gauge(
        "list_confirmed_age_seconds", "list", "Time since a list's source last said that the good copy is its newest."
    ),
    _gauge(
        "list_staleness",
        "list",
        "0: a list's source has confirmed it in time; 1: it is stale; 2: a CSAM list, for days.",
    ),
    _gauge("list_self_test", "list", "Whether a list closes its self-test entries: 1 or 0; of lists that have some."),
    _counter("list_shadowed", "list channel", "What a list that is only tried would have blocked."),
    _counter("list_ways_around", "list channel", "Circumvention attempts that the gate has met, by list."),
    _gauge("record_lag_seconds", "", "Age of the oldest block record that still waits in a spool; 0: below 10 s."),
    _gauge("faults", "", "Faults that stand in control; `filterd status` has their texts."),
    _counter("task_failures", "task", "Failures of what control does by itself, since it began; also past ones."),
    _gauge("config_differs", "", "Whether the configuration file is another one than what is in force: 1 or 0."),
    _gauge(
        "certificate_expiry_timestamp_seconds", "key", "When the certificate of a key of the configuration ends, unix."
    ),
    _counter("gate_unjudged", "", "Packets for the gate that the kernel has passed or dropped without a verdict."),
    _counter("connections_cut", "", "Connections that tightened rules, orders and soft hours have ended."),
    _gauge("order_notices_waiting", "", "Messages about alarms of orders that no receiver has taken yet."),
    _counter(
        "order_notices",
        "outcome",
        "Messages about alarms of orders: sent; dropped, as the order was confirmed first; given_up after two days.",
    ),
    _counter("siem_sent", "stream", "Records that the SIEM's collector has taken, since the role began."),
    _gauge("siem_waiting", "stream", "Records that wait for the collector; of blocks, some thousand batches at most."),
    _gauge("siem_oldest_seconds", "stream", "How long the oldest of those records has waited."),
    _counter("siem_gone", "stream", "Records that were destroyed by age before they were sent, since the role began."),
    _counter("splash_probes", "", "Questions to the splash beyond what one client may ask, since control began."),
)
DERIVED = (
    Family(ANSWERS, "counter", ("worker", "rcode"), "Answers to DNS clients by RCODE, over any transport."),
    Family(UPSTREAM_SECONDS, "histogram", ("worker",), "Time from a question to the answer of an upstream over UDP."),
)


def counter_families() -> Iterator[tuple[str, Family]]:
    """Counter of a worker → its metric, for those that have one of their own."""
    for counter in COUNTERS:
        if counter.name not in {*WITHHELD, *TOOK, TOOK_US} and not counter.name.startswith(RCODE):
            yield counter.name, _counter(counter.name, "worker", counter.counts)


def families() -> Iterator[Family]:
    """Every metric, in the order in which it is shown."""
    yield from GAUGES
    yield from DERIVED
    yield from (family for _, family in counter_families())

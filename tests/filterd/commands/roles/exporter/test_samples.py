from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fastpath.report.counter_table import NAMES
from filterd.commands.roles.exporter.families import families
from filterd.commands.roles.exporter.look import Look
from filterd.commands.roles.exporter.samples import LookCollector

DNS = dict.fromkeys(NAMES, 0) | {
    "dns_queries": 9,
    "dns_rcode_noerror": 5,
    "dns_rcode_nxdomain": 4,
    "dns_took_1ms": 3,
    "dns_took_16ms": 2,
    "dns_took_longer": 1,
    "dns_took_us": 2_500_000,
    "no_tables": 6,
}
RADIUS = dict.fromkeys(NAMES, 0)
GATE = dict.fromkeys(NAMES, 0) | {"gate_packets": 8, "tap_frames": 7, "no_tables": 5}
GENERATIONS = {"names": [4, 2], "policy": [1, 0]}
CONTROL: dict[str, Any] = {
    "generations": GENERATIONS,
    "ages_s": {"names": 12.5},
    "lists": [{"id": "pta", "rules": 3, "skipped": 1}],
    "confirmed_s": {"pta": 900.0},
    "list_ages": {"pta": 2},
    "self_tests": {"pta": False},
    "shadowed": {"tried": {"dns": 2}},
    "ways_around": {"vpn": {"sni": 1}},
    "records_late_since_s": 940.0,
    "faults": {"lists": "a sentence about worse.test"},
    "connections_cut": 12,
    "splash_probes": 11,
    "failures": {"lists": 4, "pulls": 0},
    "siem": {"ledger": {"sent": 5, "waiting": 3, "oldest_s": 90.5, "gone": 1, "fault": "a sentence about worse.test"}},
    "notices": {"waiting": 2, "sent": 3},
    "unjudged": None,
    "roles": [
        {"name": "web-0", "pid": 1, "is_running": True, "fault": "port 80 is taken", "restart": []},
        {"name": "dns-0", "pid": 2, "is_running": True, "fault": None, "restart": []},
    ],
}
WORKERS = [
    {
        "name": "dns-0",
        "pid": 2,
        "starts": 3,
        "generations": GENERATIONS,
        "refused": None,
        "upstreams": {"192.0.2.53:53": True, "tls://192.0.2.54:853#dns.test": False},
        "connections": {"tcp": 4},
    },
    {"name": "gate-0", "refused": "no socket", "generations": {}, "counters": {}},
]


def seen(**changed: Any) -> Look:
    whole: dict[str, Any] = {
        "at_s": 1000.0,
        "control": CONTROL,
        "workers": WORKERS,
        "counters": {"dns-0": DNS, "gate-0": GATE, "radius-0": RADIUS},
        "unfit": [],
        "is_other_file": True,
        "certificates": {"/api/certificate": 2000.0},
    }
    return Look(**{**whole, **changed})


def told(look: Look) -> dict[tuple[str, ...], float]:
    """(name, values of the labels) → value, as another reader of the format has it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LookCollector(look))
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found[(sample.name, *sample.labels.values())] = sample.value
    return found


def test_what_control_and_workers_say_is_told() -> None:
    found = told(seen())

    assert found["filterd_ready",] == found["filterd_control_up",] == found["filterd_config_differs",] == 1
    assert found["filterd_image_generation", "names", "delta"] == 2
    assert found["filterd_worker_image_generation", "names", "base", "dns-0"] == 4
    assert (found["filterd_list_rules", "pta"], found["filterd_list_unenforced_lines", "pta"]) == (3, 1)
    assert found["filterd_list_confirmed_age_seconds", "pta"] == 100
    assert (found["filterd_list_shadowed_total", "dns", "tried"], found["filterd_faults",]) == (2, 1)
    assert [found["filterd_task_failures_total", task] for task in ("lists", "pulls")] == [4, 0]
    assert found["filterd_record_lag_seconds",] == 60
    assert (found["filterd_siem_sent_total", "ledger"], found["filterd_siem_gone_total", "ledger"]) == (5, 1)
    assert (found["filterd_siem_waiting", "ledger"], found["filterd_siem_oldest_seconds", "ledger"]) == (3, 90.5)
    assert (found["filterd_role_up", "web-0"], found["filterd_role_up", "dns-0"]) == (0, 1)
    assert (found["filterd_worker_up", "dns-0"], found["filterd_worker_up", "gate-0"]) == (1, 0)
    assert found["filterd_worker_starts_total", "dns-0"] == 3
    assert found["filterd_upstream_up", "192.0.2.53:53", "dns-0"] == 1
    assert found["filterd_upstream_up", "tls://192.0.2.54:853#dns.test", "dns-0"] == 0
    assert found["filterd_dns_connections", "tcp", "dns-0"] == 4
    assert found["filterd_certificate_expiry_timestamp_seconds", "/api/certificate"] == 2000


def test_counters_are_told_of_the_workers_that_have_them() -> None:
    found = told(seen())

    assert found["filterd_dns_queries_total", "dns-0"] == 9
    assert (found["filterd_gate_packets_total", "gate-0"], found["filterd_tap_frames_total", "gate-0"]) == (8, 7)
    assert (found["filterd_no_tables_total", "dns-0"], found["filterd_no_tables_total", "gate-0"]) == (6, 5)
    assert ("filterd_gate_packets_total", "dns-0") not in found
    assert ("filterd_dns_queries_total", "gate-0") not in found
    assert found["filterd_dns_answers_total", "nxdomain", "dns-0"] == 4


def test_the_times_of_upstreams_are_a_histogram() -> None:
    found = told(seen())
    parts = {key[1]: value for key, value in found.items() if key[0] == "filterd_dns_upstream_seconds_bucket"}

    assert parts == {
        "0.001": 3, "0.004": 3, "0.016": 5, "0.064": 5, "0.256": 5, "1.024": 5, "+Inf": 6
    }  # fmt: skip
    assert (
        found["filterd_dns_upstream_seconds_count", "dns-0"],
        found["filterd_dns_upstream_seconds_sum", "dns-0"],
    ) == (
        6,
        2.5,
    )


def test_without_control_its_part_is_left_out_and_the_counters_are_told_all_the_same() -> None:
    found = told(seen(control=None, workers=[]))

    assert (found["filterd_control_up",], found["filterd_ready",]) == (0, 1)
    assert found["filterd_dns_queries_total", "dns-0"] == 9
    names = {key[0] for key in found}
    assert not names & {"filterd_faults", "filterd_worker_up", "filterd_role_up", "filterd_list_rules"}


def test_the_age_of_records_is_not_told_where_the_database_is_away() -> None:
    said = seen()
    assert said.control is not None
    away = dict(said.control, faults={"database": "x: cannot be reached"}, records_late_since_s=None)

    assert ("filterd_record_lag_seconds",) in told(said)
    assert ("filterd_record_lag_seconds",) not in told(seen(control=away))


def test_no_text_of_a_fault_is_told() -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LookCollector(seen()))

    assert b"worse.test" not in generate_latest(registry)


def test_every_metric_that_is_told_is_declared_with_its_labels() -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LookCollector(seen(control={**CONTROL, "unjudged": 1})))
    declared = {family.name: set(family.labels) for family in families()}
    read = list(text_string_to_metric_families(generate_latest(registry).decode()))

    assert {family.name for family in read} == set(declared)
    for family in read:
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == declared[family.name]

"""What an inline gate relies on of its box: put right where that may be done, said where not."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from filterd.box.errors import MissingPart
from filterd.kernel.box_settings import (
    CHECKING,
    LOOKS,
    LOOSE,
    BoxSettings,
    Finding,
    notrack_rules,
    offloading,
    picks_up,
    strict_interfaces,
    turned,
)
from filterd.kernel.firewall import CompletedProgram
from filterd.kernel.ruleset import Rules

LIBERAL = CHECKING[0].name
SYMMETRIC = Rules(ports=(80, 443), quic_ports=(443,), n_queues=1)
ASYMMETRIC = Rules(ports=(80, 443), quic_ports=(443,), n_queues=1, is_asymmetric=True)
PLACE = {"family": "ip", "table": "raw", "chain": "PREROUTING"}
TABLE = {"flowtable": {"family": "inet", "table": "fw", "name": "fast", "handle": 2}}
FLOW = {"flow": {"op": "add", "flowtable": "@fast"}}


class Nft:
    """What nft lists, by the kind of object that is asked for."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = [*objects]

    def __call__(self, argv: Sequence[str], text: str) -> CompletedProgram:
        return CompletedProgram(0, json.dumps({"nftables": [{"metainfo": {}}, *self.objects]}), "")


def missing(argv: Sequence[str], text: str) -> CompletedProgram:
    raise MissingPart("nft: not on this box")


def counting(n_untracked: int) -> dict[str, Any]:
    return {"counter": {"family": "inet", "table": "filterd", "name": "n_untracked", "packets": n_untracked}}


def flow_rule(*matches: dict[str, Any]) -> dict[str, Any]:
    place = {"family": "inet", "table": "fw", "chain": "forward"}
    return {"rule": {**place, "expr": [*({"match": each} for each in matches), FLOW]}}


def port(op: str, right: Any, field: str = "dport") -> dict[str, Any]:
    return {"op": op, "left": {"payload": {"protocol": "tcp", "field": field}}, "right": right}


@pytest.fixture
def box(tmp_path: Path) -> BoxSettings:
    """One on which all is well."""
    for name, value in ((LIBERAL, "0"), ("nf_conntrack_checksum", "1"), (LOOSE, "1")):
        (tmp_path / name).write_text(f"{value}\n")
    return BoxSettings(Nft(), tmp_path, tmp_path / "conf")


# -- conntrack ---------------------------------------------------------------------------------------------------------


def test_a_setting_that_forwards_decoys_is_put_right_and_said_once(box: BoxSettings, tmp_path: Path) -> None:
    (tmp_path / LIBERAL).write_text("1\n")

    assert box.mend(SYMMETRIC) == [
        f"net.netfilter.{LIBERAL}: was 1, so that decoy packets are forwarded; set to 0",
    ]
    assert (tmp_path / LIBERAL).read_text() == "0"
    assert (box.mend(SYMMETRIC), box.faults(SYMMETRIC)) == ([], [])


def test_a_setting_that_may_not_be_written_is_a_finding_that_says_what_to_set(box: BoxSettings, tmp_path: Path) -> None:
    (tmp_path / LIBERAL).unlink()
    (tmp_path / LIBERAL).symlink_to("/proc/self/stat")  # read-only for root, too

    assert box.mend(SYMMETRIC) == []
    [finding] = box.faults(SYMMETRIC)
    assert finding.text.startswith(f"net.netfilter.{LIBERAL}: is ")
    assert finding.text.endswith("; decoy packets are forwarded; set it to 0")


def test_connections_are_picked_up_in_their_middle_only_where_the_cut_needs_it(
    box: BoxSettings, tmp_path: Path
) -> None:
    (tmp_path / LOOSE).write_text("0\n")

    assert (box.mend(SYMMETRIC), (tmp_path / LOOSE).read_text()) == ([], "0\n")
    assert len(box.mend(ASYMMETRIC)) == 1
    assert (tmp_path / LOOSE).read_text() == "1"


def test_a_box_without_a_gate_needs_nothing(box: BoxSettings, tmp_path: Path) -> None:
    (tmp_path / LIBERAL).write_text("1\n")

    assert (box.mend(Rules()), box.faults(Rules())) == ([], [])
    assert (tmp_path / LIBERAL).read_text() == "1\n"


def test_half_a_connection_is_tracked_where_the_kernel_may_pick_it_up_in_its_middle(tmp_path: Path) -> None:
    assert not picks_up(tmp_path)
    for setting, is_picked_up in (("0", False), ("1", True)):
        (tmp_path / LOOSE).write_text(f"{setting}\n")
        assert picks_up(tmp_path) is is_picked_up


# -- what is not tracked -----------------------------------------------------------------------------------------------


def test_packets_that_come_untracked_are_a_finding_as_long_as_they_come(tmp_path: Path, box: BoxSettings) -> None:
    nft = Nft(counting(0))
    watched = BoxSettings(nft, tmp_path, tmp_path / "conf")

    def found() -> list[str]:
        return [each.found for each in watched.faults(SYMMETRIC)]

    assert found() == []
    nft.objects = [counting(7)]
    assert [found() for _ in range(LOOKS)] == [["7 packets came"]] * LOOKS
    assert found() == []
    nft.objects = [counting(3)]  # the rules were replaced, and count from nothing
    assert found() == ["3 packets came"]


def test_half_a_connection_is_untracked_by_right(tmp_path: Path, box: BoxSettings) -> None:
    assert BoxSettings(Nft(counting(7)), tmp_path, tmp_path / "conf").faults(ASYMMETRIC) == []


def test_rules_of_others_that_leave_connections_untracked_are_found_and_ours_are_not() -> None:
    own = {"family": "inet", "table": "filterd", "chain": "untracked_queries", "expr": [{"notrack": None}]}
    assert notrack_rules(Nft({"rule": {**PLACE, "expr": [{"accept": None}]}}, {"rule": own})) == []
    assert notrack_rules(Nft({"rule": {**PLACE, "expr": [{"notrack": None}]}})) == ["ip raw PREROUTING"]
    assert notrack_rules(missing) == []


# -- what passes no rule -----------------------------------------------------------------------------------------------


def test_a_flowtable_that_takes_what_the_gate_reads_is_a_finding() -> None:
    assert offloading(SYMMETRIC, Nft()) == Finding("offload", "no flowtables", "")
    assert offloading(SYMMETRIC, missing).cure == "apt-get install nftables"
    found = offloading(SYMMETRIC, Nft(TABLE, flow_rule()))
    assert found.found == "'flow add' in inet fw forward"
    assert found.cure


@pytest.mark.parametrize(
    ("match", "is_spared"),
    [
        (port("==", 8080), True),
        (port("==", 443), False),
        (port("!=", {"set": [80, 443]}), True),
        (port("!=", 443), False),
        (port("==", {"set": [{"range": [440, 450]}, 25]}), False),
        (port("==", {"set": [{"range": [5060, 5061]}, 25]}), True),
        (port("==", "@elsewhere"), False),
        (port("==", 8080, "sport"), False),
        ({"op": "==", "left": {"ct": {"key": "state"}}, "right": "established"}, False),
    ],
)
def test_a_flowtable_is_none_where_its_rules_leave_the_ports_of_the_gate_out(
    match: dict[str, Any], is_spared: bool
) -> None:
    assert (offloading(SYMMETRIC, Nft(TABLE, flow_rule(match))).cure == "") is is_spared


# -- interfaces --------------------------------------------------------------------------------------------------------


def test_interfaces_that_drop_what_is_answered_elsewhere_are_told_where_routing_is_asymmetric(
    tmp_path: Path, box: BoxSettings
) -> None:
    for name, value in {"all": 0, "default": 1, "lo": 1, "eth0": 1, "eth1": 2, "eth2": 0}.items():
        (tmp_path / "conf" / name).mkdir(parents=True)
        (tmp_path / "conf" / name / "rp_filter").write_text(f"{value}\n")

    assert [each.found for each in box.faults(ASYMMETRIC)] == ["strict at eth0"]
    assert box.faults(SYMMETRIC) == []
    (tmp_path / "conf/all/rp_filter").write_text("2\n")
    assert strict_interfaces(tmp_path / "conf") == ("reverse paths", "not strict", "")


def test_an_interface_that_goes_away_while_it_is_looked_at_is_no_fault(tmp_path: Path) -> None:
    for name, there in {"eth0": True, "ppp7": False}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "rp_filter").symlink_to(tmp_path / "strict" if there else tmp_path / "gone")
    (tmp_path / "strict").write_text("1\n")

    assert strict_interfaces(tmp_path).found == "strict at eth0"


@pytest.mark.parametrize(
    ("n_turned", "n_begun", "is_told"), [(0, 0, False), (9, 9, False), (10, 100, True), (10, 101, False)]
)
def test_an_interface_that_leads_to_subscribers_and_to_servers_is_told_by_what_comes_and_goes(
    n_turned: int, n_begun: int, is_told: bool
) -> None:
    assert bool(turned(n_turned, n_begun).cure) is is_told

"""What other programs' rules do with the bits of marks that are the gate's."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from filterd.box.errors import MissingPart
from filterd.kernel import mark_clashes
from filterd.kernel.firewall import CompletedProgram
from filterd.kernel.mark_clashes import MarkUse, mark_uses, refuse_clash

OURS = 0xFF000000
META, CT = {"meta": {"key": "mark"}}, {"ct": {"key": "mark"}}
NEW = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}
WHERE = "nft rule 3 of ip wan pre"
OVERWRITES = "overwrites connections' whole marks: the gate judges all of each connection"


@pytest.fixture(autouse=True)
def no_routing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_clashes, "_of_routing", lambda mask: [])


def uses(*expressions: dict[str, Any], table: str = "ip wan", saved: str = "") -> list[tuple[str, bool]]:
    """What is said of one rule of nft."""
    family, name = table.split()
    rule = {"family": family, "table": name, "chain": "pre", "handle": 3, "expr": list(expressions)}

    def run(argv: Sequence[str], _: str) -> CompletedProgram:
        return CompletedProgram(0, saved if argv[0] != "nft" else json.dumps({"nftables": [{"rule": rule}]}), "")

    return [(use.does, use.is_steering) for use in mark_uses(OURS, run)]


def writes(key: dict[str, Any], value: Any) -> dict[str, Any]:
    return {"mangle": {"key": key, "value": value}}


@pytest.mark.parametrize(
    "value",
    [
        0x41000000,
        {"|": [META, 0x41000000]},
        {"^": [META, 0x41000000]},
        {"<<": [CT, 16]},
        {"map": {"key": {"payload": {}}, "data": {"set": [["192.0.2.1", 1], ["192.0.2.2", 0x1000000]]}}},
        {"jhash": {"mod": 1 << 25, "expr": {}}},
        {"numgen": {"mode": "inc", "mod": 2, "offset": 0xFFFFFF}},
    ],
)
def test_who_may_set_our_bits_of_a_packet_steers_the_gate(value: Any) -> None:
    [(does, is_steering)] = uses(writes(META, value))

    assert does.startswith("sets 0x") and is_steering


@pytest.mark.parametrize(
    "value",
    [
        0x1,
        0xFFFFFF,
        {"|": [{"&": [META, OURS]}, 2]},
        {"&": [CT, 0xFFFFFF]},
        {"map": {"key": {"payload": {}}, "data": {"set": [["192.0.2.1", 1]]}}},
        {"numgen": {"mode": "inc", "mod": 2, "offset": 100}},
        {"payload": {"protocol": "ip", "field": "dscp"}},
    ],
)
def test_who_leaves_our_bits_of_a_packet_alone_or_clears_them_is_no_matter(value: Any) -> None:
    assert uses(writes(META, value)) == []


def test_a_connection_s_mark_has_to_keep_our_bits() -> None:
    assert uses(writes(CT, 0x1)) == [(OVERWRITES, False)]
    assert uses(writes(CT, {"&": [CT, 0xFF]})) == [(OVERWRITES, False)]
    assert uses(writes(CT, {"|": [{"&": [CT, OURS]}, 1]})) == []
    assert uses(NEW, writes(CT, 0x1)) == [], "nothing of ours is there yet"
    assert uses(writes(CT, 0x41000000))[0] == ("sets 0x41000000 of 0xff000000", True)


def test_whole_marks_are_not_copied() -> None:
    assert uses(writes(META, CT)) == [("copies connections' whole marks to packets", False)]
    assert uses(writes(CT, META)) == [("copies packets' whole marks to connections", True)]


def test_a_comparison_with_a_whole_mark_never_holds_and_one_under_a_mask_does() -> None:
    def compares(left: dict[str, Any]) -> dict[str, Any]:
        return {"match": {"op": "==", "left": left, "right": 1}}

    assert uses(compares(CT)) == [("compares connections' whole marks", False)]
    assert uses(compares({"&": [CT, 0xFF]})) == uses(compares(META)) == []


def test_our_own_rules_are_not_looked_at() -> None:
    assert uses(writes(META, 0x41000000), table="inet filterd") == []


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("MARK --set-xmark 0x41000000/0xffffffff", [("sets 0x41000000 of 0xff000000", True)]),
        ("MARK --set-xmark 0x1/0xffffffff", []),
        ("CONNMARK --set-xmark 0x1/0xffffffff", [(OVERWRITES, False)]),
        ("CONNMARK --set-xmark 0x1/0xff", []),
        (
            "CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
            [("copies packets' whole marks to connections", True)],
        ),
        ("CONNMARK --save-mark --nfmask 0xff --ctmask 0xff", []),
        (
            "CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
            [("copies connections' whole marks to packets", False)],
        ),
        ("CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff", []),
    ],
)
def test_rules_of_iptables_are_read_too(
    monkeypatch: pytest.MonkeyPatch, rule: str, found: list[tuple[str, bool]]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name == "iptables-save" else None)
    xt = {"xt": {"type": "target", "name": "CONNMARK"}}

    assert uses(xt, saved=f"*mangle\n-A PREROUTING -j {rule}\nCOMMIT\n") == found
    state = "-A PREROUTING -m conntrack --ctstate NEW -j CONNMARK --set-xmark 0x1/0xffffffff\n"
    assert uses(xt, saved=state) == []
    compared = "-A PREROUTING -m connmark --mark 0x1 -j ACCEPT\n-A PREROUTING -m connmark --mark 0x1/0xff -j ACCEPT\n"
    assert uses(xt, saved=compared) == [("compares connections' whole marks", False)]


def test_a_start_beside_a_rule_that_steers_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless, steers = MarkUse(WHERE, OVERWRITES, False), MarkUse(WHERE, "sets 0x1000000 of 0xff000000", True)
    monkeypatch.setattr(mark_clashes, "mark_uses", lambda mask: [harmless])
    refuse_clash(OURS)

    monkeypatch.setattr(mark_clashes, "mark_uses", lambda mask: [harmless, steers, steers])
    with pytest.raises(MissingPart, match=f"marks: {WHERE} sets 0x1000000 of 0xff000000 .and 1 more.; not started"):
        refuse_clash(OURS)

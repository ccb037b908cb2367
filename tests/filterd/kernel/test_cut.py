"""Connections in a real kernel that a tightened rule closes: their marks afterwards, and those of the others."""

import json
import re
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from support.system.namespace import a_network_of_its_own, add_address6

from fastpath.gate.labels import ALL_CATEGORIES, ALL_NAMES
from fastpath.gate.marks import FlowState
from filterd.kernel import cut
from filterd.kernel.conntrack import FAMILIES, GET
from filterd.kernel.cut import (
    CHANGE,
    LABELS,
    MAX_MOVES,
    MOVES_S,
    Connection,
    CutSelector,
    CutTarget,
    Label,
    end_connections,
    moves_text,
)
from filterd.kernel.netlink import F_ACK, F_DUMP, HEADER_OCTETS, Netlink, attribute, message, split
from mgmt.contract.control import Cut

SHIFT = 8
RULES = """
table inet tracking {
  chain out { type filter hook output priority 0; ct state new ct mark set 0x5a0101ff; }
  chain labels { ct label set 0; }
}
table ip zones { chain out { type filter hook output priority raw; ip daddr 127.0.0.50 ct zone set 5; }; }
"""
PAIRS = [("127.0.1.1", "127.0.2.1"), ("127.0.1.2", "127.0.0.50"), ("2001:db8:1::1", "2001:db8:2::1")]
OTHER = ("127.0.1.9", "127.0.2.9")


@pytest.fixture
def there() -> Iterator[Callable[..., Any]]:
    """call(function, *arguments) in a namespace with a few connections, whose state is RELEASED."""
    with a_network_of_its_own() as call:
        call(_prepare)
        yield call


pytestmark = pytest.mark.kernel


def _prepare() -> None:
    Path("/proc/sys/net/netfilter/nf_conntrack_udp_timeout").write_text("3600")  # on a busy machine 30 s are too short
    subprocess.run(["nft", "-f", "-"], input=RULES, check=True, text=True)
    for number in (1, 2):
        add_address6(f"2001:db8:{number}::1")
    for source, destination in (*PAIRS, OTHER):
        with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((source, 0))
            one.sendto(b"x", (destination, 9))
    _label(*(each[0] for each in PAIRS))


def _label(*sources: str) -> None:
    """Give the connections of these the label that `labelled` wants."""
    label = struct.pack("=II8s", 11, 22, bytes([17, 0, 0, 0, 0, 0, 0, 0]))
    chosen = CutSelector(lambda found: found.is_udp and found.addresses[0] in sources)
    with Netlink() as link:
        for each in list(cut._going_on(link, chosen, SHIFT)):
            answers = link.send(message(CHANGE, F_ACK, 1, each.family, each.identity + attribute(LABELS, label)))
            assert [answer.fault for answer in answers] == [0]


def marks() -> dict[str, int]:
    """The mark of each connection over UDP, by its source."""
    argv = ["conntrack", "-L", "-p", "udp", "-f"]
    text = "".join(
        subprocess.run([*argv, family], capture_output=True, text=True, check=True).stdout
        for family in ("ipv4", "ipv6")
    )
    return {found[1]: int(found[2]) for found in re.finditer(r"src=(\S+) dst=.* mark=(\d+)", text)}


def end(wanted: CutSelector) -> Cut:
    return end_connections(wanted, SHIFT, lambda _: None)


def ends(wanted: CutSelector) -> set[tuple[str, str]]:
    """Between which addresses nothing goes on from another port."""
    found = set[tuple[str, str]]()
    end_connections(wanted, SHIFT, found.update)
    return found


def labelled(found: Connection) -> bool:
    return found.label == Label(11, 22, bytes([17, *bytes(7)]))


def test_the_wanted_are_blocked_and_all_other_bits_and_marks_stay(there: Callable[..., Any]) -> None:
    done = there(end, CutSelector(labelled))

    assert (done.ended, done.still_open) == (len(PAIRS), 0)
    assert there(marks) == {source: 0x5A0102FF for source, _ in PAIRS} | {OTHER[0]: 0x5A0101FF}


def test_what_has_ended_is_not_ended_again(there: Callable[..., Any]) -> None:
    there(end, CutSelector(labelled))

    assert there(end, CutSelector(labelled)).ended == 0


def test_what_goes_on_all_the_same_is_told(there: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "_block", lambda *_: None)

    done = there(end, CutSelector(labelled))

    assert (done.ended, done.still_open) == (0, len(PAIRS))


def test_a_part_of_a_dump_without_a_sign_is_passed_over(there: Callable[..., Any]) -> None:
    sign = struct.pack("=I", 11)

    assert there(end, CutSelector(labelled, [b"no such octets"])).ended == 0
    assert there(end, CutSelector(labelled, [b"no such octets", sign])).ended == len(PAIRS)


@pytest.mark.parametrize(("address", "n"), [("198.51.100.9", 0), (PAIRS[0][0], 1), (PAIRS[1][1], 1), (PAIRS[2][0], 1)])
def test_only_connections_of_addresses_that_may_be_wanted_are_parsed(
    there: Callable[..., Any], address: str, n: int
) -> None:
    def is_it(octets: bytes) -> bool:
        return str(ip_address(octets)) == address

    assert there(end, CutSelector(labelled, may_have=is_it)).ended == n


def test_a_connection_that_goes_while_it_is_ended_is_no_fault(
    there: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    block = cut._block

    def late(link: Netlink, found: list[CutTarget], shift: int) -> None:
        subprocess.run(["conntrack", "-F"], check=True, capture_output=True)
        block(link, found, shift)

    monkeypatch.setattr(cut, "_block", late)

    assert there(end, CutSelector(labelled)).still_open == 0


def test_clients_of_ended_datagrams_cannot_go_on_from_another_port(there: Callable[..., Any]) -> None:
    assert there(ends, CutSelector(labelled)) == set(PAIRS)


def test_moves_are_refused_before_a_client_can_notice_that_it_is_cut(there: Callable[..., Any]) -> None:
    def while_moves_are_refused() -> list[dict[str, int]]:
        found = list[dict[str, int]]()
        end_connections(CutSelector(labelled), SHIFT, lambda _: found.append(marks()))
        return found

    assert there(while_moves_are_refused)[0] == dict.fromkeys([*(source for source, _ in PAIRS), OTHER[0]], 0x5A0101FF)


def test_what_is_wanted_is_blocked_where_the_kernel_refuses_no_moves(there: Callable[..., Any]) -> None:
    def refuse(_: Sequence[tuple[str, str]]) -> None:
        raise RuntimeError("nft: no")

    def end_all() -> dict[str, int]:
        with pytest.raises(RuntimeError, match="nft: no"):
            end_connections(CutSelector(labelled), SHIFT, refuse)
        return marks()

    assert there(end_all) == {source: 0x5A0102FF for source, _ in PAIRS} | {OTHER[0]: 0x5A0101FF}


def test_moves_are_refused_in_both_directions_and_are_bounded() -> None:
    text = moves_text([("192.0.2.7", "198.51.100.1"), ("2001:db8::7", "2001:db8:1::1"), ("192.0.2.7", "198.51.100.1")])

    assert text.splitlines() == [
        "add element inet filterd ended4 { 192.0.2.7 . 198.51.100.1, 198.51.100.1 . 192.0.2.7 }",
        "delete element inet filterd ended4 { 192.0.2.7 . 198.51.100.1, 198.51.100.1 . 192.0.2.7 }",
        "add element inet filterd ended4 "
        "{ 192.0.2.7 . 198.51.100.1 timeout 120s, 198.51.100.1 . 192.0.2.7 timeout 120s }",
        "add element inet filterd ended6 { 2001:db8::7 . 2001:db8:1::1, 2001:db8:1::1 . 2001:db8::7 }",
        "delete element inet filterd ended6 { 2001:db8::7 . 2001:db8:1::1, 2001:db8:1::1 . 2001:db8::7 }",
        "add element inet filterd ended6 "
        "{ 2001:db8::7 . 2001:db8:1::1 timeout 120s, 2001:db8:1::1 . 2001:db8::7 timeout 120s }",
    ]
    many = [(f"10.{n >> 8 & 255}.{n & 255}.{n >> 16}", "198.51.100.1") for n in range(MAX_MOVES + 100)]
    assert moves_text(many).count("timeout") == 2 * MAX_MOVES
    assert moves_text([]) == ""


def test_moves_are_refused_from_the_last_cut_on_where_an_earlier_one_was_between_the_same_addresses(
    there: Callable[..., Any],
) -> None:
    ends = [("192.0.2.7", "198.51.100.1"), ("2001:db8::7", "2001:db8:1::1")]
    kinds = {4: "ipv4_addr", 6: "ipv6_addr"}
    table = "".join(f"set ended{n} {{ type {kind} . {kind}; flags timeout; }}\n" for n, kind in kinds.items())
    earlier = moves_text(ends).replace(f"timeout {MOVES_S}s", f"timeout {MOVES_S}s expires 20s")

    def expire_s() -> list[int]:
        for text in (f"table inet filterd {{\n{table}}}\n", earlier, moves_text(ends)):
            subprocess.run(["nft", "-f", "-"], input=text, check=True, text=True)
        argv = ["nft", "-j", "list", "table", "inet", "filterd"]
        listed = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)["nftables"]
        return [each["elem"]["expires"] for one in listed if "set" in one for each in one["set"]["elem"]]

    found = there(expire_s)

    assert len(found) == 2 * len(ends)
    assert min(found) > 20


def test_the_kernel_s_refusal_names_the_effect(there: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "CHANGE", CHANGE | 0x7F)

    with pytest.raises(RuntimeError, match=r"^conntrack: .*; connections that a tightened rule closes may go on; run"):
        there(end, CutSelector(labelled))


def test_a_kernel_without_a_rule_for_labels_keeps_none() -> None:
    def look() -> list[int]:
        subprocess.run(["nft", "-f", "-"], input=RULES.replace("ct label set 0;", ""), check=True, text=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x", ("127.0.2.1", 9))
        with Netlink() as link:
            for chunk in link.dump(message(GET, F_DUMP, 1, FAMILIES[4])):
                for found in split(chunk):
                    tuple_ = chunk[found.at + HEADER_OCTETS : found.at + HEADER_OCTETS + 52]
                    changed = message(CHANGE, F_ACK, 1, FAMILIES[4], tuple_ + attribute(LABELS, bytes(range(16))))
                    return [answer.fault for answer in link.send(changed)]
        return []

    with a_network_of_its_own() as call:
        assert call(look) != [0]


@pytest.mark.parametrize(
    ("label", "categories", "is_closed"),
    [
        (Label(1, 1, bytes([16, 71, *bytes(6)])), {70}, True),
        (Label(1, 1, bytes([16, 71, *bytes(6)])), {16, 71}, False),
        (Label(1, 1, bytes([2, 3, 4, 5, 6, 7, 8, ALL_CATEGORIES])), {99}, True),
        (Label(1, 1, bytes(8)), {0, 1, 127}, False),
    ],
)
def test_a_label_has_the_categories_of_its_lists(label: Label, categories: set[int], is_closed: bool) -> None:
    assert label.has_any(frozenset(categories)) == is_closed


@pytest.mark.parametrize(
    ("label", "name", "may_be"),
    [
        ((5, 7), (5, 7), True),
        ((5, 7), (5, 0), True),
        ((5, 0), (5, 7), False),
        ((5, 7), (5, 8), False),
        ((6, 7), (5, 0), False),
        ((ALL_NAMES, ALL_NAMES), (5, 7), True),
    ],
)
def test_a_label_may_be_of_a_name_or_of_one_below_it(
    label: tuple[int, int], name: tuple[int, int], may_be: bool
) -> None:
    assert Label(*label, bytes(8)).may_be(*name) == may_be


@pytest.mark.parametrize("state", FlowState)
def test_what_was_let_pass_for_good_has_been_judged(state: FlowState) -> None:
    undecided = {FlowState.UNDECIDED, FlowState.OPENED, FlowState.PARTIAL, FlowState.BLOCKED, FlowState.ANSWERED}

    assert Connection((), False, state, None).is_judged == (state not in undecided)

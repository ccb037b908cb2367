"""What the kernel is asked for, as nft's text."""

import re
import shutil
import subprocess
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path

import pytest
from support.gate.full_rules import CHILD4, CHILD6, FULL
from support.gate.lab import BLOCKED, Lab
from support.images.opened import Images
from support.images.prefixes import entries
from support.packets.builders import SYN, Client
from support.system.rights import needs

from fastpath.gate.marks import FlowState
from fastpath.images.tables import TableSet
from filterd.box.capabilities import Capability
from filterd.config import read_config
from filterd.control.lock_enforcer import has_work
from filterd.kernel.mark_table import MARK_TABLE, Event, Fate, changes
from filterd.kernel.ruleset import EMBEDDING, Rules, rules_of_config, ruleset

CONFIG = b"""
dns: {upstreams: ["192.0.2.53:53"], clients: [198.51.100.0/24, "2001:db8::/32"], redirect_except: [198.51.100.7]}
gate: {workers: 2, first_queue: 8, when_dead: closed, quic: refuse}
splash: {address4: 192.0.2.1}
help_corridor: {addresses: ["2001:db8:5::/48"]}
"""


LOW = replace(FULL, mark_shift=0)  # so that a mark is read more easily


@pytest.mark.parametrize(
    "rules",
    [Rules(), FULL, LOW, Rules(ports=(443,), dns_port=5353), replace(FULL, is_asymmetric=True)],
    ids=["nothing", "everything", "low marks", "no set", "asymmetric"],
)
@pytest.mark.kernel
@needs(Capability.SYS_ADMIN, Capability.NET_ADMIN)
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")
def test_nft_takes_the_ruleset(rules: Rules) -> None:
    checked = subprocess.run(
        ["unshare", "-n", "nft", "-c", "-f", "-"],
        input=ruleset(rules, [CHILD4, CHILD6]),
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.stderr == ""
    assert checked.returncode == 0


def test_what_begins_a_connection_is_looked_at_before_any_mark_is_believed() -> None:
    lines = ruleset(FULL).partition("chain before {")[2].splitlines()

    opening = next(number for number, line in enumerate(lines) if "jump opening" in line)
    assert opening < next(number for number, line in enumerate(lines) if "ct mark" in line and "accept" in line)


def test_every_change_of_a_state_is_one_of_the_table() -> None:
    text = ruleset(LOW)
    made = set(re.findall(r"ct mark & 0xf \{ ([\w, ]+) \} ct mark set ct mark & 0xfffffff0 \| (\w+)", text))
    wanted = {
        (", ".join(f"{state:#x}" for state in before), f"{following:#x}")
        for event in Event
        if event is not Event.SYN_ACK
        for following, before in changes(event)
    }

    assert made == wanted
    n_of_flags = 4  # a SYN was seen, a SYN/ACK begins anew, the server's packets are asked for or not
    assert text.count("ct mark set") == len(re.findall("ct mark set ct mark & 0xfffffff0", text)) + n_of_flags


def test_a_server_is_believed_from_its_own_side_alone() -> None:
    symmetric, asymmetric = ruleset(FULL), ruleset(replace(FULL, is_asymmetric=True))

    for chain in ("chain opening_judged", "chain speaking"):
        assert "fib saddr . mark . iif oif missing" in symmetric.partition(chain)[2].partition("}")[0]
    assert "fib saddr" not in asymmetric.replace("fib saddr type local", "")


def test_a_syn_is_noted_before_its_address_is_judged() -> None:
    opening = ruleset(LOW).partition("chain opening_judged {")[2].partition("}")[0]

    assert opening.index("ct mark set ct mark | 0x20") < opening.index("jump suspects")


PREFIXES = [(prefix, length) for length, prefixes in EMBEDDING.items() for prefix in prefixes]


@pytest.mark.parametrize(("prefix", "length"), PREFIXES)
def test_an_ipv4_address_is_looked_for_where_the_gate_reads_one(prefix: str, length: int, tmp_path: Path) -> None:
    network, listed = IPv6Network(prefix), IPv4Address("203.0.113.5")
    assert network.prefixlen == length
    address = str(network[int(listed) << 96 - length])
    lab = Lab(tmp_path / "lab", TableSet(Images(tmp_path).names(entries("orders", str(listed)))))

    assert lab.send(Client("2001:db8::11", address, dport=9001), -1, b"", flags=SYN, isn=False) == BLOCKED
    to, of = [line for line in ruleset(FULL).splitlines() if prefix in line]
    assert to.endswith(f" goto suspects_behind_{length}")
    assert to.strip().startswith("ip6 daddr")
    assert of.endswith(f" goto suspect_sources_behind_{length}")
    assert of.strip().startswith("ip6 saddr")


def test_what_begins_is_judged_by_both_addresses_whatever_its_protocol() -> None:
    before = ruleset(FULL).partition("chain before {")[2]
    first, second = [line.strip() for line in before.splitlines() if "jump suspect" in line]

    assert first == "ct state new ct direction original jump suspects"
    assert second == "ct state new ct direction original jump suspect_sources"


def test_no_client_answers_a_syn() -> None:
    server = ruleset(FULL).partition("chain opening_server {")[2].partition("chain")[0].splitlines()

    assert [line.split(" comment")[0].strip() for line in server[1:4]] == [
        "tcp sport != @gate_ports ct direction reply ct mark & 0xf000000 { 0x1000000, 0x0 } accept",
        "tcp sport != @gate_ports drop",
        "ct direction original drop",
    ]


def test_the_end_of_a_client_s_octets_is_judged_where_it_may_end_a_request() -> None:
    to_gate = ruleset(FULL).partition("chain to_gate {")[2].partition("}")[0]

    assert "tcp flags & fin == fin tcp dport @http_ports goto noted" in to_gate
    assert "tcp flags & fin == fin goto" not in to_gate
    assert rules_of_config(read_config(CONFIG, "test", Path("/"))).http_ports == (80,)


def test_no_stream_is_spread_over_several_connections() -> None:
    assert "reset tcp option mptcp" in ruleset(FULL)
    assert "reset tcp option fastopen" in ruleset(FULL)


@pytest.mark.parametrize("is_asymmetric", [False, True])
def test_whoever_goes_on_with_multipath_tcp_where_it_was_removed_is_dropped(is_asymmetric: bool) -> None:
    text = ruleset(replace(FULL, is_asymmetric=is_asymmetric))
    opening = text.partition("chain opening_judged {")[2].partition("  }")[0]
    before = [line.strip() for line in text.partition("chain before {")[2].partition("  }")[0].splitlines()]

    assert opening.index("reset tcp option mptcp") < opening.index("tcp option mptcp exists drop")
    dropped = next(n for n, line in enumerate(before) if "tcp option mptcp exists drop" in line)
    assert before[dropped].startswith("tcp dport @gate_ports ")
    assert dropped < next(n for n, line in enumerate(before) if "goto from_" in line or "jump suspects" in line)


def test_of_what_is_answered_on_another_way_no_handshake_and_no_answer_is_tracked_and_nothing_is_invalid() -> None:
    text, tracked = ruleset(replace(FULL, is_asymmetric=True)), ruleset(FULL)

    untracked = [line.strip() for line in text.partition("chain untracked_streams {")[2].partition("}")[0].splitlines()]
    assert untracked[2:5] == [
        "tcp dport @gate_ports tcp flags & (syn | rst) == 0 accept",
        "tcp dport @gate_ports fib daddr type != local notrack",
        "tcp sport @gate_ports fib daddr type != local notrack",
    ]
    assert "ct state invalid" not in text
    assert "ct state invalid drop" in tracked
    assert "@gate_ports fib" not in tracked


@pytest.mark.parametrize("is_asymmetric", [False, True])
def test_a_fragment_within_a_fragment_passes_nothing_that_looks_for_ports(is_asymmetric: bool) -> None:
    before = ruleset(replace(FULL, is_asymmetric=is_asymmetric)).partition("chain before {")[2].partition("  }")[0]
    rules = [line.strip() for line in before.splitlines()]
    [at] = [n for n, line in enumerate(rules) if line.startswith("exthdr frag exists drop")]

    accepting = [line for line in rules[:at] if line.endswith(" accept") or " accept " in line]
    assert [line.startswith("ct mark & ") for line in accepting] == [True]  # of a released connection: it has none
    assert any("tcp dport @gate_ports" in line for line in rules[at:])


def test_the_mark_of_half_a_connection_is_the_cuts_alone() -> None:
    text = ruleset(replace(LOW, is_asymmetric=True))
    ends = {"blocked": "goto blocked", "answered": "drop"}

    for name in ("allowed", "partial", "released", "blocked", "answered", "opened"):
        chain = [line.strip() for line in text.partition(f"chain keep_{name} {{")[2].partition("  }")[0].splitlines()]
        assert chain[2] == f"tcp dport @gate_ports {ends.get(name, 'accept')}"
        assert not any("ct mark set" in line for line in chain[:2])
    before = [line.strip() for line in text.partition("chain before {")[2].splitlines()]
    its = before.index("tcp dport @gate_ports goto from_untracked")
    assert next(n for n, line in enumerate(before) if line.startswith("ct mark & 0xf vmap")) < its
    assert its < next(n for n, line in enumerate(before) if "jump suspects" in line)


def test_the_table_is_replaced_in_one_text() -> None:
    assert ruleset(FULL).startswith("table inet filterd\ndelete table inet filterd\ntable inet filterd {\n")


def test_a_lock_survives_the_replacement_of_the_rules() -> None:
    text = ruleset(FULL, [CHILD4, CHILD6])

    assert "set locked4 { type ipv4_addr; flags interval; auto-merge; elements = { 198.51.100.0/28 }; }" in text
    assert "set locked6 { type ipv6_addr; flags interval; auto-merge; elements = { 2001:db8:1::/64 }; }" in text
    assert "chain locking { meta nfproto ipv4 goto locks4_wide; meta nfproto ipv6 goto locks6_wide; }" in text


def test_a_locked_pool_survives_it_too_and_leads_packets_of_its_version_to_it() -> None:
    text = ruleset(replace(FULL, locked_pools=(CHILD4,)))

    assert "set pools4 { type ipv4_addr; flags interval; auto-merge; elements = { 198.51.100.0/28 }; }" in text
    assert "chain pool_locking { meta nfproto ipv4 goto pool_locks4; }" in text
    assert "chain pool_locking { }" in ruleset(FULL)


@pytest.mark.parametrize(
    ("rules", "ports"),
    [
        (Rules(ports=(80, 8443), quic_ports=(8443,), n_queues=1), "elements = { 80, 8443 }; "),
        (Rules(dns_port=5300), "elements = { 80, 443 }; "),
        (Rules(ports=(443,), n_queues=1, is_asymmetric=True), " "),
    ],
    ids=["a gate", "no gate", "asymmetric routing"],
)
def test_the_help_corridor_is_open_where_a_gate_reads_names_and_else_for_the_web(rules: Rules, ports: str) -> None:
    text = ruleset(rules)

    assert f"set corridor_ports {{ type inet_service; flags constant; {ports}}}" in text
    for end, way in (("d", "from"), ("s", "to")):
        first, second = text.partition(f"chain locked_{way} {{\n")[2].splitlines()[2:4]
        assert f"ip {end}addr @corridor4 tcp {end}port @corridor_ports goto corridor_{way}" in first
        assert f"ip6 {end}addr @corridor6 tcp {end}port @corridor_ports goto corridor_{way}" in second


def test_a_door_of_families_elsewhere_is_open_to_locked_lines_at_its_port_and_no_other() -> None:
    family = "family: {hosts: [family.isp.example], addresses: ['192.0.2.9:443', '[2001:db8::9]:8443']}\n"
    text = ruleset(rules_of_config(read_config(CONFIG + family.encode(), "test", Path("/"))))

    for element in ("192.0.2.9 . 443", "2001:db8::9 . 8443"):
        assert text.count(element) == 1 and f"elements = {{ {element} }}; }}" in text
    for end, way in (("d", "from"), ("s", "to")):
        first, second = text.partition(f"chain locked_{way} {{\n")[2].splitlines()[:2]
        assert first.split() == ["ip", f"{end}addr", ".", "tcp", f"{end}port", "@door4", "return"]
        assert second.split() == ["ip6", f"{end}addr", ".", "tcp", f"{end}port", "@door6", "return"]


def test_packets_of_a_version_that_nobody_is_locked_in_look_into_no_lock() -> None:
    assert "chain locking { }" in ruleset(FULL)
    assert "chain locking { meta nfproto ipv6 goto locks6_wide; }" in ruleset(FULL, [CHILD6, CHILD6])


def test_locks_stand_before_everything_else_and_decided_flows_before_the_gate() -> None:
    lines = [line.strip() for line in ruleset(LOW).partition("chain before {")[2].splitlines()]
    order = [
        "jump locking",
        "jump pool_locking",
        "tcp flags & syn == syn jump opening",
        "ct mark & 0xf == 0x1 accept",
        "ct state invalid",
        "ct mark & 0xf vmap",
        "tcp dport @gate_ports goto from_client",
    ]

    found = [next(number for number, line in enumerate(lines) if line.startswith(start)) for start in order]

    assert found == sorted(found)


def test_dns_is_redirected_only_where_asked_for() -> None:
    assert "redirect" not in ruleset(Rules())
    assert "redirect to :5300" in ruleset(FULL)


def test_queries_to_this_box_are_not_tracked_and_those_that_are_redirected_are() -> None:
    config = read_config(CONFIG, "test", Path("/"))

    rules = rules_of_config(config)

    assert (rules.untracked, rules.dns_port) == ((53,), 5300)
    assert "notrack" not in ruleset(Rules(dns_port=53))


def test_a_port_that_queries_are_redirected_to_is_tracked_though_it_is_asked_directly_too() -> None:
    config = read_config(CONFIG.replace(b"dns: {", b"dns: {redirect_port: 53, "), "test", Path("/"))

    assert (rules_of_config(config).untracked, rules_of_config(config).dns_port) == ((), 53)


def test_until_there_is_a_queue_nothing_passes_unjudged_and_without_a_gate_all_does() -> None:
    for chain in ("queueing", "queueing_quic"):
        assert f"chain {chain} {{ drop comment" in ruleset(FULL)
        assert f"chain {chain} {{ accept comment" in ruleset(Rules(ports=(443,)))


def test_every_datagram_for_the_gate_goes_to_the_worker_that_has_all_of_quic() -> None:
    text = ruleset(FULL)
    chains = dict(re.findall(r"^  chain (\w+) \{\n(.*?)^  \}", text, re.DOTALL | re.MULTILINE))

    for name in ("long_headers", "long_headers_elsewhere", "to_quic_gate"):
        assert "goto to_queue\n" not in chains[name]
    assert "meta l4proto udp goto to_quic_queue" in chains["to_suspect"]
    assert "goto queueing_quic" in chains["to_quic_queue"]


def test_long_headers_are_queued_until_their_connection_is_blocked_and_where_it_is_not_tracked() -> None:
    for state in ("ct mark & 0xf { 0x0, 0x6 }", "ct state untracked"):
        assert f"meta l4proto udp @th,64,8 & 0x80 == 0x80 {state} goto long_headers" in ruleset(LOW)


def test_a_packet_in_which_two_hellos_fit_is_queued_as_one_with_a_long_header_is() -> None:
    for state in ("ct mark & 0xf { 0x0, 0x6 }", "ct state untracked"):
        assert f"meta l4proto udp meta length >= 2428 {state} goto several_datagrams" in ruleset(LOW)


def test_who_opens_from_a_judged_port_is_a_client_until_the_other_end_opens_too() -> None:
    text = ruleset(LOW)
    elsewhere = text.partition("chain opening_elsewhere {")[2].partition("}")[0]
    judged = text.partition("chain opening_judged {")[2].partition("}")[0]

    assert elsewhere.index("ct direction reply drop") < elsewhere.index("ct mark set ct mark & 0xfffffff0 | 0x1")
    both = judged.index("ct direction reply ct mark & 0xf == 0x1 ct mark set ct mark & 0xfffffff0 | 0x2 drop")
    assert both < judged.index("ct direction reply drop")


def test_a_syn_to_a_subscriber_from_a_judged_port_releases_nothing() -> None:
    text = ruleset(LOW)
    elsewhere = text.partition("chain opening_elsewhere {")[2].partition("}")[0]
    server = text.partition("chain opening_server {")[2].partition("goto begun")[0]

    released = [line.strip() for line in elsewhere.splitlines() if "| 0x1" in line]
    assert [line.partition(" ct mark set")[0] for line in released] == [
        "ct state new ip daddr != @subscribers4",
        "ct state new ip6 daddr != @subscribers6",
    ]
    assert "tcp sport != @gate_ports ct direction reply ct mark & 0xf { 0x1, 0x0 } accept" in server


@pytest.mark.parametrize("is_asymmetric", [False, True])
def test_the_mark_of_a_long_header_elsewhere_says_who_began_and_whether_that_proves_anything(
    is_asymmetric: bool,
) -> None:
    text = ruleset(replace(LOW, is_asymmetric=is_asymmetric))
    elsewhere = text.partition("chain long_headers_elsewhere {")[2].partition("}")[0]

    assert "jump note" in elsewhere
    assert "ct direction reply meta mark set meta mark | 0x10\n" in elsewhere
    assert ("    meta mark set meta mark | 0xa0\n" in elsewhere) is is_asymmetric


def test_a_packet_s_mark_tells_the_gate_every_state_in_which_it_is_asked() -> None:
    text = ruleset(LOW)
    states = re.findall(r"(0x\w+) : goto note_(\w+)", text.partition("chain note {")[2].partition("chain")[0])

    assert {FlowState[name.upper()] for _, name in states} == {
        state for state in FlowState if MARK_TABLE[state, Event.CLIENT].fate is Fate.QUEUE and state
    }
    for bits, name in states:
        assert f"chain note_{name} {{ meta mark set meta mark | {bits}; }}" in text


def test_one_chain_is_walked_by_forwarded_packets() -> None:
    assert ruleset(FULL, [CHILD4, CHILD6]).count("hook forward") == 1


def test_a_judged_packet_does_what_was_said_before_it_is_looked_at_again() -> None:
    lines = [line.strip() for line in ruleset(LOW).partition("chain before {")[2].splitlines()]

    judged = next(number for number, line in enumerate(lines) if "goto judged" in line)
    assert judged < next(number for number, line in enumerate(lines) if line.startswith("ct mark & 0xf == 0x1 accept"))


def test_the_configuration_says_ports_queues_and_what_is_always_open() -> None:
    config = read_config(CONFIG, "test", Path("/"))

    assert rules_of_config(config) == Rules(
        ports=(80, 443),
        http_ports=(80,),
        refused_udp=(443,),
        first_queue=8,
        n_queues=2,
        is_open_when_dead=False,
        always_open=(IPv4Network("192.0.2.1/32"), IPv6Network("2001:db8:5::/48")),
        subscribers=(IPv4Network("198.51.100.0/24"), IPv6Network("2001:db8::/32")),
        resolvers=(IPv4Network("192.0.2.53/32"), IPv4Network("198.51.100.7/32")),
        dns_port=5300,
        untracked=(53,),
        is_dot_refused=True,
    )


def test_only_a_gate_with_a_queue_has_to_do_without_tracking() -> None:
    dns = "dns: {upstreams: ['192.0.2.53:53']}\n"
    inline, none = (
        read_config(f"{dns}gate: {{routing: asymmetric, workers: {n}}}\n".encode(), "test", Path("/")) for n in (1, 0)
    )

    assert rules_of_config(inline).is_asymmetric
    assert not rules_of_config(none).is_asymmetric


def test_a_tap_asks_for_no_queue_and_still_redirects_dns() -> None:
    tap = read_config(
        b"dns: {upstreams: ['192.0.2.53:53']}\ngate: {mode: tap, tap_interfaces: [eth1]}\n", "test", Path("/")
    )

    rules = rules_of_config(tap)

    assert (rules.ports, rules.refused_udp, rules.n_queues, rules.dns_port) == ((), (), 0, 5300)


@pytest.mark.parametrize(
    ("dns", "gate", "is_refused"),
    [
        ("redirect_foreign: false", "workers: 0", False),
        ("redirect_foreign: false", "mode: tap, tap_interfaces: [eth1]", False),
        ("redirect_foreign: true", "workers: 0", True),
        ("redirect_foreign: false", "workers: 1", True),
        ("refuse_foreign_dot: false", "workers: 1", False),
    ],
)
def test_dns_over_tls_of_others_is_refused_where_the_box_has_rules_and_said_nowhere_else(
    dns: str, gate: str, is_refused: bool
) -> None:
    said = f"dns: {{upstreams: ['192.0.2.53:53'], {dns}}}\ngate: {{{gate}}}\n"

    rules = rules_of_config(read_config(said.encode(), "test", Path("/")))

    assert rules.is_dot_refused is is_refused
    assert has_work(rules) or not rules.is_dot_refused


def test_an_icmp_error_answers_no_datagram_that_is_shorter_than_the_longest_error() -> None:
    chains = dict(re.findall(r"  chain (\w+) \{\n(.*?)\n  \}", ruleset(FULL), re.DOTALL))

    assert "ip length < 576 drop" in chains["short"]
    assert "ip6 length < 1240 drop" in chains["short"]
    for name, text in chains.items():
        if "reject with icmpx" in text:
            assert text.index("jump short") < text.index("reject with icmpx"), name


def test_what_moves_to_another_port_is_told_only_where_answers_are_seen() -> None:
    rules = Rules(quic_ports=(443,), n_queues=1)

    assert "@ended4 drop" in ruleset(rules)
    assert "@ended" not in ruleset(replace(rules, is_asymmetric=True))

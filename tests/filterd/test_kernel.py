"""The kernel's rules as text, and what is run to put them in force."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from filterd.config import read_config
from filterd.kernel import Done, Kernel, Rules, queue_rules, rules_of_config, ruleset, sysctl_faults

CHILD4, CHILD6 = IPv4Network("198.51.100.0/28"), IPv6Network("2001:db8:1::/64")
FULL = Rules(
    ports=(80, 443),
    quic_ports=(443,),
    is_quic_rejected=True,
    refused_udp=(8443,),
    n_queues=2,
    first_queue=4,
    always_open=(IPv4Network("192.0.2.1/32"), IPv6Network("2001:db8::1/128")),
    subscribers=(CHILD4, CHILD6),
    subscriber_interfaces=("ppp0", "lan"),
    dns_port=5300,
    untracked=(53,),
    is_dot_refused=True,
)
CONFIG = b"""
dns: {upstreams: ["192.0.2.53:53"]}
gate: {workers: 2, first_queue: 8, when_dead: closed, quic: refuse}
splash: {address4: 192.0.2.1}
help_corridor: {addresses: ["2001:db8:5::/48"]}
"""


class Recorder:
    """Stands for the programs: keeps what was run, answers as told."""

    def __init__(self, fails: str = "", fault: str = "") -> None:
        self.ran: list[tuple[str, str]] = []
        self.fails, self.fault = fails, fault

    def __call__(self, argv: Sequence[str], text: str) -> Done:
        line = " ".join(argv)
        self.ran.append((line, text))
        is_failing = bool(self.fails) and self.fails in line
        return Done(int(is_failing), "", self.fault)


@pytest.mark.parametrize(
    "rules", [Rules(), FULL, Rules(ports=(443,), dns_port=5353)], ids=["nothing", "everything", "no set"]
)
@pytest.mark.skipif(shutil.which("nft") is None or os.geteuid() != 0, reason="needs nft and root")
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


def test_the_table_is_replaced_in_one_text() -> None:
    assert ruleset(FULL).startswith("table inet filterd\ndelete table inet filterd\ntable inet filterd {\n")


def test_a_lock_survives_the_replacement_of_the_rules() -> None:
    text = ruleset(FULL, [CHILD4, CHILD6])

    assert "set locked4 { type ipv4_addr; flags interval; auto-merge; elements = { 198.51.100.0/28 }; }" in text
    assert "set locked6 { type ipv6_addr; flags interval; auto-merge; elements = { 2001:db8:1::/64 }; }" in text


def test_locks_stand_before_everything_else_and_decided_flows_before_the_gate() -> None:
    lines = [line.strip() for line in ruleset(FULL).partition("chain before {")[2].splitlines()]
    order = [
        "ip saddr @locked4",
        "ip6 saddr @locked6",
        "ct state invalid",
        "ct mark & 0xff vmap",
        "ct direction original",
    ]

    found = [next(number for number, line in enumerate(lines) if line.startswith(start)) for start in order]

    assert found == sorted(found)


def test_dns_is_redirected_only_where_asked_for() -> None:
    assert "redirect" not in ruleset(Rules())
    assert "redirect to :5300" in ruleset(FULL)
    assert 'iifname { "ppp0", "lan" } goto to_resolver' in ruleset(FULL)


def test_queries_to_this_box_are_not_tracked_and_those_that_are_redirected_are() -> None:
    config = read_config(CONFIG, "test", Path("/"))

    rules = rules_of_config(config)

    assert (rules.untracked, rules.dns_port) == ((53,), 5300)
    assert "notrack" not in ruleset(Rules(dns_port=53))


def test_a_port_that_queries_are_redirected_to_is_tracked_though_it_is_asked_directly_too() -> None:
    config = read_config(CONFIG.replace(b"dns: {", b"dns: {redirect_port: 53, "), "test", Path("/"))

    assert (rules_of_config(config).untracked, rules_of_config(config).dns_port) == ((), 53)


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (
            Rules(n_queues=1, first_queue=3),
            "-A FILTERD -j NFQUEUE --queue-num 3 --queue-bypass",
        ),
        (FULL, "-A FILTERD -j NFQUEUE --queue-balance 4:5 --queue-bypass"),
        (Rules(n_queues=1, is_open_when_dead=False), "-A FILTERD -j NFQUEUE --queue-num 0"),
    ],
    ids=["one queue", "two queues", "closed"],
)
def test_marked_packets_are_queued(rules: Rules, line: str) -> None:
    assert queue_rules(rules) == f"*mangle\n:FILTERD - [0:0]\n{line}\nCOMMIT\n"


def test_without_workers_nothing_is_queued() -> None:
    assert "NFQUEUE" not in queue_rules(Rules())


def test_apply_makes_the_jump_only_where_it_is_missing() -> None:
    there, missing = Recorder(), Recorder(fails=" -C ")
    Kernel(there).apply(FULL)
    Kernel(missing).apply(FULL)

    assert not [line for line, _ in there.ran if " -A FORWARD" in line]
    assert [line for line, _ in missing.ran if " -A FORWARD" in line] == [
        "iptables-nft -w -t mangle -A FORWARD -m mark --mark 0x80/0x80 -j FILTERD",
        "ip6tables-nft -w -t mangle -A FORWARD -m mark --mark 0x80/0x80 -j FILTERD",
    ]


def test_the_nft_rules_come_last_so_that_nothing_is_marked_before_the_queue_is_there() -> None:
    recorder = Recorder()
    Kernel(recorder).apply(FULL, [CHILD4])

    assert recorder.ran[-1] == ("nft -f -", ruleset(FULL, [CHILD4]))


def test_locked_prefixes_are_replaced_in_one_transaction() -> None:
    recorder = Recorder()
    Kernel(recorder).set_locked([CHILD4], [])

    assert recorder.ran == [
        (
            "nft -f -",
            "flush set inet filterd locked4\nadd element inet filterd locked4 { 198.51.100.0/28 }\n"
            "flush set inet filterd locked6\n",
        )
    ]


def test_subscribers_are_replaced_in_one_transaction() -> None:
    recorder = Recorder()
    Kernel(recorder).set_subscribers([], [CHILD6])

    assert len(recorder.ran) == 1
    assert "add element inet filterd subscribers6 { 2001:db8:1::/64 }" in recorder.ran[0][1]


def test_cutting_counts_what_was_forgotten_in_both_directions() -> None:
    recorder = Recorder(
        fails="conntrack", fault="conntrack v1.4.8 (conntrack-tools): 3 flow entries have been deleted.\n"
    )

    assert Kernel(recorder).cut([CHILD4, CHILD6]) == 12
    assert [line for line, _ in recorder.ran] == [
        "conntrack -D -f ipv4 -s 198.51.100.0/28",
        "conntrack -D -f ipv4 -d 198.51.100.0/28",
        "conntrack -D -f ipv6 -s 2001:db8:1::/64",
        "conntrack -D -f ipv6 -d 2001:db8:1::/64",
    ]


def test_what_the_kernel_refuses_is_told_with_the_program_and_its_words() -> None:
    with pytest.raises(RuntimeError, match=r"^nft: no such set; rules stay as they were; "):
        Kernel(Recorder(fails="nft", fault="no such set\nmore\n")).set_locked([], [])
    with pytest.raises(RuntimeError, match=r"^conntrack: not permitted; "):
        Kernel(Recorder(fails="conntrack", fault="not permitted\n")).cut([CHILD4])


def test_the_configuration_says_ports_queues_and_what_is_always_open() -> None:
    config = read_config(CONFIG, "test", Path("/"))

    assert rules_of_config(config) == Rules(
        ports=(80, 443),
        refused_udp=(443,),
        first_queue=8,
        n_queues=2,
        is_open_when_dead=False,
        always_open=(IPv4Network("192.0.2.1/32"), IPv6Network("2001:db8:5::/48")),
        dns_port=5300,
        untracked=(53,),
        is_dot_refused=True,
    )


def test_kernel_settings_that_let_decoys_through_are_told(tmp_path: Path) -> None:
    (tmp_path / "nf_conntrack_tcp_be_liberal").write_text("1\n")
    (tmp_path / "nf_conntrack_checksum").write_text("1\n")

    assert sysctl_faults(tmp_path) == [
        "net.netfilter.nf_conntrack_tcp_be_liberal: is 1; decoy packets are let through; set it to 0"
    ]

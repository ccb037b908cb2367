"""Connections in a real kernel, looked at by conntrack(8)."""

import contextlib
import errno
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.system.namespace import a_network_of_its_own, add_address6

from filterd.kernel import conntrack
from filterd.kernel.conntrack import forget, forget_redirected, n_tracked
from filterd.kernel.netlink import NESTED, Answer, Netlink, attribute, attributes, message, split

# nothing is tracked before a rule asks for it; what goes to 127.0.0.9 comes from another address than it was sent from
RULES = """
table inet tracking { chain out { type filter hook output priority 0; ct state new accept; }; }
table ip zones { chain out { type filter hook output priority raw; ip daddr 127.0.0.50 ct zone set 5; }; }
table ip translating {
  chain out { type nat hook postrouting priority srcnat; ip daddr 127.0.0.9 snat to 127.0.99.99; }
  chain in {
    type nat hook output priority dstnat;
    ip daddr 127.0.77.77 dnat to 127.0.0.8
    udp dport 53 redirect to :5300
  }
}
"""


def keeping(kept: list[bytes]) -> Callable[[Netlink, bytes], list[Answer]]:
    """A Netlink.send that keeps what it is given and gets no answer."""

    def send(_: Netlink, messages: bytes) -> list[Answer]:
        kept.append(messages)
        return []

    return send


@pytest.fixture
def there() -> Iterator[Callable[..., Any]]:
    """call(function, *arguments) in a namespace that tracks its connections."""
    with a_network_of_its_own() as call:
        call(_prepare)
        yield call


def _prepare() -> None:
    Path("/proc/sys/net/netfilter/nf_conntrack_udp_timeout").write_text("3600")  # on a busy machine 30 s are too short
    subprocess.run(["nft", "-f", "-"], input=RULES, check=True, text=True)
    for number in range(1, 6):
        add_address6(f"2001:db8:{number}::1")


pytestmark = pytest.mark.kernel


def send(source: str, destination: str, port: int = 9) -> None:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        one.sendto(b"x", (destination, port))


def listed() -> str:
    """What conntrack(8) lists of connections over UDP: others are ICMP's."""
    argv = ["conntrack", "-L", "-p", "udp", "-f"]
    return "".join(
        subprocess.run([*argv, family], capture_output=True, text=True, check=True).stdout
        for family in ("ipv4", "ipv6")
    )


def tracked() -> set[tuple[str, str]]:
    """(source, destination) of each of them as it began."""
    return {(found[1], found[2]) for found in re.finditer(r"src=(\S+) dst=(\S+) sport=\d+ dport=9 ", listed())}


def test_connections_from_and_to_a_prefix_are_forgotten_and_counted_and_no_others(there: Callable[..., Any]) -> None:
    for pair in (("127.0.1.1", "127.0.2.1"), ("127.0.2.2", "127.0.1.200"), ("127.0.2.1", "127.0.2.2")):
        there(send, *pair)
    there(send, "2001:db8:1::1", "2001:db8:2::1")
    there(send, "2001:db8:2::1", "2001:db8:1::1")
    there(send, "2001:db8:2::1", "2001:db8:3::1")

    assert there(forget, [ip_network("127.0.1.0/24"), ip_network("2001:db8:1::/56")]) == 4
    assert there(tracked) == {("127.0.2.1", "127.0.2.2"), ("2001:db8:2::1", "2001:db8:3::1")}
    assert there(forget, [ip_network("127.0.1.0/24")]) == 0


def test_the_kernel_walks_its_table_once_for_both_families(
    there: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    dump = Netlink.dump

    def noted(link: Netlink, request: bytes) -> Iterator[bytes]:
        asked.append(request)
        return dump(link, request)

    monkeypatch.setattr(Netlink, "dump", noted)
    there(send, "127.0.1.1", "127.0.2.1")
    there(send, "2001:db8:1::1", "2001:db8:2::1")

    assert there(forget, [ip_network("127.0.1.0/24"), ip_network("2001:db8:1::/56")]) == 2
    assert len(asked) == 1


def test_one_address_is_no_other(there: Callable[..., Any]) -> None:
    there(send, "127.0.1.1", "127.0.2.1")
    there(send, "127.0.1.17", "127.0.2.1")

    assert there(forget, [ip_network("127.0.1.1"), ip_network("127.0.1.16/32")]) == 1
    assert there(tracked) == {("127.0.1.17", "127.0.2.1")}


def test_prefixes_of_any_length_are_found(there: Callable[..., Any]) -> None:
    for last in range(1, 21):
        there(send, f"127.0.3.{last}", "127.0.2.1")

    assert there(forget, [ip_network("127.0.3.4/30"), ip_network("127.0.3.16/31"), ip_network("127.0.3.19/32")]) == 7
    left = {pair[0] for pair in there(tracked)}
    assert left == {f"127.0.3.{last}" for last in (1, 2, 3, *range(8, 16), 18, 20)}


def test_of_many_prefixes_each_is_found_in_the_one_pass(there: Callable[..., Any]) -> None:
    for last in range(1, 201):
        there(send, f"127.0.4.{last}", "127.0.2.1")

    assert there(forget, [ip_network(f"127.0.4.{last}") for last in range(2, 201, 2)]) == 100
    assert {int(pair[0].rpartition(".")[2]) for pair in there(tracked)} == set(range(1, 201, 2))


def test_an_address_that_only_the_answers_have_counts(there: Callable[..., Any]) -> None:
    there(send, "127.0.1.1", "127.0.0.9")  # answered to 127.0.99.99
    there(send, "127.0.1.1", "127.0.77.77")  # answered from 127.0.0.8
    there(send, "127.0.1.1", "127.0.0.7")

    assert there(forget, [ip_network("127.0.99.99")]) == 1
    assert there(forget, [ip_network("127.0.0.8")]) == 1
    assert there(tracked) == {("127.0.1.1", "127.0.0.7")}


def test_queries_that_were_redirected_are_forgotten_by_their_port_and_no_others(there: Callable[..., Any]) -> None:
    for port in (53, 54, 5300, 53):
        there(send, "127.0.1.1", "127.0.2.1", port)
    there(send, "127.0.1.1", "127.0.2.1")

    assert there(forget_redirected, 5301) == 0
    assert there(forget_redirected, 5300) == 2
    assert there(forget_redirected, 5300) == 0
    assert "dport=53 " not in there(listed)
    assert "dport=54 " in there(listed)
    assert there(tracked) == {("127.0.1.1", "127.0.2.1")}


def test_a_connection_of_another_zone_is_forgotten_too(there: Callable[..., Any]) -> None:
    there(send, "127.0.1.1", "127.0.0.50")
    there(send, "127.0.1.1", "127.0.0.51")
    assert "zone=5" in there(listed)

    assert there(forget, [ip_network("127.0.0.50")]) == 1
    assert there(tracked) == {("127.0.1.1", "127.0.0.51")}


def test_thousands_are_forgotten(there: Callable[..., Any]) -> None:
    there(_send_thousands)
    before = there(n_tracked)

    assert there(forget, [ip_network("127.1.0.0/16")]) == 5000
    assert there(n_tracked) == before - 5000


def _send_thousands() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.5.1", 0))
        for number in range(5000):
            one.sendto(b"x", (f"127.1.{number >> 8}.{number & 255}", 9))


def test_nobody_is_nothing(there: Callable[..., Any]) -> None:
    assert there(forget, []) == 0


def test_what_the_kernel_refuses_is_told(monkeypatch: pytest.MonkeyPatch, there: Callable[..., Any]) -> None:
    def refuse(link: Netlink, request: bytes) -> Iterator[bytes]:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(Netlink, "dump", refuse)

    with pytest.raises(RuntimeError, match=r"^conntrack: no memory; .* stay tracked, but stay locked; run 'filterd"):
        there(forget, [ip_network("127.0.1.1")])


def entry(*tuples: tuple[int, str, str]) -> bytes:
    """A connection as the kernel tells it, over UDP.   tuples: (type, source, destination)."""
    told = b""
    for kind, source, destination in tuples:
        addresses = attribute(1, IPv4Address(source).packed) + attribute(2, IPv4Address(destination).packed)
        protocol = attribute(2 | NESTED, attribute(1, b"\x11"))
        told += attribute(kind | NESTED, attribute(1 | NESTED, addresses) + protocol)
    return message(1 << 8, 0, 1, 2, told + attribute(12, b"\0\0\0\7"))


WHOLE = entry((1, "127.0.1.1", "127.0.2.1"), (2, "127.0.2.1", "127.0.1.1"))


@given(st.binary(max_size=300), st.integers(0, 200))
def test_no_octets_make_more_of_it_than_another_form(octets: bytes, at: int) -> None:
    for version in (4, 6):
        ours = conntrack._Ours(version, {0: bytes(4 if version == 4 else 16)})
        with contextlib.suppress(OSError):
            for deletion in conntrack._deletions(WHOLE[:at] + octets, version, ours):
                assert len(deletion) <= len(WHOLE) + len(octets)


@pytest.mark.parametrize(
    "strange",
    [
        entry((2, "127.0.1.1", "127.0.2.1")),
        message(1 << 8, 0, 1, 2, bytes(60) + IPv4Address("127.0.1.1").packed * 10),
        *(WHOLE[:cut] for cut in range(40, len(WHOLE))),
        *(WHOLE + WHOLE[:cut] for cut in range(1, len(WHOLE))),
        *(WHOLE[:at] + bytes([WHOLE[at] + 1]) + WHOLE[at + 1 :] for at in (24, 26, 28, 30)),
        b"\0\0\0\0" + WHOLE[4:],
    ],
)
def test_another_form_of_the_kernels_is_told_and_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, there: Callable[..., Any], strange: bytes
) -> None:
    deleted: list[bytes] = []
    monkeypatch.setattr(Netlink, "dump", lambda link, request: iter([strange]))
    monkeypatch.setattr(Netlink, "send", keeping(deleted))

    with pytest.raises(RuntimeError, match=r"the kernel sent a .*(in an unknown format|truncated connection)"):
        there(forget, [ip_network("127.0.1.1")])
    assert deleted == []


def test_what_names_a_connection_is_its_tuple_and_its_number(
    monkeypatch: pytest.MonkeyPatch, there: Callable[..., Any]
) -> None:
    deleted: list[bytes] = []
    monkeypatch.setattr(Netlink, "dump", lambda link, request: iter([WHOLE + WHOLE]))
    monkeypatch.setattr(Netlink, "send", keeping(deleted))

    assert there(forget, [ip_network("127.0.1.1")]) == 2
    [sent] = deleted
    kinds = [[kind for kind, _, _ in attributes(sent, each.at + 20, each.end)] for each in split(sent)]
    assert kinds == [[1, 12], [1, 12]]

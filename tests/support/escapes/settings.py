"""What an operator, a client or time changes around the gateway, for as long as a row lasts."""

from collections.abc import Iterator
from contextlib import contextmanager

from support.gate.detour import LINK

from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab

SECOND = ("198.51.100.3", "2001:db8:1::3")  # the child's, for a second subflow
CROWD = "2001:db8:1::/56"  # the child's, as a provider delegates it
NOTRACK = "table inet operator { chain untracked { type filter hook prerouting priority raw; \
tcp dport 443 notrack; tcp sport 443 notrack; }; }"
SHORT_S = 1
ESTABLISHED = "net.netfilter.nf_conntrack_tcp_timeout_established"


@contextmanager
def untracked(lab: Lab) -> Iterator[None]:
    """An operator's rules: nothing of TLS is tracked."""
    _must(lab, "gateway", "nft", NOTRACK)
    try:
        yield
    finally:
        _must(lab, "gateway", "nft", "delete table inet operator")


@contextmanager
def forgetful(lab: Lab) -> Iterator[None]:
    """The gateway's kernel forgets a connection that is silent for a second."""
    before = lab.run("gateway", ["sysctl", "-n", ESTABLISHED]).stdout.strip()
    _must(lab, "gateway", "sysctl", "-qw", f"{ESTABLISHED}={SHORT_S}")
    _must(lab, "gateway", "conntrack", "-F")  # what was there keeps the time that it was given
    try:
        yield
    finally:
        _must(lab, "gateway", "sysctl", "-qw", f"{ESTABLISHED}={before}")


def await_forgotten(lab: Lab) -> None:
    """Wait until the gateway's kernel knows no established connection."""
    argv = ["conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED"]
    wait_until(
        lambda: not any(lab.run("gateway", [*argv, "-f", family]).stdout for family in ("ipv4", "ipv6")),
        "silence",
    )


@contextmanager
def multipath(lab: Lab) -> Iterator[None]:
    """Both ends of Multipath TCP, and a second address of the child."""
    for node in ("child", "internet"):
        _must(lab, node, "ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "2")
    for first, second in zip((lab.addresses.child4, lab.addresses.child6), SECOND, strict=True):
        length = ("/64", "nodad") if ":" in second else ("/28",)
        _must(lab, "child", "ip", "address", "add", second + length[0], "dev", "gateway", *length[1:])
        _must(lab, "child", "ip", "mptcp", "endpoint", "add", first, "dev", "gateway", "subflow")
        _must(lab, "child", "ip", "mptcp", "endpoint", "add", second, "dev", "gateway", "subflow")
    try:
        yield
    finally:
        _must(lab, "child", "ip", "mptcp", "endpoint", "flush")
        for second in SECOND:
            _must(lab, "child", "ip", "address", "del", second + ("/64" if ":" in second else "/28"), "dev", "gateway")


@contextmanager
def stateless(lab: Lab) -> Iterator[None]:
    """Servers keep nothing of a SYN: each is answered by a SYN cookie."""
    _must(lab, "internet", "sysctl", "-qw", "net.ipv4.tcp_syncookies=2")
    try:
        yield
    finally:
        _must(lab, "internet", "sysctl", "-qw", "net.ipv4.tcp_syncookies=1")


@contextmanager
def delegated(lab: Lab) -> Iterator[None]:
    """All of the child's prefix leads to it, on both ways."""
    child6 = lab.addresses.child6
    _must(lab, "gateway", "ip", "route", "add", CROWD, "via", child6, "dev", "child")
    detour = lab.run("internet", ["ip", "link", "show", LINK]).returncode == 0
    if detour:
        _must(lab, "internet", "ip", "route", "add", CROWD, "via", child6, "dev", LINK, "onlink")
    try:
        yield
    finally:
        _must(lab, "gateway", "ip", "route", "del", CROWD)
        if detour:
            _must(lab, "internet", "ip", "route", "del", CROWD)


def _must(lab: Lab, node: str, *argv: str) -> None:
    done = lab.run(node, argv)
    assert done.returncode == 0, done.stderr

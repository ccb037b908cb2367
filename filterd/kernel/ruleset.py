"""The nft table `inet filterd` as text: the rules of the gate, the locks and the DNS redirection.

    forward -160  locked? → reject · judged (MARK_VERDICT | state)? → state to the ct mark, packet accepted or dropped
                  SYN, SYN/ACK → its connection is judged anew · flow decided? → accept, reject
                  such SYN/ACKs, client's payload, QUIC's long headers, new flows to a suspect
                  → meta mark MARK_QUEUED | state, NFQUEUE
    prerouting    (nat) subscribers' DNS to any resolver → this box, at a port of its own
    prerouting -300, output -300   queries to this box, and their answers: not tracked
                  where routing is asymmetric, connections to the gate's ports: not tracked, each payload → NFQUEUE

Invariants: forwarded packets pass one hook; the gate's verdict is NF_REPEAT, so a judged packet enters that hook again.
A second hook would cost every packet 0.1 µs (Linux 6.18).  Locks are checked first, in every state of a connection, and
only while there are any.  The chains `queueing` and `queueing_quic` drop until their real rules are in them, so no
packet passes unjudged.  Pieces of one QUIC stream may come from any address and port: all go to the first queue.
The states of a connection follow each other by MARK_TABLE alone: every rule that sets one is made from it.
Which end is the client's is told by the port, never by conntrack's direction: whoever writes the first packet of an
entry chooses that.  What a server's packet changes is believed only from the interface that leads to its source (fib,
with the packet's mark, as routes may be chosen by it).
Eight bits of marks are ours (Rules.mark_shift): all others are kept by every rule and verdict, and decide nothing.  A
rule cannot combine two marks before Linux 6.13, so a state goes from one to the other by a map to chains.
Source: nft(8), linux/netfilter.h; the marks: fastpath/gate/state.pxd.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from fastpath.gate.marks import (
    MARK_ASK,
    MARK_ASKED,
    MARK_BITS,
    MARK_DROPPED,
    MARK_QUEUED,
    MARK_REPLY,
    MARK_SHIFT,
    MARK_STATE,
    MARK_SYN,
    MARK_UNTRACKED,
    MARK_VERDICT,
    FlowState,
)
from fastpath.wire.quic import VERSIONS
from filterd.config import Config
from filterd.kernel.intervals import Network
from filterd.kernel.mark_table import MARK_TABLE, VERDICTS, Event, Fate, changes, with_fate
from filterd.kernel.nft_rules import NftChain

TABLE = "inet filterd"
QUEUEING = NftChain("filterd", "queueing")  # these hold the rules that nft(8) cannot write
QUEUEING_QUIC = NftChain("filterd", "queueing_quic")
ALL_BITS = 0xFFFFFFFF  # of a mark
# The longest ICMP error (RFC 1812 §4.3.2.3, RFC 4443 §2.4): what causes one is at least as long.  QUIC's Initials are,
# in IPv6 those of browsers.
ERROR_OCTETS4, ERROR_OCTETS6 = 576, 1280
HEADER_OCTETS6 = 40  # not in IPv6's length

# What the rules read and write of a mark, before its shift: fastpath.gate.marks says what each state and bit means.
_BITS = {
    **{state.name: state.value for state in FlowState},
    "DROPPED": MARK_DROPPED,
    "STATE": MARK_STATE,
    "VERDICT": MARK_VERDICT,
    "QUEUED": MARK_QUEUED,
    "UNTRACKED": MARK_QUEUED | MARK_UNTRACKED,
    "SYN": MARK_SYN,
    "REPLY": MARK_QUEUED | MARK_REPLY,
    "REPLY_ALONE": MARK_REPLY,
    "ASK": MARK_ASK,
    "ASKED": MARK_ASKED,
    "NO_ANSWER": MARK_BITS ^ MARK_STATE ^ MARK_ASK,
}
_RULESET = """\
table inet filterd
delete table inet filterd
table inet filterd {
  set gate_ports { type inet_service; flags constant; %(gate_ports)s }
  set quic_ports { type inet_service; flags constant; %(quic_ports)s }
  set locked4 { type ipv4_addr; flags interval; auto-merge; %(locked4)s }
  set locked6 { type ipv6_addr; flags interval; auto-merge; %(locked6)s }
  set locked4_32 { type ipv4_addr; comment "hash sets: they change fast, and interval sets do not"; }
  set locked6_56 { type ipv6_addr; }
  set locked6_64 { type ipv6_addr; }
  set subscribers4 { type ipv4_addr; flags interval; auto-merge; %(subscribers4)s }
  set subscribers6 { type ipv6_addr; flags interval; auto-merge; %(subscribers6)s }
  set resolvers4 { type ipv4_addr; flags interval; auto-merge; %(resolvers4)s }
  set resolvers6 { type ipv6_addr; flags interval; auto-merge; %(resolvers6)s }
  set suspects4 { type ipv4_addr; flags interval; auto-merge; }
  set suspects6 { type ipv6_addr; flags interval; auto-merge; }
  set suspects4_32 { type ipv4_addr; }
  set suspects6_128 { type ipv6_addr; }
  set open4 { type ipv4_addr; flags interval; auto-merge; %(open4)s }
  set open6 { type ipv6_addr; flags interval; auto-merge; %(open6)s }
  counter n_queued { comment "packets for the gate"; }
  counter n_judged { comment "those with its verdict"; }
  counter n_unproven { comment "packets in a server's name, from an interface that does not lead to it"; }

  chain short {
    ip length < %(least4)d drop comment "an error repeats its cause: else more would go back than came"
    ip6 length < %(least6)d drop
  }
  chain refused {
    jump short
    reject with icmpx port-unreachable
  }
  chain locked_from {
    meta l4proto tcp reject with tcp reset
    jump short
    reject with icmpx admin-prohibited
  }
  chain locked_to {
    meta l4proto tcp reject with tcp reset comment "else the server's connection stays open"
    drop
  }
  chain blocked {
    meta l4proto tcp reject with tcp reset
%(quic_reject)s    drop
  }
  chain answered {
    ct direction reply meta l4proto tcp reject with tcp reset
    tcp flags & fin == fin reject with tcp reset
    drop
  }
  chain queueing { %(until_queued)s comment "until what nft cannot write takes its place: it is sent again"; }
  chain queueing_quic { %(until_queued)s comment "as queueing"; }
  chain to_queue {
    counter name n_queued
    goto queueing
  }
  chain to_quic_queue {
    counter name n_queued
    goto queueing_quic
  }
%(noting)s  chain note {
    meta mark set meta mark & %(KEPT)s | %(QUEUED)s
    ct mark & %(STATE)s vmap { %(notes)s }
  }
  chain noted {
    jump note
    goto to_queue
  }
  chain to_gate {
    @ih,0,8 >= 0 goto noted comment "only packets with payload have @ih"
    tcp flags & fin == fin goto noted comment "some servers take what has come for a whole head"
  }
  chain to_gate_untracked { meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_queue; }
  chain to_suspect {
    tcp flags & syn == syn @ih,0,8 >= 0 drop comment "as opening_judged"
    ct state untracked goto to_gate_untracked
    jump note
    meta l4proto udp goto to_quic_queue
    goto to_queue
  }
  chain suspects {
    ip daddr @suspects4_32 goto to_suspect
    ip daddr @suspects4 goto to_suspect
    ip6 daddr @suspects6_128 goto to_suspect
    ip6 daddr @suspects6 goto to_suspect
  }
  chain opening {
    tcp dport @gate_ports goto opening_judged
    tcp sport @gate_ports goto opening_judged
  }
  chain opening_judged {
    @ih,0,8 >= 0 drop comment "a client without an answer repeats its SYN without payload"
%(invalid)s    reset tcp option mptcp comment "a stream over several connections is read in none of them (RFC 8684)"
    reset tcp option fastopen
%(proven)s    tcp flags & ack == ack goto opening_server
    tcp dport != @gate_ports drop comment "two clients: no server opens like this"
    ct direction reply drop
    ct mark & %(STATE)s != %(UNDECIDED)s ct mark set ct mark | %(SYN)s
    jump suspects
    ct state untracked meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_queue
    accept
  }
  chain opening_server {
    tcp sport != @gate_ports drop comment "a client answers no SYN"
    ct direction original drop
    ct mark & %(STATE)s == %(UNDECIDED)s goto begun
    ct mark & %(SYN)s == %(SYN)s goto begun
    accept
  }
  chain begun {
    ct mark set ct mark & %(KEPT)s
    meta mark set meta mark & %(KEPT)s | %(REPLY)s goto to_queue comment "the gate keeps the client's ISN"
  }
  chain from_client {
    ct state untracked @ih,0,8 >= 0 goto to_gate_untracked
    ct state untracked tcp flags & fin == fin goto to_gate_untracked
    ct mark & %(STATE)s { %(to_gate)s } goto to_gate
  }
  chain long_headers {
    udp dport @quic_ports goto to_quic_gate
    udp sport @quic_ports ct direction reply accept
    @th,72,32 { %(quic_versions)s } goto long_headers_elsewhere
  }
  chain long_headers_elsewhere {
    ct state untracked meta mark set meta mark & %(KEPT)s | %(UNTRACKED)s goto to_quic_queue
    jump note
%(quic_unproven)s    ct direction reply meta mark set meta mark | %(REPLY_ALONE)s
    goto to_quic_queue
  }
  chain to_quic_gate {
    jump note
    goto to_quic_queue
  }
  chain from_server {
    ct mark & %(STATE)s { %(to_spoken)s } @ih,0,8 >= 0 jump speaking
    ct mark & %(ASKED)s == %(ASKED)s goto asked
  }
  chain speaking {
%(proven)s%(speaking)s  }
  chain asked {
%(proven)s    meta mark set meta mark & %(KEPT)s | %(REPLY)s goto to_queue
  }
  chain locks4 {
    ip saddr @locked4_32 ip daddr != @open4 goto locked_from
    ip daddr @locked4_32 ip saddr != @open4 goto locked_to
  }
  chain locks4_wide {
    ip saddr @locked4 ip daddr != @open4 goto locked_from
    ip daddr @locked4 ip saddr != @open4 goto locked_to
    goto locks4
  }
  chain locks6 {
    ip6 saddr & ffff:ffff:ffff:ff00:: @locked6_56 ip6 daddr != @open6 goto locked_from
    ip6 saddr & ffff:ffff:ffff:ffff:: @locked6_64 ip6 daddr != @open6 goto locked_from
    ip6 daddr & ffff:ffff:ffff:ff00:: @locked6_56 ip6 saddr != @open6 goto locked_to
    ip6 daddr & ffff:ffff:ffff:ffff:: @locked6_64 ip6 saddr != @open6 goto locked_to
  }
  chain locks6_wide {
    ip6 saddr @locked6 ip6 daddr != @open6 goto locked_from
    ip6 daddr @locked6 ip6 saddr != @open6 goto locked_to
    goto locks6
  }
  chain locking { %(locking)s}
  chain before {
    type filter hook forward priority -160; policy accept;
    jump locking
%(refused_udp)s    meta mark & %(NO_ANSWER)s == %(VERDICT)s goto judged \
comment "set by the gate alone"
    tcp flags & syn == syn jump opening
    ct mark & %(STATE)s == %(RELEASED)s accept comment "nearly every packet; an invalid one has no ct mark"
%(dot)s%(invalid)s    ct mark & %(STATE)s vmap { %(BLOCKED)s : goto blocked, %(ANSWERED)s : goto answered }
%(suspects)s%(quic)s    tcp dport @gate_ports goto from_client comment "between two such ports, either end"
    tcp sport @gate_ports goto from_server
  }

%(keeping)s  chain judged {
    counter name n_judged
    meta mark & %(ASK)s == %(ASK)s ct mark set ct mark | %(ASKED)s
    meta mark & %(ASK)s == 0 ct mark & %(ASKED)s == %(ASKED)s ct mark set ct mark & %(NOT_ASKED)s
    meta mark & %(STATE)s vmap {
      %(RELEASED)s : goto keep_released, %(BLOCKED)s : goto keep_blocked, %(ALLOWED)s : goto keep_allowed,
      %(ALLOWED_SPOKEN)s : goto keep_allowed, %(OPENED)s : goto keep_opened,
      %(PARTIAL)s : goto keep_partial, %(PARTIAL_AGAIN)s : goto keep_partial, %(PARTIAL_SPOKEN)s : goto keep_partial,
      %(ANSWERED)s : goto keep_answered, %(DROPPED)s : drop
    }
    meta mark set meta mark & %(KEPT)s
  }
%(dns)s%(untracked)s%(asymmetric)s}
"""
# Which way answers come is not known where routing is asymmetric.
_PROVEN = """\
    fib saddr . mark . iif oif missing counter name n_unproven drop
"""
_INVALID = """\
    ct state invalid drop
"""
_REFUSED_UDP = """\
    udp dport { %(ports)s } goto refused comment "QUIC: its client goes on over TCP at once"
"""
# Long headers alone (their first bit is set, RFC 8999 §5.1): a handful of each connection.  At any port where the
# version is one that the gate reads (E55), in both directions: whoever writes the first packet of an entry chooses
# which is the client's.  Where routing is asymmetric a server's Initial may come alone: nothing proves it to be one.
_QUIC = """\
    meta l4proto udp @th,64,8 & 0x80 == 0x80 ct mark & %(STATE)s { %(UNDECIDED)s, %(PARTIAL)s } goto long_headers
    meta l4proto udp @th,64,8 & 0x80 == 0x80 ct state untracked goto long_headers
"""
# At any port, until an answer comes: there is none where the gate blocks.
_SUSPECTS = """\
    ct state new ct direction original meta l4proto { tcp, udp } jump suspects
"""
# What conntrack says of a packet proves nothing then, but its state is its connection's.
_QUIC_UNPROVEN = """\
    meta mark set meta mark | %(UNTRACKED)s
"""
# The states that a packet's mark tells the gate; without one it is UNDECIDED.
_NOTED = [state for state in with_fate(Event.CLIENT, Fate.QUEUE) if state is not FlowState.UNDECIDED]
_NOTING = """\
  chain note_%(name)s { meta mark set meta mark | %(bits)s; }
"""
_QUIC_REJECT = """\
    jump short
    meta l4proto udp reject with icmpx admin-prohibited
"""
# A phone that is refused DNS over TLS falls back to plain DNS, which is redirected (RFC 7858 §4.1, RFC 9250 §5.1).
_DOT = """\
    tcp dport 853 ip saddr @subscribers4 ip saddr != @resolvers4 reject with tcp reset
    tcp dport 853 ip6 saddr @subscribers6 ip6 saddr != @resolvers6 reject with tcp reset
    udp dport 853 ip saddr @subscribers4 ip saddr != @resolvers4 goto refused
    udp dport 853 ip6 saddr @subscribers6 ip6 saddr != @resolvers6 goto refused
"""
_UNTRACKED = """
  set untracked { type inet_service; %(ports)s }
  chain untracked_queries {
    type filter hook prerouting priority raw; policy accept;
    udp dport @untracked fib daddr type local notrack
  }
  chain untracked_answers {
    type filter hook output priority raw; policy accept;
    udp sport @untracked fib saddr type local notrack
  }
"""
# Conntrack takes half a connection for invalid.  Connections to this box stay tracked: redirection needs it.
_ASYMMETRIC = """
  chain untracked_streams {
    type filter hook prerouting priority raw; policy accept;
    tcp dport @gate_ports fib daddr type != local notrack
    tcp sport @gate_ports fib daddr type != local notrack
  }
"""
_DNS = """
  chain to_resolver {
    meta l4proto { tcp, udp } redirect to :%(port)d
  }
  chain foreign_dns {
    fib daddr type local accept
    ip saddr @subscribers4 ip saddr != @resolvers4 goto to_resolver
    ip6 saddr @subscribers6 ip6 saddr != @resolvers6 goto to_resolver
  }
  chain dns {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp } th dport 53 goto foreign_dns
  }
"""
# Deletes what needs a resolver of ours, for a box that is stopped and keeps its gate shut.  Each part is added first,
# so that its deletion succeeds where it is not there.
_NO_RESOLVER_CHAIN = """\
add chain inet filterd %(name)s
flush chain inet filterd %(name)s
delete chain inet filterd %(name)s
"""
WITHOUT_RESOLVER = (
    "".join(
        _NO_RESOLVER_CHAIN % {"name": name} for name in ("dns", "to_resolver", "untracked_queries", "untracked_answers")
    )
    + """\
add set inet filterd untracked { type inet_service; }
delete set inet filterd untracked
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Parameters of the ruleset.   dns_port None: foreign DNS is not redirected;  n_queues 0: no gate.

    ports             TCP ports that the gate inspects
    quic_ports        UDP ports whose long headers the gate inspects; those of known versions it inspects at any port
    is_quic_rejected  a blocked QUIC flow gets an ICMP error
    refused_udp       UDP ports to which nothing is forwarded
    untracked         UDP ports of this box with so many queries that conntrack's table would fill up;
                      never dns_port: NAT of redirected queries needs the conntrack entry
    subscribers       whose DNS comes here, whether they are provisioned or not
    resolvers         of them: whose DNS goes out as it is, so that their recursion, which we ask, does not come back
    is_dot_refused    subscribers reach no other resolver over TLS or QUIC
    is_asymmetric     answers may take another path: connections to `ports` are not tracked
    mark_shift        where the eight bits of marks that are ours begin"""

    ports: tuple[int, ...] = ()
    quic_ports: tuple[int, ...] = ()
    is_quic_rejected: bool = False
    refused_udp: tuple[int, ...] = ()
    first_queue: int = 0
    n_queues: int = 0
    is_open_when_dead: bool = True
    is_asymmetric: bool = False
    always_open: tuple[Network, ...] = ()
    subscribers: tuple[Network, ...] = ()
    resolvers: tuple[Network, ...] = ()
    dns_port: int | None = None
    untracked: tuple[int, ...] = ()
    is_dot_refused: bool = False
    mark_shift: int = MARK_SHIFT


def rules_of_config(config: Config) -> Rules:
    """The rules that the configuration asks for.   Lines outside of /dns/clients are added by set_subscribers()."""
    gate, splash = config.gate, config.splash
    n_queues = gate.workers if gate.mode == "inline" else 0
    dns_port = config.dns.redirect_port if config.dns.redirect_foreign and config.dns.workers else None
    asked = {each.port for each in config.dns.listen} if config.dns.workers else set()
    resolvers = [*(upstream.host for upstream in config.dns.upstreams), *config.dns.redirect_except]
    places = [place for place in (splash.address4, splash.address6) if place] + list(config.help_corridor.addresses)
    return Rules(
        ports=tuple(sorted({*gate.tls_ports, *gate.http_ports})) if n_queues else (),
        quic_ports=gate.tls_ports if n_queues and gate.quic == "judge" else (),
        is_quic_rejected=gate.quic_reject,
        refused_udp=gate.tls_ports if n_queues and gate.quic == "refuse" else (),
        first_queue=gate.first_queue,
        n_queues=n_queues,
        is_open_when_dead=gate.when_dead == "open",
        is_asymmetric=n_queues > 0 and gate.routing == "asymmetric",
        always_open=_networks(places),
        subscribers=_networks(config.dns.clients),
        resolvers=_networks(resolvers),
        dns_port=dns_port,
        untracked=tuple(sorted(asked - {dns_port})),
        is_dot_refused=config.dns.refuse_foreign_dot and config.dns.workers > 0,
        mark_shift=gate.mark_mask.shift,
    )


def ruleset(rules: Rules, locked: Iterable[Network] = ()) -> str:
    """The text for `nft -f`: the table, and the deletion of its predecessor."""
    locked = tuple(locked)
    dns = _DNS % {"port": rules.dns_port} if rules.dns_port is not None else ""
    marks = _marks(rules.mark_shift)
    return _RULESET % {
        **marks,
        "least4": ERROR_OCTETS4,
        "least6": ERROR_OCTETS6 - HEADER_OCTETS6,
        "gate_ports": _elements(rules.ports),
        "quic_ports": _elements(rules.quic_ports),
        "quic_versions": ", ".join(f"0x{version:08x}" for version in VERSIONS),
        "quic_unproven": _QUIC_UNPROVEN % marks if rules.is_asymmetric else "",
        "proven": "" if rules.is_asymmetric else _PROVEN,
        "to_gate": _states(with_fate(Event.CLIENT, Fate.QUEUE), marks),
        "noting": "".join(
            _NOTING % {**marks, "name": state.name.lower(), "bits": marks[state.name]} for state in _NOTED
        ),
        "notes": ", ".join(f"{marks[state.name]} : goto note_{state.name.lower()}" for state in _NOTED),
        "to_spoken": _states((state for _, before in changes(Event.SERVER) for state in before), marks),
        "speaking": _settings(Event.SERVER, marks, ""),
        "keeping": _keeping(marks),
        "invalid": "" if rules.is_asymmetric else _INVALID,
        "asymmetric": _ASYMMETRIC if rules.is_asymmetric else "",
        "suspects": _SUSPECTS if rules.n_queues else "",
        "until_queued": "drop" if rules.n_queues else "accept",
        "quic": _QUIC % marks if rules.quic_ports else "",
        "quic_reject": _QUIC_REJECT if rules.is_quic_rejected else "",
        "refused_udp": _REFUSED_UDP % {"ports": _listed(rules.refused_udp)} if rules.refused_udp else "",
        "locked4": _elements(_of_version(4, locked)),
        "locked6": _elements(_of_version(6, locked)),
        "locking": "".join(f"meta nfproto ipv{version} goto locks{version}_wide; " for version in _versions(locked)),
        "subscribers4": _elements(_of_version(4, rules.subscribers)),
        "subscribers6": _elements(_of_version(6, rules.subscribers)),
        "resolvers4": _elements(_of_version(4, rules.resolvers)),
        "resolvers6": _elements(_of_version(6, rules.resolvers)),
        "open4": _elements(_of_version(4, rules.always_open)),
        "open6": _elements(_of_version(6, rules.always_open)),
        "dot": _DOT if rules.is_dot_refused else "",
        "dns": dns,
        "untracked": _UNTRACKED % {"ports": _elements(rules.untracked)} if rules.untracked else "",
    }


# ----------------------------------------------------------------------------------------------------------------------


_ENDS = {"blocked": "goto blocked", "answered": "drop"}  # of a packet whose verdict is no pass


def _marks(shift: int) -> dict[str, str]:
    """What the rules read and write of a mark."""
    moved = {name: bits << shift for name, bits in _BITS.items()}
    kept = {"KEPT": ALL_BITS ^ MARK_BITS << shift, "NOT_ASKED": ALL_BITS ^ moved["ASKED"]}
    return {name: f"{bits:#x}" for name, bits in (moved | kept).items()}


def _keeping(marks: Mapping[str, str]) -> str:
    """A chain for each verdict: what it makes of the connection's mark, and of the packet."""
    chains = ""
    for event in VERDICTS:
        name = event.name.lower()
        end = f"    {_ENDS[name]}\n" if name in _ENDS else ""
        cleared = f"    meta mark set meta mark & {marks['KEPT']}\n"
        chains += f"  chain keep_{name} {{\n{cleared}{_settings(event, marks)}{end}  }}\n"
    return chains


def _settings(event: Event, marks: Mapping[str, str], end: str = " accept") -> str:
    """The rules that set a connection's next state.   end: what then becomes of a packet that is forwarded"""
    state = int(marks["STATE"], 16)
    return "".join(
        f"    ct mark & {state:#x} {{ {_states(before, marks)} }} "
        f"ct mark set ct mark & {ALL_BITS ^ state:#x} | {marks[following.name]}"
        f"{end if MARK_TABLE[before[0], event].fate is Fate.FORWARD else ''}\n"
        for following, before in changes(event)
    )


def _states(states: Iterable[FlowState], marks: Mapping[str, str]) -> str:
    return _listed(marks[state.name] for state in states)


def _elements(elements: Iterable[object]) -> str:
    text = _listed(elements)
    return f"elements = {{ {text} }};" if text else ""


def _listed(elements: Iterable[object]) -> str:
    return ", ".join(str(element) for element in elements)


def _of_version(version: int, networks: Iterable[Network]) -> list[Network]:
    return [network for network in networks if network.version == version]


def _versions(networks: Iterable[Network]) -> list[int]:
    return sorted({network.version for network in networks})


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(IPv6Network(text) if ":" in text else IPv4Network(text) for text in texts)

"""The nft table `inet filterd` as text: the rules of the gate, the locks and the DNS redirection.

    forward -160  locked? → reject · judged (MARK_VERDICT | state)? → state to the ct mark, packet accepted or dropped
                  SYN, SYN/ACK → its connection is judged again · flow decided? → accept, reject
                  such SYN/ACKs, client's payload, QUIC's long headers, new flows to a suspect
                  → meta mark MARK_QUEUED | state, NFQUEUE
    prerouting    (nat) subscribers' DNS to any resolver → this box, at a port of its own
    prerouting -300, output -300   queries to this box, and their answers: not tracked
                  where routing is asymmetric, at the gate's ports: SYNs, RSTs and what servers send: not tracked;
                  each payload of a client → NFQUEUE

Invariants: forwarded packets pass one hook; the gate's verdict is NF_REPEAT, so a judged packet enters that hook again.
A second hook would cost every packet 0.1 µs (Linux 6.18).  Locks are checked first, in every state of a connection, and
only while there are any.  The chains `queueing` and `queueing_quic` drop until their real rules are in them, so no
packet passes unjudged; those of EMBEDDED and EMBEDDED_SOURCES are filled before any set of suspects is.  Pieces of one
QUIC stream may come from any address and port: all go to the first queue.
The states of a connection follow each other by MARK_TABLE alone: every rule that sets one is made from it.
Which end is the client's is known by the port, never by conntrack's direction: anyone who writes the first packet of an
entry chooses that.  What a server's packet changes is believed only from the interface that leads to its source (fib,
with the packet's mark, as routes may be chosen by it).
Eight bits of marks are ours (Rules.mark_shift): all others are kept by every rule and verdict, and decide nothing.  A
rule cannot combine two marks before Linux 6.13, so a state goes from one to the other by a map to chains.
Source: nft(8), linux/netfilter.h; the marks: fastpath/gate/state.pxd.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from dns.base.endpoints import Endpoint
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
from filterd.kernel.nft_elements import NftSet
from filterd.kernel.nft_rules import NftChain, goto, held
from filterd.kernel.ruleset_text import (
    ASYMMETRIC,
    DNS,
    DOT,
    EMBEDDED_CHAIN,
    HALF,
    INVALID,
    LABELS,
    MOVES,
    NO_RESOLVER_CHAIN,
    NOTING,
    PROVEN,
    QUIC,
    QUIC_REJECT,
    QUIC_UNPROVEN,
    REFUSED_UDP,
    RULESET,
    SUSPECTS,
    TO_EMBEDDED,
    UNTRACKED,
)

TABLE = "inet filterd"
# An empty chain, there once all rules are, until a stop takes a part of them away.
WHOLE_CHAIN = "whole"
QUEUEING = NftChain("filterd", "queueing")  # these hold the rules that nft(8) cannot write
QUEUEING_QUIC = NftChain("filterd", "queueing_quic")
# The prefixes of IPv6 that the gate reads an IPv4 address behind, by their length: as fastpath.wire.address has them.
EMBEDDING = {96: ("::ffff:0:0/96", "64:ff9b::/96"), 16: ("2002::/16",)}
EMBEDDED = {length: NftChain("filterd", f"suspects_behind_{length}") for length in EMBEDDING}
EMBEDDED_SOURCES = {length: NftChain("filterd", f"suspect_sources_behind_{length}") for length in EMBEDDING}
ALL_BITS = 0xFFFFFFFF  # of a mark
# The longest ICMP error (RFC 1812 §4.3.2.3, RFC 4443 §2.4): what causes one is at least as long.  QUIC's Initials are,
# in IPv6 those of browsers.
ERROR_OCTETS4, ERROR_OCTETS6 = 576, 1280
WEB_PORTS = (80, 443)  # of help sites, where no gate reads names
HEADER_OCTETS6 = 40  # not in IPv6's length
SOURCE_AT6, DESTINATION_AT6 = 8, 24  # in its header
SEVERAL_OCTETS = 20 + 8 + 2 * 1200  # of IPv4 and UDP, and two datagrams with an Initial each (RFC 9000 §14.1)
LOOKED_AT = 100  # SYNs whose way out is looked up, at most, a second: enough to tell that servers are where clients are

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
_NOTED = [state for state in with_fate(Event.CLIENT, Fate.QUEUE) if state is not FlowState.UNDECIDED]
WITHOUT_RESOLVER = (
    "".join(
        NO_RESOLVER_CHAIN % {"name": name}
        for name in ("dns", "foreign_dns", "to_resolver", "untracked_queries", "untracked_answers", WHOLE_CHAIN)
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
    http_ports        those of them at which the end of a client's octets may end a request
    quic_ports        UDP ports whose long headers the gate inspects; those of known versions it inspects at any port
    is_quic_rejected  a blocked QUIC flow gets an ICMP error
    refused_udp       UDP ports to which nothing is forwarded
    untracked         UDP ports of this box with so many queries that conntrack's table would fill up;
                      never dns_port: NAT of redirected queries needs the conntrack entry
    doors             of families, on other boxes: TCP ports that no lock closes
    subscribers       whose DNS comes here, whether they are provisioned or not
    locked_pools      addresses without a session or a line, where a default profile is locked
    resolvers         of them: whose DNS goes out as it is, so that their recursion, which we ask, does not come back
    is_dot_refused    subscribers reach no other resolver over TLS or QUIC
    is_asymmetric     answers may take another path: of connections to `ports`, a client's half alone is tracked, for
                      the cut
    is_labelled       the kernel keeps labels of connections: set by Kernel, which tries it
    mark_shift        where the eight bits of marks that are ours begin"""

    ports: tuple[int, ...] = ()
    http_ports: tuple[int, ...] = ()
    quic_ports: tuple[int, ...] = ()
    is_quic_rejected: bool = False
    refused_udp: tuple[int, ...] = ()
    first_queue: int = 0
    n_queues: int = 0
    is_open_when_dead: bool = True
    is_asymmetric: bool = False
    is_labelled: bool = False
    always_open: tuple[Network, ...] = ()
    doors: tuple[Endpoint, ...] = ()
    subscribers: tuple[Network, ...] = ()
    locked_pools: tuple[Network, ...] = ()
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
    has_others = n_queues > 0 or dns_port is not None  # a box that only answers queries has no rules
    asked = {each.port for each in config.dns.listen} if config.dns.workers else set()
    resolvers = [*(upstream.host for upstream in config.dns.upstreams), *config.dns.redirect_except]
    places = [place for place in (splash.address4, splash.address6) if place] + list(config.help_corridor.addresses)
    return Rules(
        ports=tuple(sorted({*gate.tls_ports, *gate.http_ports})) if n_queues else (),
        http_ports=gate.http_ports if n_queues else (),
        quic_ports=gate.tls_ports if n_queues and gate.quic == "judge" else (),
        is_quic_rejected=gate.quic_reject,
        refused_udp=gate.tls_ports if n_queues and gate.quic == "refuse" else (),
        first_queue=gate.first_queue,
        n_queues=n_queues,
        is_open_when_dead=gate.when_dead == "open",
        is_asymmetric=n_queues > 0 and gate.routing == "asymmetric",
        always_open=_networks(places),
        doors=config.family.addresses,
        subscribers=_networks(config.dns.clients),
        resolvers=_networks(resolvers),
        dns_port=dns_port,
        untracked=tuple(sorted(asked - {dns_port})),
        is_dot_refused=config.dns.refuse_foreign_dot and config.dns.workers > 0 and has_others,
        mark_shift=gate.mark_mask.shift,
    )


def ruleset(rules: Rules, locked: Iterable[Network] = ()) -> str:
    """The text for `nft -f`: the table, and the deletion of its predecessor."""
    locked = tuple(locked)
    dns = DNS % {"port": rules.dns_port} if rules.dns_port is not None else ""
    marks = _marks(rules.mark_shift)
    return RULESET % {
        **marks,
        "least4": ERROR_OCTETS4,
        "least6": ERROR_OCTETS6 - HEADER_OCTETS6,
        "looked_at": LOOKED_AT,
        "gate_ports": _elements(rules.ports),
        "http_ports": _elements(rules.http_ports),
        "quic_ports": _elements(rules.quic_ports),
        "quic_versions": ", ".join(f"0x{version:08x}" for version in VERSIONS),
        "quic_unproven": QUIC_UNPROVEN % marks if rules.is_asymmetric else "",
        "proven": "" if rules.is_asymmetric else PROVEN,
        "to_gate": _states(with_fate(Event.CLIENT, Fate.QUEUE), marks),
        "noting": "".join(
            NOTING % {**marks, "name": state.name.lower(), "bits": marks[state.name]} for state in _NOTED
        ),
        "notes": ", ".join(f"{marks[state.name]} : goto note_{state.name.lower()}" for state in _NOTED),
        "to_spoken": _states((state for _, before in changes(Event.SERVER) for state in before), marks),
        "speaking": _settings(Event.SERVER, marks, ""),
        "keeping": _keeping(marks, rules.is_asymmetric),
        "half": HALF if rules.is_asymmetric else "",
        "invalid": "" if rules.is_asymmetric else INVALID,
        "asymmetric": ASYMMETRIC if rules.is_asymmetric else "",
        "suspects": SUSPECTS if rules.n_queues else "",
        "embedded": _embedded_chains(EMBEDDED),
        "to_embedded": _to_embedded("daddr", EMBEDDED),
        "embedded_sources": _embedded_chains(EMBEDDED_SOURCES),
        "from_embedded": _to_embedded("saddr", EMBEDDED_SOURCES),
        "until_queued": "drop" if rules.n_queues else "accept",
        "quic": QUIC % {**marks, "several": SEVERAL_OCTETS} if rules.quic_ports else "",
        "quic_reject": QUIC_REJECT if rules.is_quic_rejected else "",
        "refused_udp": REFUSED_UDP % {"ports": _listed(rules.refused_udp)} if rules.refused_udp else "",
        "locked4": _elements(_of_version(4, locked)),
        "locked6": _elements(_of_version(6, locked)),
        "locking": _entrance("locks{}_wide", locked),
        "pools4": _elements(_of_version(4, rules.locked_pools)),
        "pools6": _elements(_of_version(6, rules.locked_pools)),
        "pool_locking": _entrance("pool_locks{}", rules.locked_pools),
        "subscribers4": _elements(_of_version(4, rules.subscribers)),
        "subscribers6": _elements(_of_version(6, rules.subscribers)),
        "resolvers4": _elements(_of_version(4, rules.resolvers)),
        "resolvers6": _elements(_of_version(6, rules.resolvers)),
        "corridor_ports": _elements(map(str, _corridor_ports(rules))),
        "open4": _elements(_of_version(4, rules.always_open)),
        "open6": _elements(_of_version(6, rules.always_open)),
        "door4": _elements(_ends(rules.doors, 4)),
        "door6": _elements(_ends(rules.doors, 6)),
        "dot": DOT if rules.is_dot_refused else "",
        "moves": "" if rules.is_asymmetric else MOVES,
        "labels": LABELS if rules.is_labelled else "",
        "dns": dns,
        "untracked": UNTRACKED % {"ports": _elements(rules.untracked)} if rules.untracked else "",
    }


def embedded_rules(suspects: Iterable[NftSet]) -> dict[NftChain, list[list[bytes]]]:
    """What fills the chains of EMBEDDED and EMBEDDED_SOURCES.   suspects  the sets of IPv4"""
    suspects = tuple(suspects)
    return {
        chain: [[*held(at + length // 8, each), *goto(to)] for each in suspects]
        for at, to, chains in (
            (DESTINATION_AT6, "to_suspect", EMBEDDED),
            (SOURCE_AT6, "from_suspect", EMBEDDED_SOURCES),
        )
        for length, chain in chains.items()
    }


# ----------------------------------------------------------------------------------------------------------------------


_ENDS = {"blocked": "goto blocked", "answered": "drop"}  # of a packet whose verdict is no pass


def _corridor_ports(rules: Rules) -> tuple[int, ...]:
    """Ports of TCP that are open at an address of the help corridor's names: where the gate reads the name, if any.

    None with asymmetric routing, where no one can tell a connection that a lock has ended from one that began since.
    Absent on purpose: QUIC, of whose connections nothing tells that either; browsers come over TCP."""
    if rules.is_asymmetric:
        return ()
    return rules.ports if rules.n_queues else WEB_PORTS


def _embedded_chains(chains: Mapping[int, NftChain]) -> str:
    return "".join(EMBEDDED_CHAIN % {"name": each.name, "length": length} for length, each in chains.items())


def _to_embedded(end: str, chains: Mapping[int, NftChain]) -> str:
    """The rules that lead to a chain of each length.   end: of the packet, as nft names it"""
    return "".join(
        TO_EMBEDDED % {"end": end, "name": each.name, "prefixes": ", ".join(EMBEDDING[length])}
        for length, each in chains.items()
    )


def _marks(shift: int) -> dict[str, str]:
    """What the rules read and write of a mark."""
    moved = {name: bits << shift for name, bits in _BITS.items()}
    kept = {
        "KEPT": ALL_BITS ^ MARK_BITS << shift,
        "NOT_ASKED": ALL_BITS ^ moved["ASKED"],
        "NO_STATE": ALL_BITS ^ moved["STATE"],
    }
    return {name: f"{bits:#x}" for name, bits in (moved | kept).items()}


def _keeping(marks: Mapping[str, str], is_asymmetric: bool) -> str:
    """A chain for each verdict: what it makes of the connection's mark, and of the packet.

    The mark of half a connection is the cut's alone: no SYN/ACK would ever make another one UNDECIDED again."""
    chains = ""
    for event in VERDICTS:
        name = event.name.lower()
        end = f"    {_ENDS[name]}\n" if name in _ENDS else ""
        cleared = f"    meta mark set meta mark & {marks['KEPT']}\n"
        half = f"    tcp dport @gate_ports {_ENDS.get(name, 'accept')}\n" if is_asymmetric else ""
        chains += f"  chain keep_{name} {{\n{cleared}{half}{_settings(event, marks)}{end}  }}\n"
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


def _ends(doors: Iterable[Endpoint], version: int) -> list[str]:
    return [f"{door.host} . {door.port}" for door in doors if ip_address(door.host).version == version]


def _entrance(chain: str, networks: Iterable[Network]) -> str:
    """The rules that lead to a chain of each IP version that has networks."""
    versions = sorted({network.version for network in networks})
    return "".join(f"meta nfproto ipv{version} goto {chain.format(version)}; " for version in versions)


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(IPv6Network(text) if ":" in text else IPv4Network(text) for text in texts)

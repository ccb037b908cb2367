"""Settings of this box on which an inline gate relies: what is not as it needs it, and what of that can be put right.

    sysctl not as wanted → written → still not: a finding
    interfaces, routes, rules of other programs, packets that came untracked → a finding

A finding is no reason to stop: without rules this box would forward everything unread.
Absent on purpose: what only harms other traffic, and what another program does with marks (mark_clashes).
Source: nf_conntrack-sysctl.rst and ip-sysctl.rst of Linux, RFC 3704, libnftables-json(5).
Cost: two starts of nft a look, some 20 ms.
"""

import contextlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from filterd.box.errors import MissingPart
from filterd.kernel.firewall import Run, counted, run_program
from filterd.kernel.ruleset import TABLE, Rules

SETTINGS = Path("/proc/sys/net/netfilter")
INTERFACES = Path("/proc/sys/net/ipv4/conf")
ABSENT = "absent"
LOOKS = 30  # so many looks after the last packet that says so a finding ends
TURNED_LEAST, TURNED_PART = 10, 10  # fewer connections with a neighbour are ordinary, and fewer than one in so many
LOOSE = "nf_conntrack_tcp_loose"  # a connection may be picked up in its middle


class Sysctl(NamedTuple):
    """One of net.netfilter.   harm: what is so where it is otherwise"""

    name: str
    wanted: str
    harm: str


# With these, conntrack itself drops what an end host would ignore: a second check behind the gate's own (rule R4).
CHECKING = (
    Sysctl("nf_conntrack_tcp_be_liberal", "0", "decoy packets are forwarded"),
    Sysctl("nf_conntrack_checksum", "1", "decoy packets are forwarded"),
)
PICKING_UP = Sysctl(LOOSE, "1", "a rule that is tightened ends nothing over TCP")


class Finding(NamedTuple):
    """The result of one check; `cure` is empty if nothing needs to be done."""

    what: str
    found: str
    cure: str

    @property
    def text(self) -> str:
        return f"{self.what}: {self.found}; {self.cure}"


class BoxSettings:
    """Looks at this box again and again, and remembers what it has counted."""

    def __init__(self, run: Run = run_program, settings: Path = SETTINGS, interfaces: Path = INTERFACES) -> None:
        self._run, self._settings, self._interfaces = run, settings, interfaces
        self._looks: deque[dict[str, int]] = deque(maxlen=LOOKS)

    def mend(self, rules: Rules) -> list[str]:
        """Write what can be put right; a sentence for each."""
        said = []
        for each in wanted_by(rules):
            before = value_of(each.name, self._settings)
            if before in (each.wanted, ABSENT):
                continue
            with contextlib.suppress(OSError):
                (self._settings / each.name).write_text(each.wanted)
            if value_of(each.name, self._settings) == each.wanted:
                said.append(f"net.netfilter.{each.name}: was {before}, so that {each.harm}; set to {each.wanted}")
        return said

    def faults(self, rules: Rules) -> list[Finding]:
        """What is not as it has to be.   rules: those in force"""
        if not rules.n_queues:
            return []
        found = [*sysctls(rules, self._settings), offloading(rules, self._run)]
        found += [strict_interfaces(self._interfaces)] if rules.is_asymmetric else self._of_counters()
        return [each for each in found if each.cure]

    def _of_counters(self) -> list[Finding]:
        """What the packets of the last looks say."""
        now = counted(self._run) or {}
        oldest = self._looks[0] if self._looks else {}
        self._looks.append(now)

        def since(name: str) -> int:
            n, before = now.get(name, 0), oldest.get(name, 0)
            return n - before if n >= before else n  # the rules were replaced, and count from nothing

        return [turned(since("n_turned"), since("n_begun")), untracked(since("n_untracked"), ())]


def wanted_by(rules: Rules) -> Sequence[Sysctl]:
    """What the gate needs; nothing without one."""
    if not rules.n_queues:
        return ()
    return (*CHECKING, PICKING_UP) if rules.is_asymmetric else CHECKING


def sysctls(rules: Rules, folder: Path = SETTINGS) -> Iterator[Finding]:
    """Those that are not as they have to be."""
    for each in wanted_by(rules):
        if (found := value_of(each.name, folder)) != each.wanted:
            yield Finding(f"net.netfilter.{each.name}", f"is {found}; {each.harm}", f"set it to {each.wanted}")


def picks_up(folder: Path = SETTINGS) -> bool:
    """Whether the kernel tracks connections whose beginning it has not seen, as it has to for the cut where routing is
    asymmetric."""
    return value_of(LOOSE, folder) not in ("0", ABSENT)


def value_of(name: str, folder: Path = SETTINGS) -> str:
    path = folder / name
    return path.read_text().strip() if path.exists() else ABSENT


def strict_interfaces(folder: Path = INTERFACES) -> Finding:
    """Those with rp_filter 1 (RFC 3704): they drop packets of asymmetric routes."""
    found = {}
    for path in folder.glob("*/rp_filter"):
        with contextlib.suppress(OSError):  # a line of PPP goes while it is looked at
            found[path.parent.name] = int(path.read_text())
    every = found.pop("all", 0)
    strict = sorted(name for name, one in found.items() if max(one, every) == 1 and name not in ("default", "lo"))
    if not strict:
        return Finding("reverse paths", "not strict", "")
    cure = "set net.ipv4.conf.all.rp_filter and those of the interfaces to 2 or 0"
    return Finding("reverse paths", f"strict at {', '.join(strict)}", cure)


def turned(n: int, n_begun: int) -> Finding:
    """Connections of which the server is where the client is: nothing shows who writes its packets.

    The rules tell that by the interface (ruleset_text.PROVEN).   n: of n_begun"""
    what = "interfaces"
    if n < TURNED_LEAST or n * TURNED_PART < n_begun:
        return Finding(what, "servers are at others than subscribers", "")
    found = f"{n} of {n_begun} connections leave by the interface that they came from"
    cure = (
        "give subscribers an interface (VLAN) of their own, or set /gate/routing to asymmetric: else a subscriber can "
    )
    return Finding(what, found, cure + "write a server's packets, and be served what is listed")


def offloading(rules: Rules, run: Run = run_program) -> Finding:
    """Rules that give connections at the gate's ports to a flowtable, whose packets pass neither locks nor the gate."""
    what = "offload"
    try:
        tables = _listed(run, "flowtable", "list", "flowtables")
    except MissingPart:
        return Finding(what, "not known without nft", "apt-get install nftables")
    if not tables:
        return Finding(what, "no flowtables", "")
    ports = {*rules.ports, *rules.quic_ports}
    taking = [
        f"{rule['family']} {rule['table']} {rule['chain']}"
        for rule in _listed(run, "rule", "-t", "list", "ruleset")
        if any("flow" in each for each in rule["expr"]) and not _spares(rule, ports)
    ]
    if not taking:
        return Finding(what, "flowtables take nothing at the gate's ports", "")
    cure = "take the gate's ports out of these rules (tcp dport != { … }): what they take, no one reads"
    return Finding(what, f"'flow add' in {', '.join(sorted(set(taking)))}", cure)


def untracked(n: int, where: Iterable[str]) -> Finding:
    """Packets at the gate's ports that came untracked, or rules that make such ones."""
    rules = ", ".join(where)
    found = [*([f"rules in {rules}"] if rules else []), *([f"{n} packets came"] if n else [])]
    cure = "take the gate's ports out of such rules (notrack, CT --notrack): without tracking, the server's word is "
    cure += "not known, and a rule that is tightened ends nothing"
    return Finding("untracked connections", " and ".join(found) or "none", cure if found else "")


def notrack_rules(run: Run = run_program) -> list[str]:
    """Where nft has rules of others that leave connections untracked; none where it is missing."""
    try:
        rules = _listed(run, "rule", "-t", "list", "ruleset")
    except MissingPart:
        return []
    found = [rule for rule in rules if any("notrack" in each for each in rule["expr"])]
    return sorted({f"{rule['family']} {rule['table']} {rule['chain']}" for rule in found})


# ----------------------------------------------------------------------------------------------------------------------


def _listed(run: Run, kind: str, *arguments: str) -> list[dict[str, Any]]:
    """Objects of one kind that nft lists, but ours.   Raises MissingPart."""
    listed = json.loads(run(["nft", "-j", *arguments], "").output or '{"nftables": []}')
    found = [each[kind] for each in listed["nftables"] if kind in each]
    return [each for each in found if f"{each['family']} {each.get('table')}" != TABLE]


def _spares(rule: dict[str, Any], ports: set[int]) -> bool:
    """Whether a comparison of the server's port leaves out all of `ports`."""
    return any(_is_apart(each["match"], ports) for each in rule["expr"] if "match" in each)


def _is_apart(match: dict[str, Any], ports: set[int]) -> bool:
    left = match["left"].get("payload", {}) if isinstance(match["left"], dict) else {}
    if left.get("field") != "dport" or (named := _ports_of(match["right"])) is None:
        return False
    return ports <= named if match["op"] == "!=" else named.isdisjoint(ports)


def _ports_of(right: Any) -> set[int] | None:
    """The ports that a comparison names.   None: in a set elsewhere, or in words"""
    match right:
        case int():
            return {right}
        case {"range": [int(first), int(last)]}:
            return set(range(first, last + 1))
        case {"set": list(elements)}:
            parts = [_ports_of(element) for element in elements]
            return None if None in parts else set().union(*filter(None, parts))
        case _:
            return None

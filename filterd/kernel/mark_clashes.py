"""What other programs do with the bits of marks that are ours: rules of nft and of iptables, and rules of routing.

    nft -j list ruleset, iptables-save, ip rule → value written or compared, as masks → MarkUse

A value that is written is three masks: bits that it may set, bits that it keeps of the mark itself, and bits that it
copies from the other mark.  Who sets ours steers the gate, as does who gives a connection what its packet came with.
Who clears or compares them only harms: a connection is not released, or a comparison with a whole mark never holds.

Absent on purpose: traffic control (skbedit, connmark, fw), IPsec, programs with an eBPF of their own, named maps.
Source: libnftables-json(5), iptables-extensions(8), ip-rule(8).
"""

import json
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from filterd.box.errors import MissingPart
from filterd.config import Config
from filterd.kernel.firewall import Run, run_program
from filterd.kernel.ruleset import TABLE

ALL = 0xFFFFFFFF
SAVERS = ("iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save")
_TARGET = re.compile(r"^-A (?P<chain>\S+) (?P<matches>.*?)-j (?P<target>MARK|CONNMARK) (?P<options>.*)$")
_COMPARED = re.compile(r"-m connmark (?:! )?--mark 0x[0-9a-f]+(?:/(0x[0-9a-f]+))?")
_SET = re.compile(r"--set-xmark (0x[0-9a-f]+)/(0x[0-9a-f]+)")
_COPY = re.compile(r"--(save|restore)-mark --nfmask (0x[0-9a-f]+) --ctmask (0x[0-9a-f]+)")


class MarkUse(NamedTuple):
    """One use of our bits.   is_steering: it may set them, so that the gate would take its word for the gate's own"""

    where: str
    does: str
    is_steering: bool


class WrittenBits(NamedTuple):
    """The bits of a value that is written to a mark."""

    added: int
    kept: int
    copied: int

    def under(self, mask: int) -> "WrittenBits":
        return WrittenBits(self.added & mask, self.kept & mask, self.copied & mask)

    def joined(self, other: "WrittenBits") -> "WrittenBits":
        return WrittenBits(self.added | other.added, self.kept | other.kept, self.copied | other.copied)


NOTHING = WrittenBits(0, 0, 0)


def mark_uses(mask: int, run: Run = run_program) -> list[MarkUse]:
    """All that is found.   Raises MissingPart without nft.   Cost: some programs' start."""
    rules = _listed(run, "ruleset")
    found = list(_of_nft(rules, mask))
    savers = [name for name in SAVERS if shutil.which(name)] if _is_of_iptables(rules) else []
    for name in savers:
        found += _of_iptables(name, run([name], "").output, mask)
    return [*dict.fromkeys(found), *_of_routing(mask)]


def refuse_clash_of(config: Config) -> None:
    """As refuse_clash(), where the configuration has a gate that other programs could steer."""
    if config.gate.mode == "inline" and config.gate.workers > 0:
        refuse_clash(config.gate.mark_mask)


def refuse_clash(mask: int) -> None:
    """Raise MissingPart where another program may set our bits."""
    steering = [use for use in mark_uses(mask) if use.is_steering]
    if steering:
        first, more = steering[0], f" (and {len(steering) - 1} more)" if len(steering) > 1 else ""
        raise MissingPart(
            f"marks: {first.where} {first.does}{more}; not started, as the gate would take such packets for judged; "
            "change it, or choose other bits in /gate/mark_mask; 'filterd doctor --config FILE' shows all"
        )


# -- nft ---------------------------------------------------------------------------------------------------------------


def _listed(run: Run, what: str) -> list[dict[str, Any]]:
    listed = json.loads(run(["nft", "-j", "list", what], "").output or '{"nftables": []}')
    rules = [each["rule"] for each in listed["nftables"] if "rule" in each]
    return [rule for rule in rules if f"{rule['family']} {rule['table']}" != TABLE]


def _of_nft(rules: Iterable[dict[str, Any]], mask: int) -> Iterator[MarkUse]:
    for rule in rules:
        where = f"nft rule {rule['handle']} of {rule['family']} {rule['table']} {rule['chain']}"
        is_first = any(_is_of_new(each.get("match", {})) for each in rule["expr"])
        for expression in rule["expr"]:
            kind = _kind_of(expression.get("mangle", {}).get("key"))
            if kind:
                yield from _judged(where, kind, _written(expression["mangle"]["value"], kind), mask, is_first)
            elif "match" in expression and _compared(expression["match"].get("left")) & mask:
                yield MarkUse(where, "compares connections' whole marks", False)


def _kind_of(key: Any) -> str:
    """meta or ct, where a key is a mark."""
    for kind in ("meta", "ct"):
        if isinstance(key, dict) and isinstance(key.get(kind), dict) and key[kind].get("key") == "mark":
            return kind
    return ""


def _is_of_new(match: dict[str, Any]) -> bool:
    """Whether a comparison holds for a connection's first packets alone."""
    return match.get("left") == {"ct": {"key": "state"}} and match.get("right") in ("new", ["new"])


def _compared(left: Any) -> int:
    """The bits of a connection's mark that a comparison looks at.   Packets have ours in our own chain alone."""
    if isinstance(left, dict) and "&" in left and isinstance(left["&"][1], int):
        return _compared(left["&"][0]) & int(left["&"][1])
    return ALL if _kind_of(left) == "ct" else 0


def _written(value: Any, kind: str) -> WrittenBits:
    if isinstance(value, int):
        return WrittenBits(value & ALL, 0, 0)
    if not isinstance(value, dict):
        return NOTHING
    if source := _kind_of(value):
        return WrittenBits(0, ALL, 0) if source == kind else WrittenBits(0, 0, ALL)
    [(operation, operands)] = value.items()
    match operation:
        case "&" if isinstance(operands[1], int):
            return _written(operands[0], kind).under(operands[1])
        case "|" | "^" | "&":
            return _written(operands[0], kind).joined(_written(operands[1], kind))
        case "<<" | ">>" if isinstance(operands[1], int):
            parts = _written(operands[0], kind)
            moved = parts.added | parts.kept | parts.copied
            return WrittenBits((moved << operands[1] if operation == "<<" else moved >> operands[1]) & ALL, 0, 0)
        case "map" if isinstance(operands["data"], dict):
            return _joined(_written(data, kind) for _, data in operands["data"]["set"])
        case "numgen" | "jhash" | "symhash":
            return WrittenBits((1 << (operands.get("offset", 0) + operands["mod"] - 1).bit_length()) - 1, 0, 0)
        case _:
            return NOTHING


def _joined(parts: Iterable[WrittenBits]) -> WrittenBits:
    whole = NOTHING
    for part in parts:
        whole = whole.joined(part)
    return whole


def _judged(where: str, kind: str, value: WrittenBits, mask: int, is_first: bool) -> Iterator[MarkUse]:
    """What a value that is written does to our bits."""
    if value.added & mask:
        yield MarkUse(where, f"sets {value.added & mask:#x} of {mask:#x}", True)
    elif kind == "ct" and value.copied & mask:
        yield MarkUse(where, "copies packets' whole marks to connections", True)
    elif kind == "ct" and value.kept & mask != mask and not is_first:
        yield MarkUse(where, "overwrites connections' whole marks: the gate judges all of each connection", False)
    if kind == "meta" and value.copied & mask:
        yield MarkUse(where, "copies connections' whole marks to packets", False)


# -- iptables ----------------------------------------------------------------------------------------------------------


def _is_of_iptables(rules: Iterable[dict[str, Any]]) -> bool:
    """Whether rules of iptables have marks in them; those of its old interface nft does not list."""
    return any("xt" in each for rule in rules for each in rule["expr"]) or _is_legacy()


def _is_legacy() -> bool:
    for name in ("ip_tables_names", "ip6_tables_names"):
        try:
            if Path("/proc/net", name).read_text(encoding="ascii").strip():
                return True
        except OSError:
            continue
    return False


def _of_iptables(program: str, text: str, mask: int) -> Iterator[MarkUse]:
    """The rules of `iptables-save`; an option that it writes is always written whole."""
    for line in text.splitlines():
        where = f"{program.removesuffix('-save')} '{line}'"
        compared = _COMPARED.search(line)
        if compared and int(compared[1] or "0xffffffff", 16) & mask:
            yield MarkUse(where, "compares connections' whole marks", False)
        if found := _TARGET.match(line):
            kind = "ct" if found["target"] == "CONNMARK" else "meta"
            is_first = "--ctstate NEW " in found["matches"] or "--state NEW " in found["matches"]
            yield from _judged_target(where, kind, found["options"], mask, is_first)


def _judged_target(where: str, kind: str, options: str, mask: int, is_first: bool) -> Iterator[MarkUse]:
    if written := _SET.search(options):
        value, cleared = int(written[1], 16), int(written[2], 16)
        yield from _judged(where, kind, WrittenBits(value, ALL & ~cleared, 0), mask, is_first)
    elif copied := _COPY.search(options):
        packets, connections = int(copied[2], 16), int(copied[3], 16)
        if copied[1] == "save":
            yield from _judged(where, "ct", WrittenBits(0, ALL & ~connections, packets), mask, is_first)
        else:
            yield from _judged(where, "meta", WrittenBits(0, ALL & ~packets, connections), mask, is_first)


# -- routing -----------------------------------------------------------------------------------------------------------


def _of_routing(mask: int) -> Iterator[MarkUse]:
    """Rules that look for our bits.   Those that compare whole marks find packets as others have marked them."""
    from pyroute2 import IPRoute

    with IPRoute() as kernel:
        for family, name in ((socket.AF_INET, "ip rule"), (socket.AF_INET6, "ip -6 rule")):
            for rule in kernel.get_rules(family=family):
                value, compared = rule.get("fwmark") or 0, rule.get("fwmask") or 0
                if value & compared & mask:
                    where = f"{name} {rule.get('priority') or 0}"
                    yield MarkUse(where, f"looks for fwmark {value:#x}, whose bits of {mask:#x} are filterd's", True)

"""What would happen to a name, and why: the same `decide()` as the workers', told in words.

Invariant: entries of a confidential list are never told; that one speaks is.   Source: semantics §3, §4 (EDE).
"""

from typing import Any

from dns.answers import EDE_OF, NO_EDE
from fastpath.name import to_text
from fastpath.tables import TableSet
from fastpath.verdict import Action, Reason
from rules.canonical import canonical_wire

CHANNELS = ("dns", "sni", "http", "quic")


def explain(tables: TableSet, wire: bytes | None, address: str | None, at_s: int, channel: str) -> dict[str, Any]:
    """The decision on a canonical name (None: no name) for whoever is at `address`, and all that speaks of the name."""
    decision = tables.decide(wire, address, at_s)
    is_block = decision.action != Action.PASSTHRU
    return {
        "action": word(decision.action),
        "reason": word(decision.reason),
        "tier": word(decision.tier),
        "list": decision.list,
        "rule": decision.rule,
        "matches": [
            {"list": match.list, "rule": match.rule, "mode": word(match.mode)}
            for match in (tables.matches(wire) if wire is not None else [])
        ],
        "ede": _ede(decision.reason) if is_block and channel == "dns" else None,
        "enforceability": "enforced" if is_block else None,
        "generations": tables.generations,
        "subscriber": decision.subscriber,
    }


def dns_answer(action: str, qtype: str) -> str | None:
    """What a query of a type is answered with; None: whatever the upstream says.   Source: semantics §4."""
    if action == "splash":
        return "splash address" if qtype in ("A", "AAAA") else "nodata"
    return None if action == "passthru" else action


def host_of(given: str) -> str:
    """The host part of a name or URL as given."""
    _, scheme, rest = given.partition("://")
    authority = (rest if scheme else given).split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    return authority.rpartition("@")[2]


def explain_text(tables: TableSet, given: str, address: str | None, at_s: int, channel: str) -> dict[str, Any]:
    """`explain` for a name or URL as somebody wrote it.   Raises BadName."""
    wire = canonical_wire(host_of(given))
    return {"input": given, "canonical": to_text(wire)} | explain(tables, wire, address, at_s, channel)


def word(value: Action | Reason | Any) -> str:
    """An enum's value as commands and records write it."""
    return str(value.name).lower().replace("_", "-")


def _ede(reason: Reason) -> int | None:
    code = EDE_OF[reason]
    return None if code == NO_EDE else code

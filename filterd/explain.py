"""What would happen to a name, and why: the same `decide()` as the workers', told in words.

Invariant: entries of a confidential list are never told; that one speaks is.   Source: semantics §3, §4 (EDE).
"""

from typing import Any

from fastpath.name import to_text
from fastpath.tables import TableSet
from fastpath.verdict import Action, Reason
from rules.canonical import canonical_wire

CHANNELS = ("dns", "sni", "http", "quic")

# RFC 8914 §4: 16 Censored, 17 Filtered, 15 Blocked
EDE_OF_REASON = {
    Reason.CSAM: 16,
    Reason.ORDER: 16,
    Reason.PAUSE: 17,
    Reason.SCHEDULE: 17,
    Reason.CATEGORY: 17,
    Reason.SECURITY: 15,
}


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
        "ede": EDE_OF_REASON.get(decision.reason) if is_block and channel == "dns" else None,
        "enforceability": "enforced" if is_block else None,
        "generations": tables.generations,
        "subscriber": decision.subscriber,
    }


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

"""What would happen to a name, and why: the same `decide()` as the workers', in words.

Invariant: entries of a confidential list are never shown; that one decides is.   Source: semantics §3, §4 (EDE).
"""

from typing import Any

from dns.base.extended_errors import EDE_OF, NO_EDE
from fastpath.images.decision import Decision
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Reason
from fastpath.wire.address import rule_text
from filterd.images.attribution import Attribution, tell_match
from filterd.images.explain.sentences import sentences
from filterd.images.words import word
from rules.base.prefixes import wire_of_text
from rules.base.urls import read_address, read_url

CHANNELS = ("dns", "sni", "http", "quic", "address")


def explain(
    tables: TableSet,
    wire: bytes | None,
    address: str | None,
    at_s: int,
    channel: str,
    attribution: Attribution | None = None,
) -> dict[str, Any]:
    """The decision on a canonical name (None: no name) for anyone who is at `address`, and all that speaks of the name.

    attribution   of the base in `tables`: then every match has its line"""
    matches = tables.matches(wire) if wire is not None else []
    told = attribution.tell(wire, matches) if attribution and wire else [tell_match(match) for match in matches]
    return _told(tables, tables.decide(wire, address, at_s), told, channel)


def dns_answer(action: str, qtype: str) -> str | None:
    """What a query of a type is answered with; None: what the upstream says.   Source: semantics §4."""
    if action == "splash":
        return "splash address" if qtype in ("A", "AAAA") else "nodata"
    return None if action == "passthru" else action


def explain_text(
    tables: TableSet,
    given: str,
    address: str | None,
    at_s: int,
    channel: str | None,
    attribution: Attribution | None = None,
) -> dict[str, Any]:
    """`explain` for a name, address or URL as someone wrote it.   channel None: http for a URL, dns for the others.

    Raises BadName."""
    wire, url = read_asked(given)
    if url is None:
        found = explain(tables, wire, address, at_s, channel or "dns", attribution)
    else:
        found = explain_url(tables, url, address, at_s, channel or "http", attribution)
    return {"input": given, "canonical": asked_text(wire or b"\0", url)} | found


def asked_text(wire: bytes | None, url: bytes | None) -> str | None:
    """What read_asked() has found, as text; None: neither a name nor a URL."""
    return url.decode("ascii") if url else rule_text(wire) if wire else None


def read_asked(given: str) -> tuple[bytes | None, bytes | None]:
    """What someone asks about: (wire form, None) of a name, or of the name that stands for an address; (None,
    canonical URL).   Raises BadName."""
    wire = wire_of_text(given)
    return read_address(given) if wire is None else (wire, None)


def explain_url(
    tables: TableSet,
    url: bytes,
    address: str | None,
    at_s: int,
    channel: str,
    attribution: Attribution | None = None,
) -> dict[str, Any]:
    """The decision on a canonical URL: only HTTP shows all of it, the other channels see its host."""
    by_host, by_url = (decide_on_url(tables, url, address, at_s, seen) for seen in ("dns", "http"))
    matches, wire = tables.url_matches(url), read_url(url).wire
    told = attribution.tell_url(wire, url, matches) if attribution else [tell_match(match) for match in matches]
    found = _told(tables, by_url if channel == "http" else by_host, told, channel)
    if by_host.action == Action.PASSTHRU and by_url.action != Action.PASSTHRU:
        found["enforceability"] = "enforced_http_only" if channel == "http" else "not_enforceable_at_this_layer"
    return found


def decide_on_url(tables: TableSet, url: bytes, address: str | None, at_s: int, channel: str) -> Decision:
    """What a channel decides on a canonical URL."""
    if channel == "http":
        return tables.decide_url(None, url, address, at_s)
    return tables.decide(read_url(url).wire, address, at_s)


def _told(tables: TableSet, decision: Decision, matches: list[dict[str, Any]], channel: str) -> dict[str, Any]:
    is_block = decision.action != Action.PASSTHRU
    return {
        "action": word(decision.action),
        "reason": word(decision.reason),
        "tier": word(decision.tier),
        "sentences": sentences(decision),
        "list": decision.list,
        "shadow": decision.shadow,
        "rule": decision.rule,
        "matches": matches,
        "ede": _ede(decision.reason) if is_block and channel == "dns" else None,
        "enforceability": "enforced" if is_block else None,
        "generations": tables.generations,
        "subscriber": decision.subscriber,
    }


def _ede(reason: Reason) -> int | None:
    code = EDE_OF[reason]
    return None if code == NO_EDE else code

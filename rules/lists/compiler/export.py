"""Exports a list of any format as filterd's own JSON.

One entry a line, in the list's own order, so that two exports can be compared line by line.

Invariants: what is written reads back as the same rules (name or URL, mode, action, order's letter, data); equal lists
and header give equal octets; a confidential list is never written; no list is held in memory.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import network_of, rule_text
from rules.base.errors import BadSource
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.native import FORMAT
from rules.lists.compiler.report import SourceReport
from rules.lists.reader import read_source
from rules.lists.source import Source


def export_source(source: Source, out: BinaryIO, serial: int, issued_at: datetime) -> SourceReport:
    """Write a source's rules to `out`; what is no rule is in the report.   Cost: some 5 µs a rule, in addition to
    reading it.

    serial, issued_at   of this export
    Raises BadSource for a confidential list, BadList as reading does: `out` is then half a list, to be thrown away."""
    return export_rules(source, read_source(source), out, serial, issued_at)


def export_rules(
    source: Source, items: Iterable[Rule | UrlRule | SkippedLine], out: BinaryIO, serial: int, issued_at: datetime
) -> SourceReport:
    """The same of rules that the source has given."""
    if source.confidential:
        raise BadSource(f"list {source.id!r}: confidential; not exported; ask its issuer for it")
    report = SourceReport(source.id, source.path)
    write = out.write
    write(_head(source, serial, issued_at))
    for item in items:
        if isinstance(item, SkippedLine):
            report.note(item)
            continue
        write(b",\n" if report.n_rules else b"\n")
        if isinstance(item, Rule):
            write(_line(_name_entry(item)))
            report.n_name_rules += 1
        else:
            write(_line(_url_entry(item)))
            report.n_url_rules += 1
    write(b"\n]}\n")
    return report


def _head(source: Source, serial: int, issued_at: datetime) -> bytes:
    head = {
        "format": FORMAT,
        "list_id": source.id,
        "serial": serial,
        "issued_at": issued_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "mode": "full",
        "add": [],
    }
    return _line(head).removesuffix(b"]}")


def _name_entry(rule: Rule) -> dict[str, Any]:
    kind = "host" if rule.mode is Mode.EXACT else "domain"
    if (network := network_of(rule.wire)) is not None:
        kind = "ip" if network.num_addresses == 1 else "cidr"
    entry = _entry(rule_text(rule.wire), kind, rule)
    if rule.data:
        entry["data"] = rule.data.hex()
    return entry


def _url_entry(rule: UrlRule) -> dict[str, Any]:
    return _entry(rule.url.decode("ascii"), "url", rule)


def _entry(value: str, kind: str, rule: Rule | UrlRule) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": value, "kind": kind, "scope": Mode(rule.mode).name.lower()}
    if rule.action != Action.NO_ACTION:
        entry["action"] = Action(rule.action).name.lower().replace("_", "-")
    if rule.order_ref is not None:
        entry["order_ref"] = rule.order_ref
    return entry


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")

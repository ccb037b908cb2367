"""What an issuer is answered about an order: one text, from which every form of the confirmation is made.

It is canonical JSON (RFC 8785), written as mgmt.ledger.event writes it: keys sorted, numbers whole, no spaces.  Times
are UTC, to the millisecond; nothing in it is of the moment at which it is read, so the text of equal rows is equal.
Invariants: an entry is called verified only where the traffic was asked about it and each question was answered "here";
a status is the one of the row, never a better one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from mgmt.ledger.event import time_text
from mgmt.ledger.signed_statement import canonical
from mgmt.orders.dates import moment_of
from mgmt.orders.model import NOT_VISIBLE, SERVED
from mgmt.orders.store import counts_of, get_order, page_of_entries
from mgmt.orders.versions import before
from parental.schema.confirmations import verifications

FORMAT = "filterd-confirmation/1"
HERE = "here"
_PAGE = 1000


def statement_of(conn: Connection, verification: int, at_ms: int) -> str:
    """The text.   verification  the row that says what the traffic answered;   at_ms  of the confirmation"""
    row = conn.execute(select(verifications).where(verifications.c.id == verification)).one()
    order, report = get_order(conn, row.order), json.loads(row.report)
    results = {each["number"]: each for each in report["results"]}
    entries = [_entry(entry, results.get(entry.number)) for entry in _entries(conn, order.id)]
    said = {
        "format": FORMAT,
        "order": _order(order, before(conn, order)),
        "times": _times(order, row, entries, at_ms),
        "deadline": _deadline(order, entries),
        "counts": counts_of(conn, order.id),
        "coverage": _coverage(row, report, entries),
        "receipt": None if order.receipt is None else _receipt(json.loads(order.receipt)),
        "entries": entries,
    }
    return canonical(said)


def _order(order: Row[Any], corrected: Row[Any] | None) -> dict[str, Any]:
    return {
        "number": order.id,
        "issuer": order.issuer,
        "ref": order.ref,
        "ground": order.ground,
        "scope": order.scope,
        "emergency": bool(order.is_emergency),
        "sha256": order.sha256.hex(),
        "original_sha256": hashlib.sha256(order.original).hexdigest(),
        "version": order.version,
        "corrects": None if corrected is None else corrected.ref,
        "corrects_sha256": None if corrected is None else corrected.sha256.hex(),
    }


def _times(order: Row[Any], row: Row[Any], entries: Sequence[Mapping[str, Any]], at_ms: int) -> dict[str, Any]:
    since = sorted(each["since"] for each in entries if each["since"] is not None)
    return {
        "received": time_text(order.received_ms),
        "first_enforced": since[0] if since else None,
        "last_enforced": since[-1] if since else None,
        "verified": time_text(row.at_ms),
        "confirmed": time_text(at_ms),
        "withdrawn": None if order.withdrawn_ms is None else time_text(order.withdrawn_ms),
        "review": _date(order.review_s),
        "expires": _date(order.expires_s),
    }


def _date(moment_s: object) -> str | None:
    moment = moment_of(moment_s)
    return None if moment is None else time_text(int(moment.timestamp() * 1000))


def _deadline(order: Row[Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """How many of the entries in force were in force by then."""
    if order.deadline_s is None:
        return None
    at = time_text(order.deadline_s * 1000)
    since = [each["since"] for each in entries if each["since"] is not None]
    in_time = sum(each <= at for each in since)
    return {"at": at, "in_time": in_time, "late": len(since) - in_time}


def _coverage(row: Row[Any], report: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was asked, and how much of it was blocked by this box."""
    outcomes = [outcome for each in report["results"] for outcome in each["ways"].values()]
    return {
        "verification": row.id,
        "report_sha256": row.sha256.hex(),
        "node": report["node"],
        "ways": report["ways"],
        "entries": len(entries),
        "in_force": sum(each["since"] is not None for each in entries),
        "asked": report["asked"],
        "questions": len(outcomes),
        "here": outcomes.count(HERE),
    }


def _receipt(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"generation": said["generation"], "workers": len(said["workers"])}


def _entries(conn: Connection, order: int) -> Iterator[Row[Any]]:
    after = 0
    while page := page_of_entries(conn, order, after, _PAGE):
        yield from page
        after = page[-1].number


def _entry(entry: Row[Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
    is_in_force = entry.status in SERVED
    ways = {} if result is None or not is_in_force else result["ways"]
    return {
        "number": entry.number,
        "value": entry.value,
        "status": entry.status,
        "reason": entry.reason,
        "since": time_text(entry.enforced_ms) if is_in_force and entry.enforced_ms is not None else None,
        "approval": entry.reference if is_in_force else None,
        "verified": bool(ways) and entry.status != NOT_VISIBLE and all(each == HERE for each in ways.values()),
        "ways": sorted(way for way, outcome in ways.items() if outcome == HERE),
        "at": time_text(result["at_ms"]) if ways and result is not None else None,
    }

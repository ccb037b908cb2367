"""What an issuer is answered about an order: one text, from which every form of the confirmation is made.

It is canonical JSON (RFC 8785), written as mgmt.ledger.event writes it: keys sorted, numbers whole, no spaces.  Times
are UTC, to the millisecond; it is of the moment that it names, `made`, and not of the one at which it is read, so the
text of equal rows is equal.  What it supersedes stands in it.
Invariants: an entry is called verified only where the traffic was asked about it and each question was answered "here",
and never one that HTTPS hides: it is open there, no matter what HTTP has answered;
a status is the one of the row, never a better one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Connection, Row, select

from mgmt.ledger.event import time_text
from mgmt.ledger.signed_statement import canonical, digest_of
from mgmt.orders.base.dates import moment_of
from mgmt.orders.base.model import AS_DIRECTED, IN_FORCE, SERVED, EntryStatus
from mgmt.orders.store import counts_of, get_order, page_of_entries
from mgmt.orders.versions import before
from parental.store.schema.confirmations import confirmations, verifications
from parental.store.schema.orders import orders

FORMAT = "filterd-confirmation/1"
HERE = "here"
# What is answered, in a word: an issuer reads it before all else.
CONFIRMED, PARTLY_CONFIRMED, NOT_CONFIRMED = "confirmed", "partly_confirmed", "not_confirmed"
REPLACED = "replaced"  # by a correction, which says what holds now
# Of an order without any entry of these statuses nothing is in force, and nothing comes to be by itself.
_NOT_OVER = frozenset({*IN_FORCE, EntryStatus.PENDING_REVIEW, EntryStatus.SHADOW})
_ASKED_NOTHING: Mapping[str, Any] = {"node": "", "ways": [], "asked": 0, "results": []}
_PAGE = 1000


def statement_of(conn: Connection, order: int, verification: int | None, at_ms: int, *, is_confirmed: bool) -> str:
    """The text.

    verification  the row that says what the traffic answered last; None: it was never asked
    at_ms         of the statement;   is_confirmed  whether it is the answer to what the traffic has verified"""
    row = conn.execute(select(verifications).where(verifications.c.id == verification)).one_or_none()
    found, report = get_order(conn, order), _ASKED_NOTHING if row is None else json.loads(row.report)
    results = {each["number"]: each for each in report["results"]}
    asked_at = 0 if row is None else row.revision
    # What has changed since the traffic was asked, the traffic has not answered.
    entries = [
        _entry(entry, results.get(entry.number) if entry.revision <= asked_at else None)
        for entry in _entries(conn, order)
    ]
    said = {
        "format": FORMAT,
        "answer": _answer(found, entries, is_confirmed=is_confirmed),
        "made": time_text(at_ms),
        "supersedes": _superseded(conn, order, at_ms),
        "order": _order(found, before(conn, found), _replacing(conn, found)),
        "times": _times(found, row, entries, at_ms if is_confirmed else None),
        "deadline": _deadline(found, entries),
        "counts": counts_of(conn, order),
        "coverage": _coverage(row, report, entries),
        "receipt": None if found.receipt is None else _receipt(json.loads(found.receipt)),
        "entries": entries,
    }
    return canonical(said)


def _answer(order: Row[Any], entries: Sequence[Mapping[str, Any]], *, is_confirmed: bool) -> str:
    """The whole in a word; a part that is not in force as directed, or not closed, is never passed over."""
    statuses = {each["status"] for each in entries}
    if statuses.isdisjoint(_NOT_OVER) and (end := _end(order, statuses)) is not None:
        return end
    if not is_confirmed:
        return NOT_CONFIRMED
    return CONFIRMED if statuses <= AS_DIRECTED else PARTLY_CONFIRMED


def _end(order: Row[Any], statuses: Set[str]) -> str | None:
    """By what nothing of an order is in force any more; None: nothing ever was."""
    if order.withdrawn_ms is not None:
        return EntryStatus.WITHDRAWN
    if order.replaced_by is not None:
        return REPLACED
    return next((each for each in (EntryStatus.EXPIRED, EntryStatus.WITHDRAWN) if each in statuses), None)


def _replacing(conn: Connection, order: Row[Any]) -> Row[Any] | None:
    """The correction that has taken the place of an order."""
    about: list[Any] = [orders.c.ref, orders.c.sha256]
    return conn.execute(select(*about).where(orders.c.id == order.replaced_by)).one_or_none()


def _superseded(conn: Connection, order: int, at_ms: int) -> dict[str, Any] | None:
    """The answer before this one."""
    its = select(confirmations.c.text, confirmations.c.at_ms).where(confirmations.c.order == order)
    last = conn.execute(
        its.where(confirmations.c.at_ms < at_ms).order_by(confirmations.c.id.desc()).limit(1)
    ).one_or_none()
    return None if last is None else {"sha256": digest_of(last.text), "made": time_text(last.at_ms)}


def _order(order: Row[Any], corrected: Row[Any] | None, replacing: Row[Any] | None) -> dict[str, Any]:
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
        "replaced_by": None if replacing is None else replacing.ref,
        "replaced_by_sha256": None if replacing is None else replacing.sha256.hex(),
    }


def _times(
    order: Row[Any], row: Row[Any] | None, entries: Sequence[Mapping[str, Any]], confirmed_ms: int | None
) -> dict[str, Any]:
    since = sorted(each["since"] for each in entries if each["since"] is not None)
    return {
        "received": time_text(order.received_ms),
        "first_enforced": since[0] if since else None,
        "last_enforced": since[-1] if since else None,
        "verified": None if row is None else time_text(row.at_ms),
        "confirmed": None if confirmed_ms is None else time_text(confirmed_ms),
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


def _coverage(row: Row[Any] | None, report: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was asked of what is in force, and how much of it was blocked by this box."""
    asked = {each["number"] for each in entries if each["at"] is not None}
    outcomes = [each for said in report["results"] if said["number"] in asked for each in said["ways"].values()]
    return {
        "verification": None if row is None else row.id,
        "report_sha256": None if row is None else row.sha256.hex(),
        "node": report["node"],
        "ways": report["ways"],
        "entries": len(entries),
        "in_force": sum(each["since"] is not None for each in entries),
        "asked": len(asked),
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
        "verified": bool(ways)
        and entry.status != EntryStatus.NOT_VISIBLE
        and all(each == HERE for each in ways.values()),
        "ways": sorted(way for way, outcome in ways.items() if outcome == HERE),
        "at": time_text(result["at_ms"]) if ways and result is not None else None,
    }

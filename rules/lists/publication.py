"""A list as the public is given it: plain domains, hosts, a response policy zone, CSV and JSON with dates.

    domains.txt   NAME, or *.NAME for a name with everything below it
    hosts.txt     0.0.0.0 NAME; a hosts file knows no "below", so these are not blocked by it
    rpz.zone      NAME CNAME . and, for everything below it, *.NAME CNAME .
    domains.csv   name, scope, inserted, deleted
    domains.json  RegisterPositionId, DomainAddress, InsertDate, DeleteDate (as CERT Polska has it), and Scope

Invariants: only names that the list blocks by its own action are given; exceptions, URLs, addresses, names too long for
a zone, and names that a zone would read as triggers of another kind are left out and counted; so is a name of a letter
that may stand nowhere in clear, and nothing of it was ever there; the number of an entry is never given twice; who was
taken out stays with the date for KEPT.  Equal entries and times give equal octets.  Times are UTC.
Source: hole.cert.pl, version 2; draft-vixie-dnsop-dns-rpz §4; RFC 1035 §5; RFC 4180.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import network_of, rule_text
from rules.base.rule import Rule, SkippedLine, UrlRule

KEPT = timedelta(days=365)
MOST_NAMES = 500_000  # half a gigabyte of memory while they are written
MOST_GONE = 500_000  # names that were taken out: a source that gives others every hour would have no end of them
TRIGGERS = "rpz-"  # last labels that begin so: rpz-client-ip closes everything for a client (draft-vixie §4)
MOST_CHARACTERS = 190  # of a name: the zone's own name comes behind it, in 253
SUBTREE, EXACT = "subtree", "exact"

Scoped = tuple[str, str]  # name, scope


class TooMany(ValueError):
    """More names than are published; nothing is written."""


class Entry(NamedTuple):
    """A name that is, or was, on the list.   deleted  None: it is"""

    number: int
    name: str
    scope: str
    inserted: str
    deleted: str | None


class Names(NamedTuple):
    """found  what a list blocks by name;   n_left  how much else it has;   sealed  names that stand nowhere in clear"""

    found: set[Scoped]
    n_left: int
    sealed: set[str]


def names_of(items: Iterable[Rule | UrlRule | SkippedLine], why_sealed: Callable[[str], str | None]) -> Names:
    """What of a list may be given.   why_sealed  why a letter may not stand in clear;   Raises TooMany"""
    found, sealed, n_left = set[Scoped](), set[str](), 0
    for item in items:
        is_sealed = bool(item.order_ref and why_sealed(item.order_ref))
        if is_sealed and isinstance(item, Rule):
            sealed.add(rule_text(item.wire))
        if isinstance(item, Rule) and not is_sealed and _is_plain(item):
            found.add((rule_text(item.wire), EXACT if item.mode is Mode.EXACT else SUBTREE))
            if len(found) > MOST_NAMES:
                raise TooMany(f"more than {MOST_NAMES:,} names; not published; take public: true out of the list")
        elif not isinstance(item, SkippedLine):
            n_left += 1
    return Names({each for each in found if each[0] not in sealed}, n_left, sealed)


def entries_after(before: Sequence[Entry], names: set[Scoped], now: datetime, last: int = 0) -> list[Entry]:
    """The entries once the list has these names: new ones have new numbers, and who left has the date.

    last  the highest number that was ever given, also to one whose row is gone"""
    at, oldest = _time(now), _time(now - KEPT)
    present = {(each.name, each.scope) for each in before if each.deleted is None}
    kept = [
        each._replace(deleted=at) if each.deleted is None and (each.name, each.scope) not in names else each
        for each in before
        if each.deleted is None or each.deleted >= oldest
    ]
    gone = sorted((each.deleted, each.number) for each in kept if each.deleted is not None)[:-MOST_GONE]
    forgotten = {number for _, number in gone}
    number = last_number(before, last)
    new = [Entry(number + n, *scoped, at, None) for n, scoped in enumerate(sorted(names - present), 1)]
    return [each for each in kept if each.number not in forgotten] + new


def last_number(entries: Sequence[Entry], last: int) -> int:
    """The highest number that was given.   last  the one before these"""
    return max([last, *(each.number for each in entries)])


def files_of(entries: Sequence[Entry], now: datetime) -> dict[str, bytes]:
    """File name → content."""
    held = sorted((each.name, each.scope) for each in entries if each.deleted is None)
    return {
        "domains.txt": _lines(f"*.{name}" if scope == SUBTREE else name for name, scope in held),
        "hosts.txt": _lines(f"0.0.0.0 {name}" for name in sorted({name for name, _ in held})),
        "rpz.zone": _zone(held, int(now.timestamp())),
        "domains.csv": _table(entries),
        "domains.json": _json(entries),
    }


def read_entries(octets: bytes) -> list[Entry]:
    """Those of a domains.json of ours.   Raises ValueError, KeyError, TypeError"""
    return [
        Entry(row["RegisterPositionId"], row["DomainAddress"], row["Scope"], row["InsertDate"], row["DeleteDate"])
        for row in json.loads(octets)
    ]


def statement_of(said: Mapping[str, Any]) -> str:
    """Canonical JSON (RFC 8785) of what a publication is; its keys are ASCII and its numbers whole."""
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# ----------------------------------------------------------------------------------------------------------------------


def _is_plain(rule: Rule) -> bool:
    is_block = rule.action == Action.NO_ACTION and rule.mode in (Mode.EXACT, Mode.SUBTREE)
    is_trigger = rule_text(rule.wire).rpartition(".")[2].startswith(TRIGGERS)
    return is_block and not is_trigger and network_of(rule.wire) is None and len(rule.wire) <= MOST_CHARACTERS


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _zone(held: Sequence[Scoped], serial: int) -> bytes:
    rows = ["$TTL 60", f"@ SOA localhost. root.localhost. {serial % 2**32} 3600 600 2592000 60", "@ NS localhost."]
    rows += [f"{name} CNAME ." for name in sorted({name for name, _ in held})]
    rows += [f"*.{name} CNAME ." for name, scope in held if scope == SUBTREE]
    return _lines(rows)


def _table(entries: Sequence[Entry]) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["number", "name", "scope", "inserted", "deleted"])
    table.writerows([each.number, each.name, each.scope, each.inserted, each.deleted or ""] for each in entries)
    return out.getvalue().encode()


def _json(entries: Sequence[Entry]) -> bytes:
    rows = (
        json.dumps(
            {
                "RegisterPositionId": each.number,
                "DomainAddress": each.name,
                "InsertDate": each.inserted,
                "DeleteDate": each.deleted,
                "Scope": each.scope,
            }
        )
        for each in entries
    )
    return ("[\n" + ",\n".join(rows) + "\n]\n").encode()

"""Provisioning: many lines at once, as an operator's own systems know them: label, prefixes, province, account.

Invariants: what parents wish is neither read nor written: a line that there is keeps profile, children and devices; a
row that cannot be taken changes nothing and keeps no other from being taken; the same rows again change nothing.
"""

import bisect
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Table, insert, select, update

from parental.people.accounts import move_line
from parental.policy.addresses import holder_of, network_of
from parental.policy.held import BATCH
from parental.policy.subscriber import PROVINCE, Network, Subscriber
from parental.policy.subscribers import put_line
from parental.store.errors import BadPerson, BadSubscriber, NoPerson
from parental.store.revision import REVISION, raise_revision
from parental.store.schema.lines import addresses, lines, profiles
from parental.store.schema.people import accounts

Span = tuple[int, bytes, bytes]  # version, first and last address


@dataclass(frozen=True, slots=True)
class LineSpec:
    """A line as it shall be.   line: its profile is what a new one begins with;   account, province  None: not said"""

    line: Subscriber
    province: str | None = None
    account: int | None = None

    def __post_init__(self) -> None:
        if self.province is not None and not PROVINCE.fullmatch(self.province):
            raise BadPerson(f"province: {self.province[:20]!r} is not a code; not taken; write one as PK-PB")


@dataclass(slots=True)
class Outcome:
    """What became of rows: numbers of lines, and of what was refused the place among the rows and why."""

    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    same: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


class _TakenNumbers(NamedTuple):
    """Numbers that are taken, of those that rows name."""

    profiles: frozenset[int]
    accounts: frozenset[int]


def provision(conn: Connection, rows: Sequence[tuple[int, LineSpec]], at: datetime) -> Outcome:
    """Take rows, each with its place.   at  when new accounts begin

    Cost: some 0.2 ms for a new line, 2 ms for one that changes, 0.05 ms for one that is as it shall be."""
    found = Outcome()
    there, beginning = _known(conn, [wanted.line.id for _, wanted in rows]), []
    for place, wanted in rows:
        before = there.get(wanted.line.id)
        if before is None:
            beginning.append((place, wanted))
        elif _is_as(wanted, before):
            found.same += 1
        else:
            _tried(conn, place, wanted, found)
    _begin(conn, beginning, found, at)
    return found


def _known(conn: Connection, numbers: Sequence[int]) -> dict[int, LineSpec]:
    """The lines of these numbers that there are, as they are."""
    found: dict[int, LineSpec] = {}
    for begin in range(0, len(numbers), BATCH):
        chosen = numbers[begin : begin + BATCH]
        held: dict[int, list[Network]] = {}
        for row in conn.execute(select(addresses).where(addresses.c.line.in_(chosen))):
            held.setdefault(row.line, []).append(network_of(row.first, row.prefix_length))
        for row in conn.execute(select(lines).where(lines.c.id.in_(chosen))):
            line = Subscriber(row.id, row.label, tuple(held.get(row.id, ())))
            found[row.id] = LineSpec(line, row.province, row.account)
    return found


def _is_as(wanted: LineSpec, before: LineSpec) -> bool:
    is_placed = wanted.account in (None, before.account) and wanted.province in (None, before.province)
    is_held = set(wanted.line.prefixes) == set(before.line.prefixes)
    return is_placed and is_held and wanted.line.label == before.line.label


def _tried(conn: Connection, place: int, wanted: LineSpec, found: Outcome) -> None:
    """Change one line, or refuse the whole row."""
    try:
        with conn.begin_nested():
            put_line(conn, wanted.line)
            _place(conn, wanted)
    except (BadSubscriber, BadPerson, NoPerson) as reason:
        found.refused.append((place, str(reason)))
    else:
        found.changed.append(wanted.line.id)


def _place(conn: Connection, wanted: LineSpec) -> None:
    if wanted.account is not None:
        move_line(conn, wanted.line.id, wanted.account)
    if wanted.province is not None:
        conn.execute(update(lines).where(lines.c.id == wanted.line.id).values(province=wanted.province))


def _begin(conn: Connection, rows: Sequence[tuple[int, LineSpec]], found: Outcome, at: datetime) -> None:
    """Make new lines: one statement a table for all of them."""
    taken: list[Span] = []
    good: dict[int, LineSpec] = {}
    there = _TakenNumbers(
        _those_in(conn, profiles.c.id, [wanted.line.id for _, wanted in rows]),
        _those_in(conn, accounts.c.id, [wanted.account for _, wanted in rows if wanted.account is not None]),
    )
    for place, wanted in rows:
        reason = _why_not(conn, wanted, there, taken, good)
        if reason:
            found.refused.append((place, reason))
            continue
        good[wanted.line.id] = wanted
        found.new.append(wanted.line.id)
        for prefix in wanted.line.prefixes:
            bisect.insort(taken, _span(prefix))
    if good:
        _insert(conn, list(good.values()), raise_revision(conn, REVISION, by=len(good)), int(at.timestamp()))


def _those_in(conn: Connection, column: Column[int], numbers: Sequence[int]) -> frozenset[int]:
    """Which of some numbers there are."""
    batches = (numbers[begin : begin + BATCH] for begin in range(0, len(numbers), BATCH))
    return frozenset(
        each for some in batches for each in conn.execute(select(column).where(column.in_(some))).scalars()
    )


def _why_not(conn: Connection, wanted: LineSpec, there: _TakenNumbers, taken: list[Span], begun: Container[int]) -> str:
    """Why a new line cannot be made; '': it can."""
    line = wanted.line
    if line.id in begun:
        return f"id: {line.id} stands in a row before; not taken; write one row for a line"
    if line.id in there.profiles:
        return f"id: {line.id} is the number of a child's profile; not taken; give the line another"
    if wanted.account not in (None, line.id) and wanted.account not in there.accounts:
        return f"account: {wanted.account} does not exist; not taken; make it first: filterd accounts put"
    for prefix in line.prefixes:
        holder = holder_of(conn, prefix)
        if holder is not None:
            return (
                f"prefix: {prefix} shares addresses with {holder.network} of subscriber {holder.line}; not taken; "
                "release it there first"
            )
        if _meets(_span(prefix), taken):
            return f"prefix: {prefix} shares addresses with a row before; not taken; give it to one line"
    return ""


def _insert(conn: Connection, good: Sequence[LineSpec], revision: int, at_s: int) -> None:
    account_of = {each.line.id: each.account or each.line.id for each in good}
    own = [number for number, account in account_of.items() if number == account]
    there = _those_in(conn, accounts.c.id, own)
    _many(conn, accounts, [{"id": number, "created_s": at_s} for number in own if number not in there])
    rules = {"paused_until_s": 0, "revision": revision}
    zones = [(each.line.id, each.line.profile.schedule.zone) for each in good]
    _many(conn, profiles, [{"id": n, "account": account_of[n], "zone": zone, **rules} for n, zone in zones])
    rows = [{"label": each.line.label, "province": each.province} for each in good]
    numbered = zip(account_of.items(), rows, strict=True)
    _many(conn, lines, [{"id": n, "account": account, "profile": n, **row} for (n, account), row in numbered])
    held = [(each.line.id, prefix, _span(prefix)) for each in good for prefix in each.line.prefixes]
    fields = ("line", "prefix_length", "version", "first", "last")
    _many(conn, addresses, [dict(zip(fields, (n, p.prefixlen, *span), strict=True)) for n, p, span in held])


def _many(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(table), rows)


def _span(prefix: Network) -> Span:
    return prefix.version, prefix.network_address.packed, prefix.broadcast_address.packed


def _meets(span: Span, taken: list[Span]) -> bool:
    """Whether a span shares addresses with one of `taken`, which is sorted and whose members share none."""
    after = bisect.bisect_right(taken, (span[0], span[2], b"\xff" * 16))
    before = taken[after - 1] if after else None
    return before is not None and before[0] == span[0] and before[2] >= span[1]

"""Locks of sessions: a table next to that of the lines, of what the images of sessions give to whom.

    images of sessions ─→ rows, as lines have them ─→ LockTable ─→ with that of the lines, the kernel's locked sets

Invariants: a prefix that a line holds is that line's, locked or not, and no row here; a default profile has none: what
it locks are spans (pool_locks.py); what the kernel gets is the difference of both tables together, so that a prefix
which leaves one and is in the other stays.
Cost: a change of profiles or holders, one pass over the images of sessions (50 ms for a million) where there are any,
and 5 us for each prefix of theirs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from sqlalchemy import Connection

from fastpath.images.tables import TableSet
from fastpath.people.held_prefixes import HeldPrefixes
from fastpath.people.session_levels import run_at, session_ranges
from filterd.control.pool_locks import Pool, PoolLocks
from filterd.kernel.intervals import Network, Span, merged
from filterd.kernel.prefix_columns import Columns, SpanColumns, firsts_of
from parental.policy.held import Held
from parental.policy.locks import LockTable
from parental.policy.profiles import iter_profiles

FEW = 10_000  # profiles that are read one by one; with more, all are read

Firsts = dict[tuple[int, int], set[bytes]]


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """The tables of a moment.   lines: without sessions;   pools  with default profiles, each once"""

    tables: TableSet
    lines: TableSet
    pools: Sequence[Pool] = ()

    @property
    def defaults(self) -> frozenset[int]:
        """The default profiles, which have no rows."""
        return frozenset(number for _, number in self.pools if number is not None)


class SessionLocks:
    """Which prefixes of sessions are locked.

    see          the tables of now
    is_tighter   whether by the last advance() soft hours have begun, or any lock of a default profile"""

    def __init__(self) -> None:
        self.see: Callable[[], TableSnapshot] = _see_nothing
        self._table, self._pools = LockTable(), PoolLocks()
        self.is_tighter = False

    def read(self, conn: Connection, numbers: Iterable[int] | None, moved: Iterable[Network] = ()) -> None:
        """Take in what these profiles hold by sessions, and how they are locked.   numbers None: all profiles, again

        moved   prefixes that have other holders.   What raises leaves the locks as they were"""
        seen, table = self.see(), LockTable() if numbers is None else self._table
        self._pools.read(conn, numbers, seen.pools)
        chosen = None if numbers is None else {*numbers} - seen.defaults
        rows = list(rows_of(seen, chosen))
        if rows or len(table.held):
            if moved:
                table.change((), (), moved)
            its = sorted(chosen if chosen is not None else {row[3] for row in rows})
            table.change(iter_profiles(conn, its if len(its) <= FEW else None), rows)
        self._table = table

    def move(self, conn: Connection, moved: Iterable[Network], losers: Iterable[int]) -> None:
        """Take in that prefixes have other holders.   losers: profiles that had some of them"""
        moved, tables = list(moved), self.see().tables
        holders = {tables.subscriber_of(str(prefix.network_address)) for prefix in moved}
        self.read(conn, {number for number in holders | set(losers) if number is not None}, moved)

    def advance(self, at: datetime, behind_s: int = 0) -> datetime | None:
        """Bring all locks to `at`; when one changes next.   behind_s  as of LockTable.advance()"""
        self._table.advance(at, behind_s)
        pools_change, has_begun = self._pools.advance(at, behind_s)
        self.is_tighter = has_begun or self._table.is_tighter
        changes = self._table.next_change, pools_change
        return min((change for change in changes if change is not None), default=None)

    def pools(self, lines: LockTable) -> SpanColumns:
        """The locked addresses of pools, where neither a line nor a session is."""
        return self._pools.spans(lines.held, self._table.held)

    def differences(self, lines: LockTable) -> tuple[Columns, Columns]:
        """(added, removed) of both tables since settle()."""
        ours, theirs = (_differences(each) for each in (self._table, lines))
        if not len(self._table.held) and not any(ours):
            return theirs
        if not any((*ours, *theirs)):
            return {}, {}
        now, before = Union(), Union()
        for table, (added, removed) in ((self._table, ours), (lines, theirs)):
            its = table.held.columns(table.locked)
            now.add(its)
            before.add(its, without=added)
            before.add(removed)
        return now.less(before), before.less(now)

    def locked(self, lines: LockTable) -> Columns:
        """All that is locked in both tables, each prefix once."""
        theirs = lines.held.columns(lines.locked)
        if not len(self._table.held):
            return theirs
        found = Union()
        found.add(theirs)
        found.add(self._table.held.columns(self._table.locked))
        return found.less(Union())

    def settle(self) -> None:
        """The kernel has all that is locked."""
        self._table.held.settle(self._table.locked)


class Union:
    """Prefixes of several columns, each once."""

    def __init__(self) -> None:
        self._firsts: Firsts = {}

    def add(self, columns: Columns, without: Columns | None = None) -> None:
        """Take in columns but those of others."""
        for shape, octets in columns.items():
            left = set(firsts_of(shape[0], (without or {}).get(shape, b"")))
            self._firsts.setdefault(shape, set()).update(set(firsts_of(shape[0], octets)) - left)

    def less(self, other: "Union") -> Columns:
        """What the other one does not have, in columns."""
        found: Mapping[tuple[int, int], set[bytes]] = {
            shape: firsts - other._firsts.get(shape, set()) for shape, firsts in self._firsts.items()
        }
        return {shape: b"".join(sorted(firsts)) for shape, firsts in found.items() if firsts}


def _differences(table: LockTable) -> tuple[Columns, Columns]:
    held: HeldPrefixes = table.held
    return held.differences(table.locked)


def rows_of(seen: TableSnapshot, numbers: set[int] | None) -> Iterator[Held]:
    """What sessions give to these profiles; None: to all.   A prefix around another one is cut into those around it.

    Levels overlap: a session stands in the pool that its base has for the default profile.  So their ranges are merged
    first, and each address is walked over once."""
    if numbers is not None and not numbers:
        return
    defaults, ranges = seen.defaults, session_ranges(seen.tables, numbers)
    for version, (first, behind) in _disjoint(ranges):
        kind, width = (IPv4Address, 4) if version == 4 else (IPv6Address, 16)
        at = first
        while at < behind:
            number, last = run_at(seen.tables, at.to_bytes(width, "big"))
            end = min(last + 1, behind)
            is_chosen = number is not None and (numbers is None or number in numbers)
            if is_chosen and number not in defaults:
                assert number is not None
                if run_at(seen.lines, at.to_bytes(width, "big"))[0] is None:
                    for prefix in summarize_address_range(kind(at), kind(end - 1)):
                        yield version, prefix.network_address.packed, prefix.prefixlen, number
            at = end


def _disjoint(ranges: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, Span]]:
    """The addresses of ranges (version, first, last), which may overlap, in spans that do not: (version, span)."""
    spans: dict[int, list[Span]] = {4: [], 6: []}
    for version, first, last in ranges:
        spans[version].append((first, last + 1))
    return ((version, span) for version, found in spans.items() for span in merged(sorted(found)))


def _see_nothing() -> TableSnapshot:
    nothing = TableSet()
    return TableSnapshot(nothing, nothing)

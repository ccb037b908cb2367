"""Locks of default profiles: what is locked of a network access server's pools.

    default profiles ─→ locked pools, without those of others in them ─→ without what lines and sessions hold ─→ spans

Invariants: an address that a line or a session holds is never locked here; in nested pools the inner one counts, locked
or not, as in the images of sessions.
Cost: nothing while no default profile is locked; then some passes over what is held, 10 ms for a million.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce

from sqlalchemy import Connection

from fastpath.people.held_prefixes import HeldPrefixes
from fastpath.people.spans import spans_without
from filterd.kernel.intervals import Network, Span, merged, span_of
from filterd.kernel.prefix_columns import WIDTH, Columns, SpanColumns, networks_of, packed_spans
from parental.policy.locks import LockTable
from parental.policy.profiles import iter_profiles

Pool = tuple[Network, int | None]  # with the number of its default profile
NOTHING: SpanColumns = {4: b"", 6: b""}


class PoolLocks:
    """Which pools are locked by their default profiles."""

    def __init__(self) -> None:
        self._table = LockTable()  # a pool is what its default profile holds
        self._pools: Sequence[Pool] = ()
        self._locked: Columns = {}
        self._spans = NOTHING

    def read(self, conn: Connection, numbers: Iterable[int] | None, pools: Sequence[Pool]) -> None:
        """Take in how these profiles are locked.   numbers None: all, again;   pools  each once"""
        if numbers is None:
            self._table, self._locked, self._spans = LockTable(), {}, NOTHING
        self._pools = pools
        defaults = {number for _, number in pools if number is not None}
        its = defaults if numbers is None else defaults & {*numbers}
        profiles = dict(iter_profiles(conn, sorted(its)))
        rows = [
            (pool.version, pool.network_address.packed, pool.prefixlen, n) for pool, n in pools if n and n in profiles
        ]
        gone = [pool for pool, n in pools if n in its - profiles.keys()]
        self._table.change(profiles.items(), rows, gone)

    def advance(self, at: datetime, behind_s: int = 0) -> tuple[datetime | None, bool]:
        """Bring the locks to `at`; when one changes next, and whether one has begun.   behind_s  see LockTable"""
        before = bytes(self._table.locked)
        self._table.advance(at, behind_s)
        has_begun = any(now and not was for now, was in zip(self._table.locked, before, strict=True))
        return self._table.next_change, has_begun or self._table.is_tighter

    def spans(self, *held: HeldPrefixes) -> SpanColumns:
        """The locked addresses of pools that are in none of `held`."""
        locked = self._table.held.columns(self._table.locked)
        if locked != self._locked:
            self._locked, self._spans = locked, _chosen(self._pools, set(networks_of(locked)))
        return {version: _without(version, spans, held) for version, spans in self._spans.items()}


def _without(version: int, spans: bytes, held: Iterable[HeldPrefixes]) -> bytes:
    if not spans:
        return spans
    return reduce(lambda left, each: spans_without(left, each.spans(version), WIDTH[version]), held, spans)


def _chosen(pools: Sequence[Pool], locked: set[Network]) -> SpanColumns:
    """The addresses of the locked pools, but those of inner pools that are not."""
    found: dict[int, list[Span]] = {4: [], 6: []}
    for pool, _ in sorted(pools, key=lambda pool: pool[0].prefixlen):
        its, left = span_of(pool), found[pool.version]
        if pool in locked:
            found[pool.version] = merged(sorted([*left, its]))
        else:
            found[pool.version] = [part for each in left for part in _outside(each, its)]
    return {version: packed_spans(version, spans) for version, spans in found.items()}


def _outside(span: Span, other: Span) -> Iterable[Span]:
    """What of a span is in front of another one and behind it."""
    parts = (span[0], min(span[1], other[0])), (max(span[0], other[1]), span[1])
    return (part for part in parts if part[0] < part[1])

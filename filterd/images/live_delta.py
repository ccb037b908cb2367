"""The delta to a compiled base: orders pushed over the API, and changes of transferred zones.

A base holds the orders as they stood when it was compiled (filterd.images.compile), those in shadow in lists of their
own; what came and went since is the delta.  All of it is kept in memory, so one more order costs a look at the names
that it touches, however many are in force.
What a zone has changed is put here by filterd.images.zone_delta.

Invariants: base and delta together hold exactly the orders that the database has in force and no rail refuses,
no matter what the base holds and who wrote the rows; what is tried on this gateway, the canary, is in the
delta alone; a failure to write changes nothing here that the next delta would not hold.
Cost: some 15 µs a touched name; a new one reads every order in force once, some 5 µs each.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from sqlalchemy import Connection

from fastpath.images.tables import TableSet
from filterd.images.compile import NamesBase
from filterd.images.lists.order_rails import OrderRails, is_well_formed
from filterd.images.lists.sources import ORDERS_LIST
from mgmt.orders.base.live import (
    Live,
    live_entries,
    live_entries_of,
    names_changed_since,
    orders_revision,
    shadow_entries,
    shadow_entries_of,
)
from mgmt.orders.base.model import is_url
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from rules.lists.compiler.delta import BaseEntries, Changed, Entry, put_entries, put_mode, write_delta, write_url_delta

# Every delta is written whole and checked by each worker: 10,000 names take 50 ms, half of what an order may take.
MERGE_NAMES = 10_000


class LiveDelta:
    """What orders and zones make of names and URLs, beyond one base.

    base  its tables, open;  conn  one transaction, in which all orders are read;  rails  of orders, may be replaced.
    Raises ValueError for a base that has no list of orders."""

    def __init__(self, base: TableSet, compiled: NamesBase, conn: Connection, rails: OrderRails) -> None:
        self.base, self.compiled, self.rails = base, compiled, rails
        # By place of an order in shadow; 0: in force.  A base of an earlier release has no such lists.
        own = enumerate((ORDERS_LIST, *SHADOW_LISTS))
        self._numbers = {at: base.list_ids.index(each) for at, each in own if each in base.list_ids or not at}
        self._names: Changed = {}
        self._urls: Changed = {}
        self.touched: set[bytes] = set()  # names of which something has changed, for anyone who clears it
        self.zone_serials: dict[str, int] = {}  # by list: up to where its zone's changes are here
        self._files = {each["list"]: each["file"] for each in compiled.report["lists"]}
        self.orders_revision = compiled.orders_revision
        everything = chain(live_entries(conn, rails.tries_as), shadow_entries(conn))
        absent = {live.wire for live in everything if self._is_absent(live)}
        # What the base could have held and does not, another compilation by the same configuration would refuse again.
        self._n_refused = len(absent.difference(names_changed_since(conn, self.orders_revision)))
        self._take(conn, sorted(absent))
        self.catch_up(conn)

    @property
    def n_names(self) -> int:
        """Names and URLs that the delta holds."""
        return len(self._names) + len(self._urls)

    @property
    def has_urls(self) -> bool:
        """Whether there is a delta of URLs to be written."""
        return bool(self._urls)

    @property
    def is_overgrown(self) -> bool:
        """Whether it is time for a base that includes the orders."""
        return self.n_names - self._n_refused > MERGE_NAMES

    def file_of(self, list_id: str) -> str | None:
        """The copy of a list that the base was made of; None: it holds none."""
        return self._files.get(list_id) if list_id in self.base.list_ids else None

    def put(self, list_id: str, wire: bytes, mode: int, said: tuple[int, bytes] | None) -> None:
        """Let a list of the base say (action, data), or nothing, of a name in one mode."""
        self.touched.add(wire)
        number = self.base.list_ids.index(list_id)
        entry = None if said is None else Entry(number, mode, said[0], 0, said[1])
        put_mode(self._names, self.base.base_entries, wire, number, mode, entry)

    def catch_up(self, conn: Connection) -> None:
        """Take over what orders have changed.   conn: one transaction."""
        self._take(conn, names_changed_since(conn, self.orders_revision))
        self.orders_revision = orders_revision(conn)

    def write_names(self, key: bytes, path: Path, generation: int) -> None:
        """Write the delta image of names."""
        write_delta(self._names, self.compiled.lists, key, path, generation, self.compiled.generation)

    def write_urls(self, key: bytes, path: Path, generation: int) -> None:
        """Write the delta image of URLs."""
        write_url_delta(self._urls, self.compiled.lists, key, path, generation, self.compiled.generation)

    def _take(self, conn: Connection, wires: Sequence[bytes]) -> None:
        held: dict[bytes, list[Entry]] = {wire: [] for wire in wires if is_well_formed(wire)}
        for live in chain(live_entries_of(conn, list(held), self.rails.tries_as), shadow_entries_of(conn, list(held))):
            if (entry := self._entry(live)) is not None:
                held[live.wire].append(entry)
        self.touched.update(held)
        for wire, entries in held.items():
            changed, base_entries = self._kept(wire)
            put_entries(changed, base_entries, wire, self._numbers.values(), entries)

    def _is_absent(self, live: Live) -> bool:
        entry = self._entry(live)
        if entry is None:
            return False
        _, base_entries = self._kept(live.wire)
        return entry not in (Entry(*row) for row in base_entries(live.wire))

    def _kept(self, wire: bytes) -> tuple[Changed, BaseEntries]:
        if is_url(wire):
            return self._urls, self.base.base_url_entries
        return self._names, self.base.base_entries

    def _entry(self, live: Live) -> Entry | None:
        """An entry of an order; None where a rail refuses it, or the base has no list for it."""
        rule, number = self.rails.rule(live), self._numbers.get(live.place)
        return None if rule is None or number is None else Entry(number, rule.mode, order=live.order)

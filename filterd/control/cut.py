"""Which connections a change closes: a profile that was tightened, soft hours that begin, and names that orders, zones
and new versions of lists have touched.

    profiles changed since the last cut ─→ what they close, and names of their own ─┐
    names touched by a publication ──────→ what blocks them now ────────────────────┼→ filterd.kernel.cut
    soft hours begin by the clock ───────→ what each line's locks leave open now ───┘

A connection is wanted where what is in force now closes it.  So nothing of before has to be known, and a cut that is
made twice ends nothing twice.

Invariants: it follows the acknowledgements of all workers, so that what ends is not let in again; what the help
corridor lets in has no label, and is never wanted.
A label has a host and no URL: for a URL, what runs over HTTP to its host ends, and may begin again for another page.
What lists bring has a limit of its own: filterd.images.brought_names.
"""

import logging
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import NamedTuple

from sqlalchemy import Engine

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action
from fastpath.people.left_open import left_open
from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.cut import FEW, Connection, CutSelector, Means, hash_names, signs_of
from filterd.kernel.intervals import Network
from mgmt.contract.control import Cut
from mgmt.orders.base.model import is_url
from parental.policy.profile import Profile, allowed_at
from parental.policy.profiles import changed_since, iter_profiles, prefixes_of
from parental.store.database import reading
from parental.store.revision import current_revision
from rules.base.canonical import canonical_wire
from rules.base.category import NUMBERS
from rules.base.urls import read_url

MOST_CHANGED = 10_000  # profiles that are looked at: 2 s; more change by the clock and by provisioning, not by a tap
QUIC = NUMBERS["quic"]
CHILD = b"\x01x"  # a name below another one
HTTP_PORT = 80
MOST_SEVERAL = 100  # names of a change that a connection of several names is held against: some 5 µs each
MAX_OCTETS = 255  # of a name in wire form (RFC 1035 §2.3.4)

log = logging.getLogger("filterd.control.service")


class _Restriction(NamedTuple):
    """What a profile closes at an instant.

    names       denied ones;   opened  allowed ones, which end when they are allowed no more
    open_alone  what soft hours leave open; None: none exist now"""

    categories: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()
    open_alone: frozenset[int] | None = None

    def is_tighter_than(self, before: "_Restriction") -> bool:
        """Whether it closes anything that another did not."""
        if self.categories - before.categories or self.names - before.names or before.opened - self.opened:
            return True
        return self.open_alone is not None and (before.open_alone is None or bool(before.open_alone - self.open_alone))


_NOTHING = _Restriction()


class Cuts:
    """Ends connections for the publisher.   Every method blocks."""

    def __init__(self, engine: Engine, keeper: LockKeeper) -> None:
        self._engine, self._keeper = engine, keeper
        self._looking = threading.Lock()  # two taps may come at once
        self._revision = 0  # up to which profiles were looked at
        self._closing: dict[int, _Restriction] = {}  # of those that have changed since the start
        self.n_ended = 0  # connections, since the start

    def begin(self) -> None:
        """What is in force now was in force before: nothing of it is new."""
        with reading(self._engine) as conn:
            self._revision = current_revision(conn)

    def of_people(self, tables: TableSet, revision: int) -> Cut | None:
        """End what profiles close that have changed since the last call; None where none was tightened.

        tables   in force in every worker;   revision  the last change of the database that they hold"""
        now = datetime.now(UTC)
        closing, prefixes = self._tightened(revision, now)
        if not closing or self._keeper.means is Means.NONE:
            return None
        is_labelled = self._keeper.means is not Means.LINES
        names = {canonical_wire(name) for each in closing.values() for name in each.names}
        named = _named(hash_names(names), tables, int(now.timestamp()))

        def is_wanted(found: Connection) -> bool:
            of = [closing[n] for each in found.addresses if (n := tables.subscriber_of(each)) in closing]
            if is_labelled:
                return any(_closes(each, found) for each in of) or (bool(of) and named.is_wanted(found))
            return bool(of) and (found.is_judged or found.is_udp)

        has_sessions = any(tables.sessions)  # whose prefixes are not among those of the holders
        return self._end(CutSelector(is_wanted, () if has_sessions else _beginnings(prefixes)))

    def of_names(self, wires: Iterable[bytes], tables: TableSet) -> Cut | None:
        """End what names close that a change has touched; None where none of them can be found.   tables  as above"""
        wires = list(wires)
        names, pages = hash_names(wire for wire in wires if not is_url(wire)), _pages(filter(is_url, wires))
        hosts, now_s = hash_names(pages), int(datetime.now(UTC).timestamp())
        if not (names or hosts) or not self.can_find_names:
            return None
        of_names, of_pages = _named(names, tables, now_s), _paged(hosts, pages, tables, now_s)
        signs = [*of_names.signs, *of_pages.signs]
        return self._end(
            CutSelector(
                lambda found: of_names.is_wanted(found) or of_pages.is_wanted(found),
                signs if len(signs) <= FEW and all(each.signs for each in (of_names, of_pages)) else (),
            )
        )

    def of_hours(self, tables: TableSet) -> Cut | None:
        """End what the locks that are in force by now leave no more; None where nothing can be found.

        tables   in force in every worker
        Raises RuntimeError where the kernel refuses: by the clock, nothing but another call makes up for it
        Cost: that of a dump, and 6 µs for each address in it, however many lines there are"""
        if self._keeper.means is Means.NONE:
            return None
        left_now = _LeftOpen(tables, int(datetime.now(UTC).timestamp()))
        is_labelled = self._keeper.means is not Means.LINES

        def is_wanted(found: Connection) -> bool:
            left = [each for address in found.addresses if (each := left_now[address]) is not None]
            if is_labelled:
                return found.label is not None and any(not found.label.has_any(each) for each in left)
            return bool(left) and (found.is_judged or found.is_udp)

        cut = self._ended(CutSelector(is_wanted, may_have=left_now.is_locked))
        if cut.ended:
            log.info("hours begin: %d connections ended, %d go on", cut.ended, cut.still_open)
        return cut

    @property
    def can_find_names(self) -> bool:
        """Whether of_names() can find any connection, by now."""
        return self._keeper.means in (Means.LABELS, Means.QUIC)

    # ------------------------------------------------------------------------------------------------------------------

    def _tightened(self, revision: int, at: datetime) -> tuple[dict[int, _Restriction], list[Network]]:
        """What each profile closes that closes more than it did, and what answers to those; to many: no one knows.

        What has changed after `revision` is looked at again, with the tables that hold it."""
        tightened = dict[int, _Restriction]()
        with self._looking, reading(self._engine) as conn:
            is_newer = current_revision(conn) > revision
            changed = changed_since(conn, self._revision)
            if len(changed) > MOST_CHANGED:
                log.warning("%d profiles changed at once: what runs goes on, new connections are judged", len(changed))
                changed.clear()
            if len(self._closing) > MOST_CHANGED:
                self._closing.clear()
            for number, profile in iter_profiles(conn, changed):
                before, now = self._closing.get(number, _NOTHING), _closing(profile, at)
                if now.is_tighter_than(before):
                    tightened[number] = now._replace(names=now.names | (before.opened - now.opened))
                if not is_newer:
                    self._closing[number] = now
            self._revision = max(self._revision, revision)
            held = prefixes_of(conn, list(tightened)) if len(tightened) <= FEW else {}
        return tightened, [prefix for prefixes in held.values() for prefix in prefixes]

    def _end(self, wanted: CutSelector) -> Cut | None:
        try:
            return self._ended(wanted)
        except RuntimeError as reason:
            log.warning("%s", reason)
            return None

    def _ended(self, wanted: CutSelector) -> Cut:
        cut = self._keeper.end_connections(wanted)
        self.n_ended += cut.ended
        if cut.still_open:
            log.warning("a tightened rule: %d connections go on; run 'filterd doctor'", cut.still_open)
        return cut


class _LeftOpen(dict[str, frozenset[int] | None]):
    """What a lock that is in force leaves open to an address; None: no lock is."""

    def __init__(self, tables: TableSet, now_s: int) -> None:
        self._tables, self._now_s = tables, now_s
        self._sets: dict[int, frozenset[int]] = {}
        self._locked: dict[bytes, bool] = {}

    def is_locked(self, octets: bytes) -> bool:
        """Whether a lock is in force for an address in network order."""
        found = self._locked.get(octets)
        if found is None:
            found = self._locked[octets] = self[str(ip_address(octets))] is not None
        return found

    def __missing__(self, address: str) -> frozenset[int] | None:
        bits = left_open(self._tables, address, self._now_s)
        if bits is not None and bits not in self._sets:
            self._sets[bits] = frozenset(n for n in range(bits.bit_length()) if bits >> n & 1)
        found = self[address] = None if bits is None else self._sets[bits]
        return found


def _closing(profile: Profile, at: datetime) -> _Restriction:
    soft = allowed_at(profile, at)
    open_alone = None if soft is None else _numbers(soft)
    return _Restriction(_numbers(profile.blocked_categories), profile.denied, profile.allowed, open_alone)


def _numbers(categories: Iterable[str]) -> frozenset[int]:
    return frozenset(NUMBERS[name] for name in categories)


def _closes(closing: _Restriction, found: Connection) -> bool:
    if found.label is None:
        return False
    if closing.open_alone is not None and not found.label.has_any(closing.open_alone):
        return True
    return found.label.has_any(closing.categories) or (found.is_udp and QUIC in closing.categories)


def _beginnings(prefixes: list[Network]) -> list[bytes]:
    found = [each.network_address.packed[: each.prefixlen // 8] for each in prefixes]
    return found if len(found) <= FEW else []


def _pages(urls: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """URLs by their hosts, in wire form; what has no host by name is left out, as no label tells it."""
    found: dict[bytes, list[bytes]] = {}
    for text in urls:
        url = read_url(text)
        if url.wire is not None:
            found.setdefault(url.wire, []).append(url.text)
    return found


def _paged(
    hosts: dict[bytes, tuple[int, int]], pages: dict[bytes, list[bytes]], tables: TableSet, now_s: int
) -> CutSelector:
    """Connections over HTTP whose host is one of these, where a page of it is blocked for one of their addresses."""
    known: dict[tuple[bytes, str], bool] = {}

    def is_blocked(host: bytes, address: str) -> bool:
        if (host, address) not in known:
            actions = (tables.decide_url(host, url, address, now_s).action for url in pages[host])
            known[host, address] = any(each not in (Action.PASSTHRU, Action.TCP_ONLY) for each in actions)
        return known[host, address]

    def is_wanted(found: Connection) -> bool:
        label = found.label
        if label is None or found.is_udp or found.port != HTTP_PORT:
            return False
        its = [host for host, hashes in hosts.items() if label.may_be(*hashes)]
        return any(is_blocked(host, address) for host in its for address in found.addresses)

    return CutSelector(is_wanted, signs_of({two for two, _ in hosts.values()}))


def _named(names: dict[bytes, tuple[int, int]], tables: TableSet, now_s: int) -> CutSelector:
    """Connections whose name is one of these, or below it, and is blocked for one of their addresses."""
    by_two: dict[int, list[bytes]] = {}
    for wire, (two, _) in names.items():
        by_two.setdefault(two, []).append(wire)
    several = list(names)[:MOST_SEVERAL]
    known: dict[tuple[bytes, str], bool] = {}

    def is_blocked(wire: bytes, address: str) -> bool:
        if len(wire) > MAX_OCTETS:
            return False
        if (wire, address) not in known:
            action = tables.decide(wire, address, now_s).action
            known[wire, address] = action not in (Action.PASSTHRU, Action.TCP_ONLY)
        return known[wire, address]

    def is_wanted(found: Connection) -> bool:
        label = found.label
        if label is None:
            return False
        for wire in several if label.has_several_names else by_two.get(label.two, ()):
            is_it = label.has_several_names or (label.two, label.three) == names[wire]
            may_be_below = label.may_be(*names[wire])
            for address in found.addresses:
                if (is_it and is_blocked(wire, address)) or (may_be_below and is_blocked(CHILD + wire, address)):
                    return True
        return False

    return CutSelector(is_wanted, signs_of(by_two))

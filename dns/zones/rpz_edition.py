"""Response policy zones made from the lists of the images in force.

    subtree    NAME and *.NAME      exact    NAME      below    *.NAME      an exception    CNAME rpz-passthru.
    192.0.2.0/24    24.0.2.0.192.rpz-ip, whose longest prefix decides in every resolver

Invariants: the names are those that the workers enforce, orders included, since both read the same images; a name of a
confidential list cannot be among them; each owner stands in a zone once, in the images' order; editions of a zone are
numbered by the images' generation, and two editions with one serial have the same records.  Entries that RPZ cannot
express are left out and counted: names that are too long with the zone's appended, and names that a resolver would read
as another kind of trigger.  REFUSED, which no response policy knows, becomes NXDOMAIN.  A record is kept as it is in
a message whose first question is the zone's name: its owner ends in a pointer there.
Source: draft-vixie-dnsop-dns-rpz-00 §3, §4, §4.3; RFC 1982; RFC 1035 §4.1.4.   Cost: some 1 µs a name.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple

from dns.base.wire_format import AAAA, CNAME, HEADER_OCTETS, IN, MAX_NAME_OCTETS, A
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action
from fastpath.images.zone_listing import Effect, Listing, Named
from fastpath.wire.address import network_of
from fastpath.wire.name import to_wire
from rules.base.prefixes import write_trigger

TTL_S: Final = 60  # of a block's answer, semantics §4
MAX_CHANGED: Final = 100_000  # names of a difference, some 40 MiB while it is made; beyond, all of the zone is given
TOO_LONG: Final = "too long with the zone's name behind it"
OTHER_TRIGGER: Final = "ends in a label that makes it a trigger of another kind"

_POINTER: Final = struct.pack(">H", 0xC000 | HEADER_OCTETS)  # to the question's name
_FIXED: Final = struct.Struct(">HHIH")
_DATA_HEAD: Final = struct.Struct(">HIH")  # of a record of local data: type, TTL, length
_WILDCARD: Final = b"\1*"
_TRIGGERS: Final = tuple(to_wire(label)[:-1] for label in (b"rpz-ip", b"rpz-nsdname", b"rpz-nsip", b"rpz-client-ip"))
_TARGETS: Final = {
    Action.PASSTHRU: to_wire(b"rpz-passthru"),
    Action.NXDOMAIN: b"\0",
    Action.NODATA: b"\1*\0",
    Action.REFUSED: b"\0",
    Action.DROP: to_wire(b"rpz-drop"),
    Action.TCP_ONLY: to_wire(b"rpz-tcp-only"),
    Action.LOCAL_DATA: b"\1*\0",  # without any
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a served zone.

    name     in wire form, folded;   lists  by id, not confidential
    splash   addresses of the splash page; without any, NXDOMAIN"""

    name: bytes
    lists: tuple[str, ...]
    splash: tuple[str, ...] = ()


class Difference(NamedTuple):
    """The changes from one edition to the next."""

    before: int  # serials
    after: int
    removed: list[bytes]  # records
    added: list[bytes]

    def __len__(self) -> int:
        return len(self.removed) + len(self.added)


class Edition:
    """A zone at one generation of the images; immutable, so that threads can share it.

    serial        the images' generation, in 32 bits;   n_records  without SOA and NS
    unpublished   what was left out: reason → how many owners"""

    def __init__(
        self,
        writer: "_Writer",
        listing: Listing,
        serial: int,
        between: Counter[tuple[bytes, Effect]],
        n_records: int,
        unpublished: Counter[str],
    ) -> None:
        self._writer, self._listing, self._between = writer, listing, between
        self.serial, self.n_records, self.unpublished = serial, n_records, unpublished

    @classmethod
    def first(cls, plan: Plan, tables: TableSet) -> "Edition":
        """Make the zone from `tables`.   Raises ValueError for a confidential list.   Cost: a pass over the images"""
        writer, listing = _Writer(plan), Listing(tables, plan.lists)
        between: Counter[tuple[bytes, Effect]] = Counter()
        unpublished: Counter[str] = Counter()
        n_records = 0
        for named in _read(listing):
            n_records += len(writer.records(named[0], unpublished))
            between.update(named[1])
        n_records += len(writer.records(_as_names(between), unpublished))
        return cls(writer, listing, _serial_of(tables), between, n_records, unpublished)

    def blocks(self) -> Iterator[list[bytes]]:
        """All records, in blocks of some thousands."""
        nothing: Counter[str] = Counter()
        for names, _ in _read(self._listing):
            yield self._writer.records(names, nothing)
        yield self._writer.records(_as_names(self._between), nothing)

    def next(self, tables: TableSet) -> tuple["Edition", Difference | None]:
        """The next edition and its changes; without changes, the same serial; None: too many changes.

        Cost: 0.1 µs a name of the images where only their delta is another, else 1 µs"""
        writer, listing = self._writer, Listing(tables, self._listing.list_ids)
        between, unpublished = Counter(self._between), Counter(self.unpublished)
        was: Counter[tuple[bytes, Effect, Effect]] = Counter()
        for before, now in _changes(listing, self._listing):
            was.update(before[0])
            was.subtract(now[0])
            if len(was) > MAX_CHANGED:
                return Edition.first(writer.plan, tables), None
            between.subtract(before[1])
            between.update(now[1])
        between = +between
        was.update(_as_names(self._between.keys() - between.keys()))
        was.subtract(_as_names(between.keys() - self._between.keys()))
        left_out: Counter[str] = Counter()
        removed = writer.records(+was, left_out)
        unpublished.subtract(left_out)
        added = writer.records(-was, unpublished)
        serial = _serial_of(tables) if removed or added else self.serial
        n_records = self.n_records - len(removed) + len(added)
        edition = Edition(writer, listing, serial, between, n_records, +unpublished)
        return edition, Difference(self.serial, serial, removed, added)


class _Writer:
    """Makes records from names."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._room = MAX_NAME_OCTETS - len(plan.name)
        self._tails = _Tails(plan.splash)

    def records(self, names: Iterable[tuple[bytes, Effect, Effect]], unpublished: Counter[str]) -> list[bytes]:
        """The records of (name, own effect, effect below); what cannot be said is counted."""
        room, tails = self._room, self._tails
        found: list[bytes] = []
        for name, own, below in names:
            if name.endswith(_TRIGGERS) or len(name) > room:
                found += self._other_records(name, own, below, unpublished)
                continue
            found += [name + tail for tail in tails[own]]
            if len(name) + len(_WILDCARD) <= room:
                found += [_WILDCARD + name + tail for tail in tails[below]]
            elif below != Action.NO_ACTION:
                unpublished[TOO_LONG] += 1
        return found

    def _other_records(self, name: bytes, own: Effect, below: Effect, unpublished: Counter[str]) -> list[bytes]:
        """The records of a name that is not one of a resolver's question: a prefix, or one that cannot be said."""
        network = network_of(name + b"\0")
        if network is None:
            n_owners = (own != Action.NO_ACTION) + (below != Action.NO_ACTION)
            unpublished[TOO_LONG if len(name) > self._room else OTHER_TRIGGER] += n_owners
            return []
        owner = b"".join(bytes([len(label)]) + label for label in write_trigger(network).encode().split(b"."))
        effect = own if network.num_addresses == 1 else below
        if len(owner) > self._room:
            unpublished[TOO_LONG] += effect != Action.NO_ACTION
            return []
        return [owner + tail for tail in self._tails[effect]]


class _Tails(dict[Effect, tuple[bytes, ...]]):
    """What follows the owner's own labels in the records of an effect."""

    def __init__(self, splash: tuple[str, ...]) -> None:
        super().__init__({action: (_tail(CNAME, TTL_S, target),) for action, target in _TARGETS.items()})
        addresses = [ip_address(text) for text in splash]
        self[Action.SPLASH] = (
            tuple(_tail(A if each.version == 4 else AAAA, TTL_S, each.packed) for each in addresses)
            or self[Action.NXDOMAIN]
        )
        self[Action.NO_ACTION] = ()

    def __missing__(self, data: Effect) -> tuple[bytes, ...]:
        """Make the tail for local data; it is not kept, because there may be one for each name."""
        if not isinstance(data, bytes):  # an action of a later version's image: it blocks, that much is known
            return self[Action.NXDOMAIN]
        tails, at = [], 0
        while at < len(data):
            rtype, ttl_s, length = _DATA_HEAD.unpack_from(data, at)
            at += _DATA_HEAD.size + length
            tails.append(_tail(rtype, ttl_s, data[at - length : at]))
        return tuple(tails)


def record_at_apex(rtype: int, ttl_s: int, rdata: bytes) -> bytes:
    """Make a record at the zone's apex."""
    return _tail(rtype, ttl_s, rdata)


def _tail(rtype: int, ttl_s: int, rdata: bytes) -> bytes:
    return _POINTER + _FIXED.pack(rtype, IN, ttl_s, len(rdata)) + rdata


def _read(listing: Listing) -> Iterator[Named]:
    at = 0
    while at < listing.end:
        at, named = listing.read(at)
        yield named


def _changes(listing: Listing, before: Listing) -> Iterator[tuple[Named, Named]]:
    at, end = 0, listing.changes_end(before)
    while at < end:
        at, was, becomes = listing.changes(before, at)
        yield was, becomes


def _as_names(between: Iterable[tuple[bytes, Effect]]) -> list[tuple[bytes, Effect, Effect]]:
    return [(wire, effect, effect) for wire, effect in between]


def _serial_of(tables: TableSet) -> int:
    return max(tables.generations["names"]) % 2**32

"""Reads a zone transfer (IXFR or AXFR) record by record: the whole zone, or changes.  No I/O.

    SOA(new) ─┬─ nothing newer ───────────────────────────────────────────────→ CURRENT
              ├─ record … SOA(new) ──────────────────────────────────────────→ WHOLE
              └─ SOA(ours) removed… SOA(next) added… SOA(next) removed … SOA(new) → CHANGES

Invariants: a whole zone is streamed and never held; changes are held, at most `max_changes` records, and lead without a
gap from our serial to the new one.  Anything else is BadMessage, and no part of it may be kept.
Source: RFC 5936 §2.2; RFC 1995 §4, §2; RFC 1982.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from dns.base.message import BadMessage, Record, Soa, is_newer, is_under, read_soa
from dns.base.wire_format import IN, SOA

Whole = Callable[[Record], None]  # takes the SOA first, then every record, without the SOA at the end


class Kind(Enum):
    """What the primary sent."""

    CURRENT = "current"
    WHOLE = "whole"
    CHANGES = "changes"


@dataclass(slots=True)
class Change:
    """The changes from one serial to the next.   removed, added  without the SOAs"""

    old_serial: int
    removed: list[Record] = field(default_factory=list)
    soa: Record | None = None  # the new one; None: its SOA is still to come
    added: list[Record] = field(default_factory=list)


class IncomingTransfer:
    """Takes the records of one transfer, in portions of any size.

    apex         of the zone, in wire form, folded;   serial  ours; None where we have none (AXFR)
    whole        takes the records of a whole zone as they come
    max_changes  records that changes may have in all; one more is TooManyChanges"""

    def __init__(self, apex: bytes, serial: int | None, whole: Whole, max_changes: int) -> None:
        self.kind: Kind | None = None
        self.changes: list[Change] = []
        self.n_records = 0
        self.is_complete = False
        self._apex, self._serial, self._whole = apex, serial, whole
        self._left = max_changes
        self._first: Record | None = None
        self._new = Soa(0, 0, 0, 0, 0)

    @property
    def soa(self) -> Record:
        """The zone's newest SOA.   Valid once a record has come."""
        assert self._first is not None
        return self._first

    @property
    def serial(self) -> int:
        """The zone's newest serial.   Valid once a record has come."""
        return self._new.serial

    def take(self, records: Iterable[Record]) -> None:
        """The next records.   Raises BadMessage; TooManyChanges."""
        for record in records:
            if self.is_complete:
                raise BadMessage("records follow the end of the transfer")
            self.n_records += 1
            if record.rtype == SOA and record.owner != self._apex:
                raise BadMessage("a SOA of another name within the zone")
            if record.rclass != IN or not is_under(record.owner, self._apex):
                raise BadMessage("a record that is not of the zone")
            self._take(record)

    def _take(self, record: Record) -> None:
        if self.kind is Kind.WHOLE:
            self._take_whole(record)
        elif self.kind is Kind.CHANGES:
            self._take_change(record)
        elif self._first is None:
            self._begin(record)
        else:
            self._choose(record)

    def _begin(self, record: Record) -> None:
        """The first record: the newest SOA."""
        self._first, self._new = record, read_soa(record)
        if self._serial is not None and not is_newer(self._new.serial, self._serial):
            self.kind, self.is_complete = Kind.CURRENT, True

    def _choose(self, record: Record) -> None:
        """Tell changes from a whole zone by the second record."""
        if self._serial is not None and record.rtype == SOA and read_soa(record).serial != self._new.serial:
            if read_soa(record).serial != self._serial:
                raise BadMessage(f"changes from serial {read_soa(record).serial}, ours is {self._serial}")
            self.kind = Kind.CHANGES
            self.changes.append(Change(self._serial))
            return
        self.kind = Kind.WHOLE
        self._whole(self.soa)
        self._take_whole(record)

    def _take_whole(self, record: Record) -> None:
        if record.rtype != SOA:
            self._whole(record)
            return
        if read_soa(record).serial != self._new.serial:
            raise BadMessage(f"the zone ends with serial {read_soa(record).serial}, it began with {self._new.serial}")
        self.is_complete = True

    def _take_change(self, record: Record) -> None:
        change = self.changes[-1]
        if record.rtype == SOA:
            self._turn(change, record)
            return
        self._left -= 1
        if self._left < 0:
            raise TooManyChanges
        (change.removed if change.soa is None else change.added).append(record)

    def _turn(self, change: Change, record: Record) -> None:
        """Handle a SOA between two parts."""
        serial = read_soa(record).serial
        if change.soa is None:
            if not is_newer(serial, change.old_serial):
                raise BadMessage(f"a change from serial {change.old_serial} to {serial}")
            change.soa = record
            return
        if serial != read_soa(change.soa).serial:
            raise BadMessage(f"a change from serial {serial} behind one to {read_soa(change.soa).serial}")
        if serial == self._new.serial:
            self.is_complete = True
        else:
            self.changes.append(Change(serial))


class TooManyChanges(Exception):
    """More changes than the limit: a transfer of the whole zone is cheaper."""

    def __init__(self) -> None:
        super().__init__("too many changes for an incremental transfer")

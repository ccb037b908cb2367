"""Batches of block records on the disk: what one look at a spool has found, written whole.

    NNNNNNNNNN.batch   MessagePack of a Batch: records in columns, and how far every spool has been read

Records of households' choices are stored apart from all others, under pseudonyms of their own.  CSAM blocks, which are
counts in the database, and the help corridor leave nothing: with the time of a batch, a count would be a record.
Records that are drained stand in order of their seconds, and in one second of their lists, orders and rules: most
columns are runs then.
Two accounts write the folder: what lies there is read as another's (fastpath.base.foreign_file).
Invariants: a batch is whole or not there, and on the disk when append() returns; only then may its records be
overwritten in the spool.  Records and positions are one file, so none is lost or counted twice, whenever the writer
dies.  Numbers only rise.  One process writes.  Positions of a spool that is lost go before another one is read.
Source: semantics §9; MessagePack.   Cost: 1 µs a record, and two fsync a batch.
"""

import os
import re
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from fastpath.base.foreign_file import read_foreign
from fastpath.report.columns import Columns
from fastpath.report.ledger_rows import (
    NOT_IN_LEDGER,
    LedgerRows,
    largest,
    ledger_rows,
    ordered_rows,
    placed_kinds,
    pseudonyms,
)
from filterd.audit.drain import (
    UNRECORDED,
    ProvincesOf,
    drain_segment,
    from_where,
    log_decisions,
    nowhere,
    of_people,
    record_of,
    remove_drained,
    say_began_again,
    wipe_before,
)
from mgmt.registers.records.block_ledger import HOUSEHOLD, PSEUDONYM_OCTETS, BlockRecord, Position, StoredBlock
from parental.store.schema.records import UNKNOWN_PROVINCE
from rules.base.atomic_file import writing_whole

DAY_S = 86_400
BATCHES = "batches"  # their folder, of those that become files
CONTROL_LOCK = "control.lock"  # in it: of the process that writes them
NAME = re.compile(r"(\d{10})\.batch")
PUT_ASIDE = re.compile(r"(\d{10})\.batch\.damaged")  # by a person: its number is not given again

MOST_RECORDS = 1 << 16  # of a batch
MOST_OCTETS = 128 << 20  # of its file: each record of a kind of its own, with the longest rule, is half of it

LedgerName = Literal["enforcement", "household"]
LEDGERS: tuple[LedgerName, ...] = ("enforcement", "household")
KeyOf = Callable[[LedgerName, int], bytes]  # (ledger, days since 1970) → key of its pseudonyms of that day
Follow = Callable[[Columns, Position], None]


class Kind(Struct, frozen=True, array_like=True):
    """All that a record says but its second, its subscriber and its count.

    Fields as in mgmt.registers.records.block_ledger."""

    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    province: str = UNKNOWN_PROVINCE


class Rows(Struct, array_like=True):
    """Records of one ledger, a column each: machine integers, one behind the other.

    pseudonyms  16 octets each;   time_s  int64;   kind  uint32, index in `kinds`;   counts  uint32
    pseudonym   uint32, 1 + index in `pseudonyms`, or 0: the address is no subscriber's"""

    kinds: list[Kind] = []
    pseudonyms: bytes = b""
    time_s: bytes = b""
    kind: bytes = b""
    pseudonym: bytes = b""
    counts: bytes = b""


class Batch(Struct, array_like=True):
    """What one look at a spool has found.   positions  worker → segment and slot up to which its spool was read"""

    positions: dict[str, tuple[int, int]]
    enforcement: Rows
    household: Rows

    def rows(self, ledger: LedgerName) -> Rows:
        return self.enforcement if ledger == "enforcement" else self.household


class Batches:
    """The folder of batches, for the one process that writes them.   Raises OSError; ValueError for a damaged batch"""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        newest = max(batch_numbers(folder), default=0)
        self.next = 1 + max([newest, *numbers_put_aside(folder)])
        self.positions = read_batch(folder, newest).positions if newest else {}

    def append(self, batch: Batch) -> int:
        """Have a batch on the disk; its number.   Raises OSError: it is not, and the spool keeps its records"""
        number = self.next
        try:
            with writing_whole(batch_path(self.folder, number)) as file:
                os.fchmod(file.fileno(), 0o640)
                file.write(msgspec.msgpack.encode(batch))
        except OSError as reason:
            what = f"{reason.strerror}: no batch of block records was written; they wait in the spool; make room"
            raise OSError(reason.errno, what, str(self.folder)) from reason
        self.next += 1
        self.positions = batch.positions
        return number

    def position_of(self, folder: Path) -> Position:
        """From where batches are to have a worker's events; that its spool began again is stored as by the drain."""
        segment, slot = self.positions.get(folder.name, (0, 0))
        stored = Position(str(segment), slot)
        if (at := from_where(folder, stored)) != stored:
            self.append(no_records({**self.positions, folder.name: (0, 0)}))
            say_began_again(folder)
        return at


def wipe_stored(spool_dir: Path, batches: Batches) -> None:
    """Overwrite events that are in batches, where a process ended before it could do so: at the start."""
    for folder in [spool_dir / worker for worker in batches.positions]:
        if folder.is_dir():
            wipe_before(folder, batches.position_of(folder))


def drain_to_batch(
    folder: Path,
    batches: Batches,
    key_of: KeyOf,
    follow: Follow | None = None,
    keeps_household: bool = True,
    provinces_of: ProvincesOf = nowhere,
    probe: int | None = None,
) -> int:
    """Have the next events of a worker in a batch, and overwrite them in its spool; how many there were.

    follow  what else is to be done with them, before they are overwritten;   keeps_household  their records, too
    probe   as of_people()
    Raises OSError, ValueError, and what follow() raises: events that are in no batch stay in the spool"""

    def take(found: Columns, position: Position) -> None:
        positions = {**batches.positions, folder.name: (int(position.segment), position.offset)}
        batch = batch_of(of_people(found, probe), positions, key_of, provinces_of)
        if not keeps_household:
            batch.household = Rows()
        batches.append(batch)
        if follow is not None:
            follow(found, position)
        log_decisions(found)

    n = drain_segment(folder, batches.position_of(folder), take, MOST_RECORDS)
    remove_drained(folder, batches.position_of(folder))
    return n


def batch_of(
    found: Columns, positions: dict[str, tuple[int, int]], key_of: KeyOf, provinces_of: ProvincesOf = nowhere
) -> Batch:
    """The batch of what was read; households' records say no province.   positions  of all workers, with this one's"""
    kinds = [None if event.reason in UNRECORDED else kind_of(record_of(event)) for event in found.kinds]
    enforcement = _rows(found, kinds, "enforcement", key_of, provinces_of)
    return Batch(positions, enforcement, _rows(found, kinds, "household", key_of, nowhere))


def kind_of(record: BlockRecord | StoredBlock) -> Kind:
    """What a record says in addition to its second, its subscriber and its count."""
    return Kind(*(getattr(record, field) for field in Kind.__struct_fields__))


def no_records(positions: dict[str, tuple[int, int]]) -> Batch:
    """A batch of positions alone: all others may go once it is there."""
    return Batch(positions, Rows(), Rows())


def read_batch(folder: Path, number: int) -> Batch:
    """One batch.   Raises OSError; ValueError for one that is not what was written"""
    path = batch_path(folder, number)
    try:
        batch = msgspec.msgpack.decode(read_foreign(path, MOST_OCTETS), type=Batch)
        for ledger in LEDGERS:
            _check(batch.rows(ledger))
    except (msgspec.DecodeError, ValueError) as reason:
        raise ValueError(
            f"{path}: damaged ({reason}); not read; its records are lost: add .damaged to its name"
        ) from reason
    return batch


def batch_numbers(folder: Path) -> list[int]:
    """The numbers of the batches that are there, in order."""
    return sorted(_numbers(folder, NAME))


def numbers_put_aside(folder: Path) -> list[int]:
    """The numbers of damaged batches, which are read no more."""
    return _numbers(folder, PUT_ASIDE)


def batch_path(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}.batch"


def put_aside_path(folder: Path, number: int) -> Path:
    """Where a damaged batch is that a person has put aside."""
    return folder / f"{number:010d}.batch.damaged"


# ----------------------------------------------------------------------------------------------------------------------


def _numbers(folder: Path, name: re.Pattern[str]) -> list[int]:
    return [int(found[1]) for path in folder.iterdir() if (found := name.fullmatch(path.name))]


def _rows(
    found: Columns, kinds: list[Kind | None], ledger: LedgerName, key_of: KeyOf, provinces_of: ProvincesOf
) -> Rows:
    """The records of one ledger."""
    of_ledger: list[Kind] = []
    numbers = array("I")
    for kind in kinds:
        is_of_ledger = kind is not None and (kind.reason in HOUSEHOLD) == (ledger == "household")
        numbers.append(len(of_ledger) if is_of_ledger else NOT_IN_LEDGER)
        if kind is not None and is_of_ledger:
            of_ledger.append(kind)
    rows = ledger_rows(found, numbers)
    of_ledger, kind_numbers = _ordered(*_placed(of_ledger, rows, provinces_of(rows.subscribers)))
    ordered = ordered_rows(rows.time_s, kind_numbers, rows.pseudonym, rows.counts)
    return Rows(of_ledger, _pseudonyms(rows, ledger, key_of), *(column.tobytes() for column in ordered))


def _ordered(kinds: list[Kind], numbers: array[int]) -> tuple[list[Kind], array[int]]:
    """Kinds in order of their lists, orders and rules, and the number of each row's among them."""
    order = sorted(range(len(kinds)), key=[(kind.list, kind.order, kind.rule) for kind in kinds].__getitem__)
    rank = array("I", bytes(4 * len(kinds)))
    for at, number in enumerate(order):
        rank[number] = at
    return [kinds[number] for number in order], array("I", map(rank.__getitem__, numbers))


def _placed(kinds: list[Kind], rows: LedgerRows, provinces: Mapping[int, str]) -> tuple[list[Kind], array[int]]:
    """Kinds that say a province, too, and the number of each row's among them."""
    names = sorted(set(provinces.values()) - {UNKNOWN_PROVINCE})
    if not names:
        return kinds, rows.kind
    number_of = {name: number for number, name in enumerate([UNKNOWN_PROVINCE, *names])}
    places = array("I", (number_of[provinces[each]] for each in rows.subscribers))
    placed = placed_kinds(rows.kind, rows.pseudonym, places, len(kinds), len(number_of))
    said = [UNKNOWN_PROVINCE, *names]
    pairs = zip(placed.numbers, placed.places, strict=True)
    return [msgspec.structs.replace(kinds[number], province=said[place]) for number, place in pairs], placed.kind


def _pseudonyms(rows: LedgerRows, ledger: LedgerName, key_of: KeyOf) -> bytes:
    """Those of each pair of day and subscriber, in order; nearly always of one day."""
    if len(days := set(rows.days)) == 1:
        return pseudonyms(rows.subscribers, key_of(ledger, days.pop()))
    keys = {day: key_of(ledger, day) for day in days}
    pairs = zip(rows.days, rows.subscribers, strict=True)
    return b"".join(pseudonyms(array("I", [subscriber]), keys[day]) for day, subscriber in pairs)


def _check(rows: Rows) -> None:
    """Raises ValueError where columns differ in length, or point at what is missing."""
    n = len(rows.time_s) // 8
    if {len(rows.time_s), 2 * len(rows.kind), 2 * len(rows.pseudonym), 2 * len(rows.counts)} != {8 * n}:
        raise ValueError("columns of different lengths")
    if len(rows.pseudonyms) % PSEUDONYM_OCTETS:
        raise ValueError("a pseudonym of another length")
    if n and largest(rows.kind) >= len(rows.kinds):
        raise ValueError("a record of no kind")
    if n and largest(rows.pseudonym) > len(rows.pseudonyms) // PSEUDONYM_OCTETS:
        raise ValueError("a pseudonym that does not exist")

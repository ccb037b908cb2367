"""A store of block records beside a spool, drained and compacted as a role would."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from filterd.audit import block_files
from filterd.audit.block_batches import (
    BATCHES,
    LEDGERS,
    Batches,
    LedgerName,
    drain_to_batch,
    no_records,
    read_batch,
    wipe_stored,
)
from filterd.audit.block_rows import batch_of_rows
from filterd.audit.drain import ProvincesOf, nowhere
from mgmt.registers.records.block_ledger import BlockRecord, StoredBlock

NODE_KEY = bytes(range(32))


def key_of(ledger: LedgerName, day: int) -> bytes:
    return f"{ledger} {day}".encode()


def drain_all(spool: Path, store: Path, provinces_of: ProvincesOf = nowhere) -> Batches:
    """Every event of every worker in batches."""
    batches = Batches(store / BATCHES)
    wipe_stored(spool, batches)
    for folder in sorted(spool.iterdir()):
        while drain_to_batch(folder, batches, key_of, provinces_of=provinces_of):
            pass
    return batches


def put(store: Path, *records: BlockRecord) -> None:
    """Records in a batch, each under the pseudonym of its number."""
    rows = [_row(**asdict(each)) for each in records]
    batches = Batches(store / BATCHES)
    batches.append(batch_of_rows(rows, batches.positions))


def _row(subscriber: int | None, **said: Any) -> StoredBlock:
    return StoredBlock(0, pseudonym="" if subscriber is None else f"{subscriber:032x}", **said)


def live(spool: Path, store: Path) -> None:
    """One life of the process: what the last one has left, all there is in the spools, one compaction."""
    batches = drain_all(spool, store)
    batches.append(no_records(batches.positions))
    block_files.compact(store)


def found(store: Path) -> Counter[str]:
    """How many blocks of each rule are in the store, of all ledgers, as a reader without DuckDB counts them."""
    counted: Counter[str] = Counter()
    for row in rows(store):
        counted[row["rule"]] += row["count"]
    return counted


def rows(store: Path) -> Iterator[dict[str, Any]]:
    """The records of both ledgers, file by file and batch by batch."""
    for ledger in LEDGERS:
        batches, files = block_files.in_force(store, ledger, date.min, date.max)
        for path in (path for day in files.values() for path in day):
            yield from pq.read_table(path, partitioning=None).to_pylist()
        for number in batches:
            yield from block_files.table_of(read_batch(store / BATCHES, number).rows(ledger)).to_pylist()

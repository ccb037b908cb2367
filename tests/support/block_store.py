"""A store of block records beside a spool, drained and compacted as a role would."""

from collections import Counter
from datetime import date
from pathlib import Path

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
from filterd.audit.drain import ProvincesOf, nowhere

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


def live(spool: Path, store: Path) -> None:
    """One life of the process: what the last one has left, all there is in the spools, one compaction."""
    batches = drain_all(spool, store)
    batches.append(no_records(batches.positions))
    block_files.compact(store)


def found(store: Path) -> Counter[str]:
    """How many blocks of each rule are in the store, of all ledgers, as a reader without DuckDB counts them."""
    counted: Counter[str] = Counter()
    for ledger in LEDGERS:
        batches, files = block_files.in_force(store, ledger, date.min, date.max)
        tables = [block_files.table_of(read_batch(store / BATCHES, n).rows(ledger)) for n in batches]
        tables += [pq.read_table(path, partitioning=None) for day in files.values() for path in day]
        for table in tables:
            for rule, count in zip(table["rule"].to_pylist(), table["count"].to_pylist(), strict=True):
                counted[rule] += count
    return counted

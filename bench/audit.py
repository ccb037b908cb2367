"""The store of block records: how fast spools become batches and Parquet files, how large they are, and a search.

    drain_share        of a core, where 100,000 blocks a second are drained: spool, columns, batches, overwriting
    events_per_s       that one core would drain;   events_lost  of those written, how many the store has not
    octets_an_event    of the Parquet files;   rows_an_event  below 1: equal blocks of one second are one row
    parquet_per_s      records a second, from batches to files that count
    ndjson_per_s       records a second that are found and written as an auditor pulls them, orders by their names
    prove_share        of a core, where 100,000 blocks a second come into the tree of batches
    verify_100m_s      a bundle of 100,000,000 records, from what the records of this run took, with the compiled hashes
    verify_plain_100m_s   the same in Python alone, as an auditor without filterd does it
    inclusion_ms       one record proven out of a Parquet file, the middle one of 51;   inclusion_check_ms  one checked
    query_100m_s       all records of one order in a month of 100,000,000, with DuckDB's start
    memory_mib         of this process at its highest, with pyarrow and DuckDB
    dns_p99_ratio      of a DNS worker with 20,000 blocks a second: drained, by not drained (bench/audit_beside.py)

Goals: 0.25 of a core, 0 lost, 16 octets, 500,000 records/s, as NDJSON 100,000, 60 s, 10 ms, 2 s, no worse than without.
Blocks are drawn: 100,000 a second, of 100,000 subscribers, 20,000 rules (Zipf), 500 orders, a tenth of households.
BENCH_EVENTS=1000000, BENCH_RECORDS=10000000: fewer of them (10,000,000 and 100,000,000); the key says how many.
"""

import io
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.audit_beside import beside
from bench.drawn_blocks import BEGIN_S, PER_S, SLOTS, drawn_slots, put_segment
from filterd.audit.archive.batch_tree import COMPILED
from filterd.audit.archive.block_bundle import bundle_of
from filterd.audit.archive.block_tree import BlockTree, SignedCheckpoint
from filterd.audit.archive.record_proof import proof_of
from filterd.audit.block_batches import BATCHES, Batches, LedgerName, drain_to_batch, no_records
from filterd.audit.block_export import exported
from filterd.audit.block_files import compact
from filterd.audit.block_seal import BlockSeal
from filterd.audit.block_search import search
from mgmt.ledger import block_verifier
from mgmt.ledger.block_verifier import lines_of
from mgmt.registers.records.block_archive import OrderName
from mgmt.registers.records.block_ledger import RecordQuery

N_EVENTS = int(os.environ.get("BENCH_EVENTS", "10000000"))
N_RECORDS = int(os.environ.get("BENCH_RECORDS", "100000000"))
MARCH = RecordQuery(BEGIN_S, BEGIN_S + 31 * 86_400)
ASKED = 7  # the order of the search
N_PROOFS = 51
M = 1_000_000


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        place, box = Path(folder), Path(folder, "box")
        box.mkdir()
        found = {**beside(box), **drained(place), **proven(place), **searched(place)}
    return {**found, "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def drained(folder: Path) -> dict[str, float]:
    """Segments, filled one after the other, into batches and files."""
    batches, n, cpu_s = Batches(folder / "store" / BATCHES), 0, 0.0
    worker, slots = folder / "spool/dns-0", drawn_slots(random.Random(19))
    worker.mkdir(parents=True)
    while n < N_EVENTS:
        put_segment(worker, n, slots)
        n += SLOTS
        began = time.process_time()
        while drain_to_batch(worker, batches, _key_of):
            pass
        cpu_s += time.process_time() - began
    batches.append(no_records(batches.positions))
    began = time.process_time()
    with closing(BlockTree(folder / "store")) as tree:
        tree.catch_up()
    prove_s = time.process_time() - began
    began, n_records = time.monotonic(), 0
    files: list[Path] = []
    while (made := compact(folder / "store")).n_batches:
        n_records += made.n_records
        files += made.files
    took_s = time.monotonic() - began
    counted = sum(pc.sum(pq.read_table(path, columns=["count"], partitioning=None)["count"]).as_py() for path in files)
    return {
        "drain_share": cpu_s / n * PER_S,
        "prove_share": prove_s / n * PER_S,
        "events_per_s": n / cpu_s,
        "events_lost": n - counted,
        "octets_an_event": sum(path.stat().st_size for path in files) / n,
        "rows_an_event": n_records / n,
        "parquet_per_s": n_records / took_s,
        "ndjson_per_s": _pulled_per_s(folder / "store"),
    }


def _pulled_per_s(store: Path) -> float:
    orders = {number: OrderName(number, "PTA", f"PTA/{number}/2027") for number in range(1, 500)}
    began, n = time.monotonic(), 0
    for piece in exported(search(store, "enforcement", MARCH), "ndjson", orders):
        n += piece.count(b"\n")
    return n / (time.monotonic() - began)


def proven(folder: Path) -> dict[str, float]:
    """A bundle of all records, and one record alone, made and checked."""
    (folder / "keys").mkdir()
    seal, bundle = BlockSeal(folder / "keys", "bench"), folder / "bundle"
    with closing(BlockTree(folder / "store")) as tree:
        signed = seal.seal(tree.head(seal.signed))
        assert signed is not None
        tree.put_checkpoint(SignedCheckpoint(signed.size, signed.note, signed.vkey))
        with bundle.open("wb") as file:
            file.writelines(bundle_of(folder / "store", tree, date.min, date.max))
        took_s = [_verified_s(bundle, hashes) for hashes in (COMPILED, block_verifier.PLAIN)]
        proof, made_s = _proven_s(folder / "store", tree)
    began = time.process_time()
    block_verifier.verify(lines_of(io.BytesIO(proof)))
    checked_s = time.process_time() - began
    bundle.unlink()
    named = dict(zip(("verify_100m_s", "verify_plain_100m_s"), took_s, strict=True))
    return {**named, "inclusion_ms": made_s * 1000, "inclusion_check_ms": checked_s * 1000}


def searched(folder: Path) -> dict[str, float]:
    """All records of one order in a month, whose days are copies of the first one's records, moved."""
    day = folder / "store/enforcement" / f"day={date(2027, 3, 1)}"
    table = pa.concat_tables(pq.read_table(path, partitioning=None) for path in sorted(day.iterdir()))
    n_copies = max(1, N_RECORDS // 31 // table.num_rows)
    n_asked = len(table.filter(pc.equal(table["order"], ASKED))) * n_copies * 31
    for number in range(31):
        moved = table.set_column(0, table.schema.field(0), _later(table["time"], number))
        path = folder / "month/enforcement" / f"day={date(2027, 3, 1) + timedelta(days=number)}"
        path.mkdir(parents=True)
        for copy in range(n_copies):
            pq.write_table(moved, path / f"{copy + 1:010d}-{copy + 1:010d}.parquet", compression="zstd")
    Batches(folder / "month" / BATCHES)
    n_stored = table.num_rows * n_copies * 31
    began = time.monotonic()
    n = sum(piece.num_rows for piece in search(folder / "month", "enforcement", MARCH._replace(order=ASKED)))
    took_s = time.monotonic() - began
    assert n == n_asked, f"{n} found of {n_asked}"
    return {f"query_{round(n_stored / M)}m_s": took_s, "query_found": n}


# ----------------------------------------------------------------------------------------------------------------------


def _proven_s(store: Path, tree: BlockTree) -> tuple[bytes, float]:
    """The last one of some proofs, and what the middle one took: the archive, which makes them, goes on running."""
    drawn, took_s = random.Random(7), list[float]()
    leaves = list(tree.leaves(0, tree.size))
    for _ in range(N_PROOFS):
        leaf = drawn.choice(leaves)
        index = drawn.randrange(leaf.n)
        began = time.monotonic()
        proof = proof_of(store, tree, leaf.number, index)
        took_s.append(time.monotonic() - began)
    return proof, statistics.median(took_s)


def _verified_s(bundle: Path, hashes: block_verifier.Hashes) -> float:
    """What 100,000,000 records like those of a bundle take."""
    began = time.process_time()
    with bundle.open("rb") as file:
        n = block_verifier.verify(lines_of(file), hashes=hashes).records
    return (time.process_time() - began) / n * 100 * M


def _key_of(ledger: LedgerName, day: int) -> bytes:
    return f"{ledger} {day}".encode()


def _later(column: pa.ChunkedArray, days: int) -> pa.ChunkedArray:
    return pc.add(column.cast(pa.int64()), days * 86_400_000).cast(column.type)


if __name__ == "__main__":
    print(figures())

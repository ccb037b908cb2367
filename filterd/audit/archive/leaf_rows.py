"""Where the records of a leaf of the tree are in a file.

A file has the records of all leaves that its batches have of its day, one behind the other; one that was cut down for
legal holds says which leaves it has left, as `leaves` in its metadata: 3-7,12-12.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LEAVES = b"leaves"
RANGES = re.compile(r"\d+-\d+(,\d+-\d+)*")
STOPS = "nothing more exported; keep the store as evidence"

Range = tuple[int, int]  # first and last


def begins_of(parquet: pq.ParquetFile, counts: Mapping[int, int], path: Path) -> dict[int, int]:
    """Leaf → its first row, in order.   counts  of all leaves of its batches and its day

    Raises ValueError where they are not the file's"""
    said = (parquet.schema_arrow.metadata or {}).get(LEAVES)
    there = None if said is None else set(_numbers(said.decode(), path))
    begins, n = dict[int, int](), 0
    for number, records in counts.items():
        if there is None or number in there:
            begins[number] = n
            n += records
    if parquet.metadata.num_rows != n:
        raise ValueError(f"{path}: {parquet.metadata.num_rows} records, and {n} are in the tree; {STOPS}")
    return begins


def marked(schema: pa.Schema, leaves: Iterable[int]) -> pa.Schema:
    """The schema of a file that has these leaves left, rising."""
    said = ",".join(f"{first}-{last}" for first, last in ranges_of(leaves))
    return schema.with_metadata({LEAVES: said.encode()})


def ranges_of(numbers: Iterable[int]) -> Iterator[Range]:
    """Rising numbers as spans, each with its first and its last one."""
    first = last = None
    for number in numbers:
        if first is not None and last is not None and number != last + 1:
            yield first, last
            first = None
        first, last = number if first is None else first, number
    if first is not None and last is not None:
        yield first, last


def _numbers(said: str, path: Path) -> Iterator[int]:
    if not RANGES.fullmatch(said):
        raise ValueError(f"{path}: says {said!r:.40} of its leaves; {STOPS}")
    for each in said.split(","):
        first, last = (int(number) for number in each.split("-"))
        yield from range(first, last + 1)

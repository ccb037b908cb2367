"""Found records as an auditor gets them: NDJSON, CSV or Parquet, in pieces.

Rows are made of columns: a value that comes again becomes text once (mgmt.registers.records.block_forms), and is
joined for all rows at once.   Cost: 1 µs a record as text (bench/audit.py: ndjson_per_s)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mgmt.registers.records.block_archive import OrderName
from mgmt.registers.records.block_forms import FIELDS, FORMS, Form, iso

PIECE_OCTETS = 512 << 10  # of an answer: as base64 it is well below a line of filterd.process.json_socket
ROW_GROUP = 1 << 17  # records

Orders = Mapping[int, OrderName]
NUMBERS = ("generation", "count")
EXPORTED = pa.schema(
    [
        pa.field(name, pa.timestamp("s", "UTC") if name == "time" else pa.uint64() if name in NUMBERS else pa.string())
        for name in FIELDS
    ]
)


def exported(found: Iterable[pa.RecordBatch], form: str, orders: Orders) -> Iterator[bytes]:
    """Records in columns of block_files.SCHEMA as octets of a form; at most PIECE_OCTETS each.   Raises as `found`"""
    octets = _parquet(found, orders) if form == "parquet" else _text(found, FORMS[form], orders)
    for each in octets:
        for at in range(0, len(each), PIECE_OCTETS):
            yield each[at : at + PIECE_OCTETS]


# ----------------------------------------------------------------------------------------------------------------------


def _text(found: Iterable[pa.RecordBatch], form: Form, orders: Orders) -> Iterator[bytes]:
    cells = {field: _cell_of(form, value_of) for field, value_of in _values_of(orders).items()}
    yield form.head.encode()
    for batch in found:
        parts: list[Any] = [form.around[0]]
        for field, around in zip(FIELDS, form.around[1:], strict=True):
            parts += [_mapped(batch, field, cells[field], pa.string()), around]
        yield _octets(pc.binary_join_element_wise(*parts, ""))


def _parquet(found: Iterable[pa.RecordBatch], orders: Orders) -> Iterator[bytes]:
    sink = _Sink()
    values = _values_of(orders)
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), EXPORTED, compression="zstd") as writer:
        for batches in _groups(found):
            table = pa.Table.from_batches([_as_exported(batch, values) for batch in batches], EXPORTED)
            writer.write_table(table, ROW_GROUP)
            yield sink.taken()
    yield sink.taken()


def _as_exported(batch: pa.RecordBatch, values: Mapping[str, Callable[[Any], Any]]) -> pa.RecordBatch:
    columns = [
        batch[field.name].cast(field.type)
        if field.name in ("time", *NUMBERS)
        else _mapped(batch, field.name, values[field.name], field.type)
        for field in EXPORTED
    ]
    return pa.record_batch(columns, EXPORTED)


def _groups(found: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Some batches at a time, of ROW_GROUP records or a little more."""
    waiting: list[pa.RecordBatch] = []
    for batch in found:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROW_GROUP:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _values_of(orders: Orders) -> dict[str, Callable[[Any], Any]]:
    """Field → what a value of its column is as a value of mgmt.registers.records.block_forms."""
    named: dict[str, Callable[[Any], Any]] = dict.fromkeys(FIELDS, lambda value: value or None)
    return named | {
        "time": lambda ms: iso(ms // 1000),
        "order": lambda number: orders[number].ref if number in orders else None,
        "issuer": lambda number: orders[number].issuer if number in orders else None,
        "subscriber": lambda octets: None if octets is None else octets.hex(),
        **dict.fromkeys(NUMBERS, lambda number: number),
    }


def _cell_of(form: Form, value_of: Callable[[Any], Any]) -> Callable[[Any], str]:
    return lambda value: form.cell(value_of(value))


def _mapped(batch: pa.RecordBatch, field: str, to: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """A column with another value for each of its own."""
    column = batch["order" if field == "issuer" else field]
    if field == "time":
        column = column.cast(pa.int64())
    coded = column.dictionary_encode(null_encoding="encode")
    return pa.array([to(value) for value in coded.dictionary.to_pylist()], kind).take(coded.indices)


def _octets(rows: pa.StringArray) -> bytes:
    """The texts of an array, one behind the other."""
    n = pc.sum(pc.binary_length(rows)).as_py() or 0
    return rows.buffers()[2].slice(0, n).to_pybytes() if n else b""


class _Sink:
    """What a Parquet file is written to: its octets are taken as they come."""

    closed = False

    def __init__(self) -> None:
        self._octets: list[bytes] = []

    def write(self, octets: bytes) -> int:
        self._octets.append(bytes(octets))
        return len(octets)

    def taken(self) -> bytes:
        octets = b"".join(self._octets)
        self._octets.clear()
        return octets

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

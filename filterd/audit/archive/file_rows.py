"""Some rows of a file of block records by their place: pages before them are passed over and not decoded.

Absent on purpose: pyarrow for it, which decodes a row group from its beginning (25 ms for the middle of one).
Cost: 6 ms; the first time 20 ms more, for an engine.
"""

from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa

from filterd.audit.block_files import SCHEMA
from filterd.audit.block_search import COLUMNS, LIMITS

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    **LIMITS,
    "enable_external_file_cache": False,  # a file that legal holds have cut has its old name
    "preserve_insertion_order": True,  # cheaper than to sort by the row's number
}


def rows_at(path: Path, first: int, n: int) -> pa.Table:
    """The rows first ≤ number < first + n of a file, in columns of SCHEMA.   Raises ValueError where it is damaged"""
    query = (
        f"SELECT {COLUMNS} FROM read_parquet($path, file_row_number=true, hive_partitioning=false) "
        "WHERE file_row_number >= $first AND file_row_number < $until"
    )
    try:
        with _engine().cursor() as engine:
            found = engine.sql(query, params={"path": str(path), "first": first, "until": first + n})
            return found.to_arrow_table().cast(SCHEMA)
    except duckdb.Error as reason:
        raise ValueError(f"{path}: {' '.join(str(reason).split())}; keep the store as evidence") from reason


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config=SETTINGS)

"""Which leaves a file has, as it says itself."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filterd.audit.archive.leaf_rows import begins_of, marked, ranges_of

SCHEMA = pa.schema([("n", pa.int64())])
COUNTS = {3: 2, 4: 1, 9: 3}


def file(path: Path, n: int, schema: pa.Schema = SCHEMA) -> pq.ParquetFile:
    pq.write_table(pa.table({"n": list(range(n))}, schema), path / "f.parquet")
    return pq.ParquetFile(path / "f.parquet")


def test_a_file_that_says_nothing_has_all_leaves_of_its_batches(tmp_path: Path) -> None:
    assert begins_of(file(tmp_path, 6), COUNTS, tmp_path) == {3: 0, 4: 2, 9: 3}


def test_one_that_was_cut_down_has_those_that_it_says(tmp_path: Path) -> None:
    assert begins_of(file(tmp_path, 5, marked(SCHEMA, [3, 9])), COUNTS, tmp_path) == {3: 0, 9: 2}


@pytest.mark.parametrize("n", [0, 5, 7])
def test_one_with_other_records_than_the_tree_has_is_refused(tmp_path: Path, n: int) -> None:
    with pytest.raises(ValueError, match=f"{n} records, and 6 are in the tree"):
        begins_of(file(tmp_path, n), COUNTS, tmp_path)


@pytest.mark.parametrize("said", [b"", b"3", b"3-x", b"3-4,", b" 3-4"])
def test_what_no_one_of_ours_has_written_is_refused(tmp_path: Path, said: bytes) -> None:
    with pytest.raises(ValueError, match="says"):
        begins_of(file(tmp_path, 6, SCHEMA.with_metadata({b"leaves": said})), COUNTS, tmp_path)


def test_rising_numbers_are_spans() -> None:
    assert list(ranges_of([])) == []
    assert list(ranges_of([0, 1, 2, 5, 7, 8])) == [(0, 2), (5, 5), (7, 8)]

from pathlib import Path

import pytest
from support.block_store import drain_all
from support.spool import block_event, put_segment

from filterd.audit import block_files
from filterd.audit.archive.file_rows import rows_at
from filterd.audit.block_batches import no_records

N = 50


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of several row groups."""
    monkeypatch.setattr(block_files, "ROW_GROUP", 7)
    for worker in range(5):
        events = (block_event(f"n{worker * 10 + n:02}.test") for n in range(10))
        put_segment(tmp_path / f"spool/dns-{worker}", 1, *events)
    batches = drain_all(tmp_path / "spool", tmp_path / "store")
    batches.append(no_records(batches.positions))
    [path] = block_files.compact(tmp_path / "store").files
    return path


def test_rows_are_those_of_their_places_in_order(file: Path) -> None:
    for first in (0, 1, 6, 7, 33, N - 1, N):
        for n in (0, 1, 7, 20):
            found = rows_at(file, first, n)
            assert found.schema == block_files.SCHEMA
            assert found["rule"].to_pylist() == [f"n{at:02}.test" for at in range(first, min(first + n, N))]


def test_a_file_that_was_replaced_under_its_name_is_read_anew(file: Path) -> None:
    before = rows_at(file, 0, N)
    other = file.with_name("other")
    with other.open("wb") as out, block_files.writer_of(out) as writer:
        writer.write_table(before.slice(10))
    other.replace(file)

    assert rows_at(file, 0, N)["rule"].to_pylist() == before["rule"].to_pylist()[10:]


def test_a_file_that_is_none_is_named(file: Path) -> None:
    file.write_bytes(b"PAR1 and nothing else")

    with pytest.raises(ValueError, match=r"\.parquet: .*; keep the store as evidence"):
        rows_at(file, 0, 1)

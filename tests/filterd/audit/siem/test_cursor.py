import stat
from pathlib import Path

import pytest

from filterd.audit.siem.cursor import FILE, Cursor, Position
from filterd.box.errors import MissingPart


def test_a_stream_goes_on_where_another_life_has_left_it(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "siem")
    assert cursor.of("blocks") is None

    cursor.move("blocks", Position(12, 3))
    cursor.move("ledger", Position(5))
    again = Cursor(tmp_path / "siem")

    assert (again.of("blocks"), again.of("ledger")) == (Position(12, 3), Position(5))
    assert stat.S_IMODE((tmp_path / "siem").stat().st_mode) == 0o700


@pytest.mark.parametrize("octets", [b"", b"{", b'{"blocks":["x"]}', b"\xff", b"[]"])
def test_a_damaged_file_is_refused_with_what_can_be_done(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / FILE).write_bytes(octets)

    with pytest.raises(MissingPart, match="nothing sent; remove it, and sending begins as /siem/begin says"):
        Cursor(tmp_path)


def test_a_position_that_cannot_be_written_is_not_taken_for_written(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "siem")
    cursor.move("ledger", Position(5))
    (tmp_path / "siem/cursor.json.part").mkdir()

    with pytest.raises(OSError):
        cursor.move("ledger", Position(6))

    assert cursor.of("ledger") == Position(5)

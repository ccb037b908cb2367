from pathlib import Path

from filterd.audit.last_checkpoint import LastCheckpoint


def test_the_last_note_is_read_again_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    last = LastCheckpoint(tmp_path / "last")

    assert last.read() is None
    last.write("one\n")
    last.write("two\n")

    assert LastCheckpoint(tmp_path / "last").read() == "two\n"
    assert (tmp_path / "last").stat().st_mode & 0o777 == 0o600

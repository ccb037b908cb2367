import errno
import stat
from pathlib import Path

import pytest

from filterd.box import places
from filterd.box.errors import WrongUse


def test_a_database_at_its_place_of_earlier_versions_is_never_passed_over(tmp_path: Path) -> None:
    (tmp_path / "filterd.db").touch()

    with pytest.raises(WrongUse, match="move"):
        places.database_file(tmp_path)
    assert not (tmp_path / "database").exists()


def test_the_database_has_a_folder_of_its_own(tmp_path: Path) -> None:
    found = places.database_file(tmp_path / "state")

    assert found == tmp_path / "state/database/filterd.db"
    assert found.parent.is_dir()


def test_keys_lie_where_their_owner_alone_may_look(tmp_path: Path) -> None:
    assert stat.S_IMODE(places.keys_folder(tmp_path / "state").stat().st_mode) == 0o700


def test_sockets_and_counters_lie_in_a_folder_of_their_role(tmp_path: Path) -> None:
    for name in ("gate-0", "dns-0", "control"):
        place = places.counters_folder(tmp_path, name)
        place.mkdir(parents=True)
        places.worker_socket(tmp_path, name).parent.mkdir()
        (place / name).touch()
    places.worker_socket(tmp_path, "dns-0").touch()

    assert [path.name for path in places.counters_files(tmp_path)] == ["control", "dns-0", "gate-0"]
    assert places.counters_folder(tmp_path, "dns-1") == places.counters_folder(tmp_path, "dns-0")
    assert places.worker_sockets(tmp_path) == {"dns-0": tmp_path / "dns-0/worker.sock"}
    assert places.control_socket(tmp_path).parent == tmp_path / "control"
    assert [places.role_of(name) for name in ("dns-0", "gate-12")] == ["dns", "gate"]


def test_backup_programs_are_told_to_leave_a_folder_out(tmp_path: Path) -> None:
    for _ in range(2):
        places.keep_out_of_backups(tmp_path / "spool")

    assert (tmp_path / "spool/CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_a_database_that_this_account_may_not_see_is_named_by_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)

    with pytest.raises(PermissionError, match=r"database/filterd\.db"):
        places.database_file(tmp_path)

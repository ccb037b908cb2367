import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.system.reachable import make_reachable

from filterd.box.as_owner import as_owner_of, as_who_asked
from filterd.box.errors import MissingPart

ROOT = Path(__file__).parents[3]
OWNER, GROUP = 12345, 12346

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as others")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of another account, which that account can reach."""
    make_reachable(tmp_path)
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, OWNER, GROUP)
    return folder


def test_root_makes_files_of_the_owners_and_reaches_nothing_that_the_owner_could_not(folder: Path) -> None:
    secret = folder.parent / "shadow"
    secret.write_text("of root")
    secret.chmod(0o600)
    (folder / "link").symlink_to(secret)

    with as_owner_of(folder):
        (folder / "made").touch()
        with pytest.raises(PermissionError):
            (folder / "link").write_text("of the owner")

    assert ((folder / "made").stat().st_uid, (folder / "made").stat().st_gid) == (OWNER, GROUP)
    assert secret.read_text() == "of root"
    assert (os.geteuid(), os.getegid(), os.getuid()) == (0, 0, 0)


def test_a_link_in_the_place_of_the_folder_is_its_makers_and_not_where_it_leads(folder: Path) -> None:
    (folder / "database").symlink_to("/etc")
    os.chown(folder / "database", OWNER, GROUP, follow_symlinks=False)

    with as_owner_of(folder / "database"):
        assert os.geteuid() == OWNER


def test_root_is_root_again_in_between_and_in_a_folder_of_its_own(folder: Path) -> None:
    groups = os.getgroups()
    with as_owner_of(folder):
        with as_who_asked():
            assert (os.geteuid(), os.getegid()) == (0, 0)
        with as_owner_of(folder.parent):
            assert os.geteuid() == 0
        assert (os.geteuid(), os.getgroups()) == (OWNER, [GROUP])
    assert (os.geteuid(), os.getgroups()) == (0, groups)


def test_who_is_not_root_stays_who_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12347)

    with as_owner_of(folder):
        assert os.geteuid() == 0  # of this test, which nothing has changed


def test_where_root_may_not_act_as_the_owner_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setegid", refuse)
    with pytest.raises(MissingPart, match="which root may not act as here"), as_owner_of(folder):
        pass


BECOMES = """
import os, sys
from pathlib import Path
from filterd.box.as_owner import become_owner_of
become_owner_of(Path(sys.argv[1]))
try:
    os.seteuid(0)
except PermissionError:
    print(os.getresuid(), os.getresgid(), os.getgroups())
"""


@pytest.mark.services
def test_who_becomes_the_owner_is_never_root_again(folder: Path) -> None:
    argv = [sys.executable, "-c", BECOMES, str(folder / "not there")]

    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == f"({OWNER}, {OWNER}, {OWNER}) ({GROUP}, {GROUP}, {GROUP}) [{GROUP}]\n"

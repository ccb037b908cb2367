import os
from pathlib import Path

import pytest

from filterd.audit.folder_lock import hold_lock
from filterd.box.errors import MissingPart


def test_a_folder_has_one_writer_and_another_one_once_that_has_ended(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / "a.lock")
    with pytest.raises(MissingPart, match="another process writes this folder"):
        hold_lock(tmp_path / "a.lock")

    os.close(held)

    os.close(hold_lock(tmp_path / "a.lock"))


def test_a_link_that_was_planted_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic"):
        hold_lock(tmp_path / "a.lock")

    assert not (tmp_path / "elsewhere").exists()

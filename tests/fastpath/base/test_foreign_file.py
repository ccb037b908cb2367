import os
from pathlib import Path

import pytest

from fastpath.base.foreign_file import open_foreign, read_foreign


def test_a_file_is_read_up_to_the_size_that_it_may_have(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    assert read_foreign(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 octets; not read"):
        read_foreign(path, 4)
    with path.open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 1000 octets"):
        read_foreign(path, 1000)


def test_a_link_is_not_followed_wherever_it_leads(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret", tmp_path / "link"
    secret.write_bytes(b"of somebody else")
    path.symlink_to(secret)

    with pytest.raises(OSError, match="symbolic links"):
        read_foreign(path, 100)
    with pytest.raises(OSError, match="symbolic links"):
        open_foreign(path, os.O_RDWR)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR])
def test_what_would_wait_or_is_no_file_is_refused_at_once(tmp_path: Path, flags: int) -> None:
    os.mkfifo(tmp_path / "fifo")

    for path in (tmp_path / "fifo", tmp_path, Path("/dev/null")):
        with pytest.raises(OSError, match=r"no regular file|Is a directory"):
            open_foreign(path, flags)


def test_a_file_that_is_opened_to_be_changed_is_changed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    with open_foreign(path, os.O_RDWR) as file:
        file.write(b"ab")

    assert path.read_bytes() == b"ab345"

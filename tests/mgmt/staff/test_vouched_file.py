"""Root's file of the passkeys that sign approvals."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgmt.staff.passkeys import Passkey, digest_of
from mgmt.staff.vouched_file import (
    MAX_OCTETS,
    VouchedFault,
    VouchedKey,
    forget_vouched,
    put_vouched,
    read_vouched,
    regroup_vouched,
)

AMNA, BILAL = VouchedKey("amna@isp.example", "compliance"), VouchedKey("bilal@isp.example", "approver")


def passkey(number: int) -> Passkey:
    return Passkey(number, number, bytes([number]) * 16, bytes([number]) * 77, 0, "a key", None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path / "vouched-passkeys"


def test_what_was_vouched_for_is_read_again_by_digest(path: Path) -> None:
    put_vouched(path, passkey(1), AMNA)
    put_vouched(path, passkey(2), BILAL)

    assert read_vouched(path) == {digest_of(passkey(1)): AMNA, digest_of(passkey(2)): BILAL}
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_key_that_is_vouched_for_again_has_the_last_person(path: Path) -> None:
    put_vouched(path, passkey(1), AMNA)
    put_vouched(path, passkey(1), BILAL)

    assert list(read_vouched(path).values()) == [BILAL]


def test_keys_go_with_their_person_and_change_group_with_it(path: Path) -> None:
    forget_vouched(path, AMNA.mail)  # before there is a file
    assert not path.exists()
    for number, whose in enumerate((AMNA, AMNA, BILAL), 1):
        put_vouched(path, passkey(number), whose)

    regroup_vouched(path, AMNA.mail, "engineer")
    assert {each.group for each in read_vouched(path).values() if each.mail == AMNA.mail} == {"engineer"}
    forget_vouched(path, AMNA.mail)

    assert read_vouched(path) == {digest_of(passkey(3)): BILAL}


def test_comments_and_blank_lines_are_passed_over(path: Path) -> None:
    path.write_text(f"# ours\n\n  {'a' * 64}  amna@isp.example\tcompliance \n")
    path.chmod(0o644)

    assert read_vouched(path) == {"a" * 64: AMNA}


@pytest.mark.parametrize(
    "line", ["a" * 64, f"{'a' * 63} x y", f"{'A' * 64} x y", f"{'a' * 64} x", f"{'a' * 64} x y z", "\0", "\xff"]
)
def test_a_line_that_is_not_understood_is_a_fault_of_the_file(path: Path, line: str) -> None:
    path.write_text(f"{'b' * 64} bilal@isp.example approver\n{line}\n")
    path.chmod(0o644)

    with pytest.raises(VouchedFault, match="line 2 is not a digest, an address and a group"):
        read_vouched(path)


@given(st.binary(max_size=400))
def test_any_octets_are_keys_or_a_fault(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "vouched-octets"
    path.write_bytes(octets)
    path.chmod(0o644)
    try:
        found = read_vouched(path)
    except VouchedFault:
        return
    assert all(len(digest) == 64 for digest in found)


def make_missing(path: Path) -> None:
    assert not path.exists()


def make_link(path: Path) -> None:
    (path.parent / "other").write_text("")
    path.symlink_to("other")


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o644)


def make_folder(path: Path) -> None:
    path.mkdir(0o755)


def make_writable(path: Path) -> None:
    path.write_text("")
    path.chmod(0o664)


def make_replaceable(path: Path) -> None:
    path.write_text("")
    path.chmod(0o644)
    path.parent.chmod(0o777)


def make_long(path: Path) -> None:
    path.write_text("#" * (MAX_OCTETS + 1))
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (make_missing, "No such file"),
        (make_link, "symbolic links"),
        (make_fifo, "not a regular file"),
        (make_folder, "not a regular file"),
        (make_writable, "written by other accounts"),
        (make_replaceable, "written by other accounts"),
        (make_long, "more than 1,048,576 octets"),
    ],
)
def test_a_file_that_another_account_could_have_made_is_not_believed(path: Path, make: object, why: str) -> None:
    assert callable(make)
    make(path)

    with pytest.raises(VouchedFault, match=why) as caught:
        read_vouched(path)
    assert "as root: filterd staff vouch" in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_file_of_another_account_is_not_believed(path: Path) -> None:
    put_vouched(path, passkey(1), AMNA)
    os.chown(path, 65534, 65534)

    with pytest.raises(VouchedFault, match="belongs to another account"):
        read_vouched(path)

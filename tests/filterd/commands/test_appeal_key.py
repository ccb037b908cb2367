"""The private key of appeals: written for its owner alone, never over another file, and what it opens."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.commands.appeal_key import MAX_OCTETS, make_key, open_file, read_key
from filterd.control.escalation.appeal_delivery import mail_of
from mgmt.registers.appeals.sealed import Appeal, BadSeal, seal
from mgmt.registers.appeals.store import WaitingAppeal

APPEAL = Appeal("http://کتاب.example/", None, "ISP", datetime(2026, 11, 28, tzinfo=UTC))


def test_an_attachment_and_a_whole_mail_are_opened(tmp_path: Path) -> None:
    sealed = seal(APPEAL, make_key(tmp_path / "key"))
    (tmp_path / "blob").write_bytes(sealed)
    mail = mail_of(WaitingAppeal(1, "ABCD2345", 1796000000, sealed), "l@isp.example", "f@isp.example")
    (tmp_path / "mail").write_bytes(mail.as_bytes())

    key = read_key(tmp_path / "key")

    assert open_file(tmp_path / "blob", key) == open_file(tmp_path / "mail", key) == APPEAL


@pytest.mark.services
def test_its_owner_alone_reads_it_and_openssl_knows_it(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    shown = ["openssl", "pkey", "-in", str(tmp_path / "key"), "-pubout", "-outform", "DER"]

    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert subprocess.run(shown, check=True, capture_output=True, timeout=60).stdout[-32:] == public


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("of before")
    with pytest.raises(FileExistsError):
        make_key(tmp_path / "key")
    assert (tmp_path / "key").read_text() == "of before"


@pytest.mark.parametrize("octets", [b"", b"no mail at all \xff", b"From: a\n\nno attachment", bytes(MAX_OCTETS + 1)])
def test_a_file_without_an_appeal_is_refused(tmp_path: Path, octets: bytes) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "file").write_bytes(octets)
    with pytest.raises(BadSeal):
        open_file(tmp_path / "file", read_key(tmp_path / "key"))


def test_another_key_or_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key")
    with pytest.raises(ValueError, match="no private key of appeals"):
        read_key(tmp_path / "text")

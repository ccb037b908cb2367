"""`filterd appeals`: a key is made and opens what was sealed with its line, without a box."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.cli import main
from filterd.commands.appeals import OUTCOMES
from mgmt.registers.appeals import store
from mgmt.registers.appeals.key_text import key_of
from mgmt.registers.appeals.sealed import Appeal, seal

Captured = pytest.CaptureFixture[str]


def test_the_printed_line_seals_what_the_written_file_opens(tmp_path: Path, capsys: Captured) -> None:
    assert main(["appeals", "key", str(tmp_path / "key")]) == 0
    recipient = key_of(capsys.readouterr().out.strip())
    appeal = Appeal("http://کتاب.example/\u202etxt", "a@b.example", "ISP", datetime(2026, 11, 28, tzinfo=UTC))
    (tmp_path / "blob").write_bytes(seal(appeal, recipient))

    assert main(["appeals", "open", "--key", str(tmp_path / "key"), str(tmp_path / "blob")]) == 0

    said = capsys.readouterr().out
    assert "http://کتاب.example/\\u202etxt" in said and "a@b.example" in said


def test_what_cannot_be_opened_is_said_and_a_key_is_not_written_over(tmp_path: Path, capsys: Captured) -> None:
    key = str(tmp_path / "key")
    assert main(["appeals", "key", key]) == 0
    assert main(["appeals", "key", key]) == 2
    assert main(["appeals", "open", "--key", key, key]) == 1
    assert "not opened" in capsys.readouterr().err


def test_the_words_of_an_answer_are_those_of_the_store() -> None:
    assert OUTCOMES == store.OUTCOMES

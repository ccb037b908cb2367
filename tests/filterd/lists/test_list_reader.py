import os
import pwd
import sys
from pathlib import Path

import pytest

from filterd.lists import list_reader
from filterd.lists.list_reader import NO_MEMORY, Answer, ReaderFailed, ask_reader, measures_missing, read_apart
from rules.errors import BadList
from rules.lists.acceptance import examine
from rules.lists.source import Source, describe_source

pytestmark = pytest.mark.services


def source(list_format: str = "plain") -> Source:
    return describe_source("pta", None, {"format": list_format})


@pytest.mark.parametrize(
    ("list_format", "text"),
    [
        ("plain", "a.example\nb.example/x\n192.0.2.1\n"),
        ("adblock", "||a.example^\n@@||b.a.example^\n"),
        ("csv", "URL,Letter No\nhttp://a.example/x,PTA/1\n"),
    ],
)
def test_a_reader_apart_finds_what_is_found_here(tmp_path: Path, list_format: str, text: str) -> None:
    copy = tmp_path / "copy"
    copy.write_text(text)

    assert read_apart(copy, source(list_format)) == examine(copy, source(list_format))


def test_a_folder_is_read_too(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "domains").write_text("a.example\n")
    (copy / "urls").write_text("b.example/x\n")

    assert read_apart(copy, source("ut1")).n_rules == 2


def test_what_is_no_list_is_said_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("<!doctype html>\n")

    with pytest.raises(BadList, match="a web page instead of a list"):
        read_apart(tmp_path / "copy", source())


def test_a_reader_that_says_no_answer_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copy").write_text("a.example\n")
    for program in ("/usr/bin/false", "/usr/bin/yes"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ReaderFailed, match="ended without an answer"):
            read_apart(tmp_path / "copy", source())


def test_an_answer_that_no_reader_gives_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_reader, "ask_reader", lambda *_: Answer(n_rules=1, sketch=[1] * 10_000))

    with pytest.raises(ReaderFailed):
        read_apart(tmp_path, source())


@pytest.mark.parametrize(
    ("fault", "said"),
    [(MemoryError(), NO_MEMORY), (RuntimeError("a line of the list"), "its reader failed (RuntimeError)")],
)
def test_a_reader_that_fails_says_how_and_nothing_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    def fail(copy: Path, source: Source) -> None:
        raise fault

    monkeypatch.setattr(list_reader, "examine", fail)

    assert list_reader.answer_of(tmp_path, source()).failed == said


def test_this_system_has_every_measure() -> None:
    assert measures_missing() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives another account")
def test_run_by_root_the_reader_has_an_account_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_reader, "_account", lambda: pwd.getpwnam("nobody").pw_uid)
    copy = tmp_path / "copy"
    copy.write_text("a.example\n")
    copy.chmod(0o600)

    assert ask_reader(copy, source()).n_rules == 1

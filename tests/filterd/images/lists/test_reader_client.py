import os
import pwd
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lists.readers import listening, serve

from filterd.images.lists import reader_client
from filterd.images.lists.list_reader import Answer
from filterd.images.lists.reader_client import ReaderFailure, ask_reader, measures_missing, read_apart
from rules.base.errors import BadList
from rules.lists.acceptance import examine
from rules.lists.source import Source, describe_source

pytestmark = pytest.mark.services


NO_DOOR = Path("/nonexistent/reader.sock")  # so a reader is a child of ours
READER = (sys.executable, "-P", "-m", "filterd.images.lists.list_reader")


@pytest.fixture(params=["child", "unit"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where readers are asked: nowhere, or where a program is started for each connection, as systemd does it."""
    if request.param == "child":
        yield NO_DOOR
        return
    with listening(tmp_path / "reader.sock") as listener:
        threading.Thread(target=serve, args=(listener, tmp_path), daemon=True).start()
        yield tmp_path / "reader.sock"
        listener.shutdown(socket.SHUT_RDWR)


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
def test_a_reader_apart_finds_what_is_found_here(tmp_path: Path, door: Path, list_format: str, text: str) -> None:
    copy = tmp_path / "copy"
    copy.write_text(text)

    assert read_apart(copy, source(list_format), door) == examine(copy, source(list_format))


def test_a_folder_is_read_too(tmp_path: Path, door: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "domains").write_text("a.example\n")
    (copy / "urls").write_text("b.example/x\n")

    assert read_apart(copy, source("ut1"), door).n_rules == 2


def test_what_is_no_list_is_said_with_its_reason(tmp_path: Path, door: Path) -> None:
    (tmp_path / "copy").write_text("<!doctype html>\n")

    with pytest.raises(BadList, match="a web page instead of a list"):
        read_apart(tmp_path / "copy", source(), door)


def test_a_reader_that_says_no_answer_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "copy").write_text("a.example\n")
    for program in ("/usr/bin/false", "/usr/bin/yes"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ReaderFailure, match="ended without an answer"):
            read_apart(tmp_path / "copy", source(), NO_DOOR)


@pytest.mark.parametrize(
    "answer", [Answer(n_rules=1, sketch=[1] * 10_000), Answer(n_rules=-1), Answer(n_rules=1, skipped={"a reason": -5})]
)
def test_an_answer_that_no_reader_gives_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(reader_client, "ask_reader", lambda *_: answer)

    with pytest.raises(ReaderFailure):
        read_apart(tmp_path, source(), NO_DOOR)


def test_this_system_has_every_measure(door: Path) -> None:
    assert measures_missing(door) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives another account")
def test_run_by_root_the_reader_has_an_account_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_client, "_account", lambda _name: pwd.getpwnam("nobody").pw_uid)
    copy = tmp_path / "copy"
    copy.write_text("a.example\n")
    copy.chmod(0o600)

    assert ask_reader(copy, source(), NO_DOOR).n_rules == 1


def test_a_list_larger_than_a_connection_holds_and_one_of_nothing_are_read_whole(tmp_path: Path, door: Path) -> None:
    (tmp_path / "long").write_text("".join(f"a{n}.example\n" for n in range(200_000)))
    (tmp_path / "empty").touch()

    assert read_apart(tmp_path / "long", source(), door).n_rules == 200_000
    assert read_apart(tmp_path / "empty", source(), door).n_rules == 0


def test_where_no_one_listens_no_other_reader_takes_the_place(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("a.example\n")
    listening(tmp_path / "reader.sock").close()

    with pytest.raises(OSError, match=r"no reader \(Connection refused\); its version waits"):
        read_apart(tmp_path / "copy", source(), tmp_path / "reader.sock")


def test_a_reader_that_goes_away_in_the_middle_of_a_list_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(bytes(2**22))
    with listening(tmp_path / "reader.sock") as listener:
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()

        with pytest.raises(ReaderFailure, match="ended without an answer"):
            read_apart(tmp_path / "copy", source(), tmp_path / "reader.sock")


def test_a_reader_without_room_for_its_copy_has_not_judged_the_list(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(bytes(2**20))
    limited = [*("prlimit", "--fsize=4096"), *READER]
    place = tmp_path / "reader.sock"
    with listening(place) as listener:
        threading.Thread(target=serve, args=(listener, tmp_path, limited), daemon=True).start()

        with pytest.raises(OSError, match=r"has read nothing \(no copy in .* \(File too large\)\); its version waits"):
            read_apart(tmp_path / "copy", source(), place)
        listener.shutdown(socket.SHUT_RDWR)

import io
import json
import subprocess
import sys
from typing import Protocol

import pytest

from filterd.cli import main


class Canon(Protocol):
    """`filterd canon`, given octets on stdin: its exit code, stdout and stderr."""

    def __call__(self, octets: bytes, *options: str) -> tuple[int, str, str]: ...


@pytest.fixture
def canon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Canon:
    def run(octets: bytes, *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets)))
        code = main(["canon", *options])
        return code, *capsys.readouterr()

    return run


def test_each_line_gets_one_object_with_name_or_reason(canon: Canon) -> None:
    code, out, err = canon("WWW.Ex.Test.\nbücher.test\n192.0.2.1\n\n".encode(), "--json")

    assert [json.loads(line) for line in out.splitlines()] == [
        {"in": "WWW.Ex.Test.", "canonical": "www.ex.test", "error": None},
        {"in": "bücher.test", "canonical": "xn--bcher-kva.test", "error": None},
        {"in": "192.0.2.1", "canonical": None, "error": "is an address"},
        {"in": "", "canonical": None, "error": "is empty"},
    ]
    assert (code, err) == (1, "")


def test_without_json_stdout_holds_names_only(canon: Canon) -> None:
    code, out, err = canon(b"A.test\r\n..\nB.test")

    assert (code, out) == (1, "a.test\nb.test\n")
    assert err.startswith("stdin line 2: ")


def test_when_all_are_names_the_exit_code_is_0(canon: Canon) -> None:
    assert canon(b"a.test\n")[0] == 0


def test_octets_that_are_no_text_are_reported_like_any_other_line(canon: Canon) -> None:
    code, out, _ = canon(b"\xff\xfe\n", "--json")

    assert json.loads(out)["canonical"] is None
    assert code == 1


def test_a_url_becomes_host_path_and_query(canon: Canon) -> None:
    lines = "HTTP://Ex.Test:80/a/../b?x#f\nhttps://bücher.test\nftp://a.test/\n"

    code, out, err = canon(lines.encode(), "--url", "--json")

    assert [(said["canonical"], said["error"] is None) for said in map(json.loads, out.splitlines())] == [
        ("ex.test/b?x", True),
        ("xn--bcher-kva.test/", True),
        (None, False),
    ]
    assert (code, err) == (1, "")


def test_of_many_lines_every_one_is_answered_in_its_order(canon: Canon) -> None:
    code, out, _ = canon(b"".join(b"N%d.Example\r\n" % n for n in range(30_000)), "--json")

    assert code == 0
    assert [json.loads(line)["canonical"] for line in out.splitlines()] == [f"n{n}.example" for n in range(30_000)]


def test_a_line_is_told_by_its_own_number_also_in_a_later_batch(canon: Canon) -> None:
    _, _, err = canon(b"a.test\n" * 50_000 + b"..\n")

    assert err.startswith("stdin line 50001: ")


def test_marks_that_json_must_escape_are_escaped(canon: Canon) -> None:
    given = 'a"b\\c\x7f\u202e'

    _, out, _ = canon(given.encode(), "--json")

    assert json.loads(out)["in"] == given


@pytest.mark.services
def test_a_reader_that_has_left_is_no_fault() -> None:
    command = [sys.executable, "-m", "filterd", "canon"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"a.test\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"a.test\n"
        process.stdout.close()
        told = process.communicate(b"b.test\n" * 100_000)[1]

    assert (process.returncode, told) == (1, b"")

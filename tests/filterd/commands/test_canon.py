import io
import json

import pytest

from filterd.cli import main


@pytest.fixture
def canon(monkeypatch, capsys):
    def run(octets, *options):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets)))
        code = main(["canon", *options])
        return code, *capsys.readouterr()

    return run


def test_each_line_gets_one_object_with_name_or_reason(canon):
    code, out, err = canon("WWW.Ex.Test.\nbücher.test\n192.0.2.1\n\n".encode(), "--json")

    assert [json.loads(line) for line in out.splitlines()] == [
        {"in": "WWW.Ex.Test.", "canonical": "www.ex.test", "error": None},
        {"in": "bücher.test", "canonical": "xn--bcher-kva.test", "error": None},
        {"in": "192.0.2.1", "canonical": None, "error": "is an address"},
        {"in": "", "canonical": None, "error": "is empty"},
    ]
    assert (code, err) == (1, "")


def test_without_json_stdout_holds_names_only(canon):
    code, out, err = canon(b"A.test\r\n..\nB.test")

    assert (code, out) == (1, "a.test\nb.test\n")
    assert err.startswith("stdin line 2: ")


def test_when_all_are_names_the_exit_code_is_0(canon):
    assert canon(b"a.test\n")[0] == 0


def test_octets_that_are_no_text_are_reported_like_any_other_line(canon):
    code, out, _ = canon(b"\xff\xfe\n", "--json")

    assert json.loads(out)["canonical"] is None
    assert code == 1


def test_urls_are_refused_honestly(canon):
    code, out, err = canon(b"http://a.test/\n", "--url")

    assert (code, out) == (2, "")
    assert "a later version" in err

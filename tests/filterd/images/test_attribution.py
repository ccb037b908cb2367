from pathlib import Path
from typing import Any

import pytest

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.wire.name import to_wire
from filterd.images.attribution import Attribution
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import CompileReport, report_as_json
from rules.lists.source import describe_source

LINES = "bad.test\nx.bad.test\nother.test\nx.bad.test\n"
Known = tuple[CompileReport, TableSet]


@pytest.fixture
def compiled(tmp_path: Path) -> Known:
    (tmp_path / "pta.txt").write_text(LINES)
    (tmp_path / "own.txt").write_text("\n\nx.bad.test\n")
    (tmp_path / "stop.txt").write_text("worse.test\n")
    sources = [
        describe_source("pta", tmp_path / "pta.txt", {"tier": "order"}),
        describe_source("own", tmp_path / "own.txt", {"tier": "security", "match": "exact"}),
        describe_source("stop", tmp_path / "stop.txt", {"tier": "csam"}),
    ]
    report = compile_sources(sources, tmp_path, bytes(16), 1)
    return report, TableSet(open_image(report.path, ImageKind.NAMES))


def told(compiled: Known, name: str) -> Any:
    report, tables = compiled
    wire = to_wire(name.encode())
    attribution = Attribution(report.origins_path, report_as_json(report)["lists"])
    return attribution.tell(wire, tables.matches(wire))


def test_every_match_has_its_file_and_line_and_a_folded_rule_is_told_too(compiled: Known, tmp_path: Path) -> None:
    pta, own = {"file": str(tmp_path / "pta.txt")}, {"file": str(tmp_path / "own.txt")}

    assert sorted(told(compiled, "x.bad.test"), key=lambda each: (each["list"], each["line"])) == [
        {"list": "own", "rule": "x.bad.test", "mode": "exact", "line": 3} | own,
        {"list": "pta", "rule": "bad.test", "mode": "subtree", "line": 1} | pta,
        {"list": "pta", "rule": "x.bad.test", "mode": "subtree", "folded": True, "line": 2} | pta,
    ]


def test_a_rule_that_is_not_about_the_name_is_not_told(compiled: Known) -> None:
    assert {(each["list"], each["rule"]) for each in told(compiled, "y.x.bad.test")} == {
        ("pta", "bad.test"),
        ("pta", "x.bad.test"),
    }
    assert [each["rule"] for each in told(compiled, "z.bad.test")] == ["bad.test"]
    assert told(compiled, "free.test") == []


def test_an_entry_of_a_confidential_list_has_no_line_and_no_rule(compiled: Known) -> None:
    assert told(compiled, "worse.test") == [{"list": "stop", "rule": None, "mode": "subtree"}]


def test_where_nothing_is_known_of_the_files_the_line_alone_is_told(compiled: Known) -> None:
    report, tables = compiled
    wire = to_wire(b"other.test")

    assert Attribution(report.origins_path, []).tell(wire, tables.matches(wire)) == [
        {"list": "pta", "rule": "other.test", "mode": "subtree", "line": 3}
    ]


def test_a_part_of_a_list_is_told_by_its_name(compiled: Known, tmp_path: Path) -> None:
    folder = tmp_path / "games"
    folder.mkdir()
    (folder / "domains").write_text("free.test\ngames.test\n")
    (folder / "urls").write_text("games.test/shop\n")
    source = describe_source("ut1", folder, {"tier": "security", "format": "ut1"})
    report = compile_sources([source], tmp_path, bytes(16), 2)
    tables = TableSet(open_image(report.path, ImageKind.NAMES))

    (found,) = told((report, tables), "games.test")
    assert (found["line"], found["part"]) == (2, "domains")


def test_what_speaks_of_a_url_is_told_with_its_line_be_it_of_the_url_or_of_its_host(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("bad.test/a/b\nbad.test/a\nx.test\n")
    source = describe_source("own", tmp_path / "own.txt", {"tier": "order", "match": "subtree"})
    report = compile_sources([source], tmp_path, bytes(16), 3)
    urls = open_image(report.urls_path, ImageKind.URLS)
    tables = TableSet(open_image(report.path, ImageKind.NAMES), urls=urls)
    attribution = Attribution(report.origins_path, [])

    def lines(host: Any, url: Any) -> Any:
        found = attribution.tell_url(host and to_wire(host), url, tables.url_matches(url))
        return [(each["rule"], each["line"]) for each in found]

    assert lines(b"bad.test", b"bad.test/a/b") == [("bad.test/a/b", 1)]
    assert lines(b"bad.test", b"bad.test/a") == [("bad.test/a", 2)]
    assert lines(b"x.test", b"x.test/a") == [("x.test", 3)]
    assert lines(None, b"192.0.2.1/a") == []

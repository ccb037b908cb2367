from dataclasses import replace
from pathlib import Path

import pytest

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Reason
from fastpath.wire.name import to_wire
from rules.base.errors import BadList
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.digests import Digests, merged
from rules.lists.compiler.report import CompileReport, report_as_json
from rules.lists.compiler.sealed_digests import ProtectionSpec, digest_items
from rules.lists.reader import read_source
from rules.lists.source import Source, describe_source

KEY = bytes(range(16))
TEXT = "a.test\n*.b.test\nc.test/page\nc.test/all/*\n192.0.2.1\n"


def source(list_id: str, path: Path | None, **more: str) -> Source:
    return describe_source(list_id, path, {"tier": "csam", **more})


def digests(path: Path, key: bytes = KEY) -> Digests:
    return digest_items(read_source(source("stop", path)), source("stop", None), key, ProtectionSpec())


def opened(report: CompileReport) -> TableSet:
    return TableSet(open_image(report.path, ImageKind.NAMES), urls=open_image(report.urls_path, ImageKind.URLS))


def test_an_image_of_digests_is_octet_for_octet_that_of_the_list_in_clear(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(TEXT)
    clear = source("stop", tmp_path / "list")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    told = compile_sources([clear], tmp_path / "one", KEY, 1)
    found = compile_sources(
        [replace(clear, is_sealed=True)], tmp_path / "two", KEY, 1, sealed={"stop": digests(tmp_path / "list")}
    )

    assert found.path.read_bytes() == told.path.read_bytes()
    assert found.urls_path.read_bytes() == told.urls_path.read_bytes()
    assert (found.n_names, found.n_urls, found.n_rules, found.n_skipped) == (2, 2, 4, 1)
    assert report_as_json(found)["lists"][0]["entries"] == {
        "enforced_http_only": [3, 4],
        "not_enforceable_at_this_layer": [5],
    }


def test_a_name_of_a_sealed_list_one_in_clear_and_an_order_is_found_on_all(tmp_path: Path) -> None:
    for name, text in (("sealed", TEXT), ("clear", TEXT), ("pta", "a.test\nc.test/page\n")):
        (tmp_path / name).write_text(text)
    sources = [
        source("stop", tmp_path / "sealed"),
        source("other", tmp_path / "clear"),
        source("pta", tmp_path / "pta", tier="order"),
    ]
    sources[0] = replace(sources[0], is_sealed=True)
    tables = opened(compile_sources(sources, tmp_path, KEY, 1, sealed={"stop": digests(tmp_path / "sealed")}))

    assert {match.list for match in tables.matches(to_wire(b"www.a.test"))} == {"stop", "other", "pta"}
    assert {match.list for match in tables.url_matches(b"c.test/page")} == {"stop", "other", "pta"}
    assert {match.list for match in tables.url_matches(b"c.test/all/below")} == {"stop", "other"}
    assert tables.decide(to_wire(b"x.b.test"), None, 0).reason == Reason.CSAM
    assert tables.decide(to_wire(b"c.test"), None, 0).reason == Reason.DEFAULT


def test_a_sealed_list_whose_digests_are_not_there_is_not_compiled_and_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(TEXT)

    with pytest.raises(BadList, match="'stop': sealed; not compiled"):
        compile_sources([replace(source("stop", tmp_path / "list"), is_sealed=True)], tmp_path, KEY, 1)


def test_digests_under_another_key_close_nothing(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(TEXT)
    sealed = {"stop": digests(tmp_path / "list", bytes(16))}
    report = compile_sources(
        [replace(source("stop", tmp_path / "list"), is_sealed=True)], tmp_path, KEY, 1, sealed=sealed
    )

    assert opened(report).decide(to_wire(b"a.test"), None, 0).reason == Reason.DEFAULT


def test_sealed_orders_are_one_list_with_the_counts_of_each(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a.test\nc.test/page\n192.0.2.1\n")
    (tmp_path / "two").write_text("d.test\ne.test\n")
    both = merged({7: digests(tmp_path / "one"), 9: digests(tmp_path / "two")})
    (tmp_path / "out").mkdir()
    sources = [replace(source("orders", tmp_path / "one"), is_sealed=True)]

    report = compile_sources(sources, tmp_path / "out", KEY, 1, sealed={"orders": both})

    assert report_as_json(report)["lists"][0]["letters"] == {
        "7": {"enforced": 1, "enforced_http_only": 1, "not_enforceable_at_this_layer": 1},
        "9": {"enforced": 2},
    }
    assert report.sources[0].lines[7] == {"enforced_http_only": [2], "not_enforceable_at_this_layer": [3]}
    assert all(opened(report).decide(to_wire(name), None, 0).reason is Reason.CSAM for name in (b"a.test", b"e.test"))

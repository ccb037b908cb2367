import contextlib
import gzip
import io
import json
import lzma
import tracemalloc
from pathlib import Path

import pytest
from support.lists.outcomes import complaints, rules, urls
from support.lists.workbooks import table, workbook

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.base.rule import SkippedLine
from rules.formats import FORMATS
from rules.formats.misp import OTHER_TYPE
from rules.lists import reader
from rules.lists.reader import MAX_FILE_OCTETS, NO_EXPRESSIONS, octets_of, open_source, read_source
from rules.lists.source import Source, parse_source

UUID = "5c5be78a-3908-47ec-b3a2-4cb5c0a8ab16"


def test_a_file_that_is_not_there_is_a_bad_list(tmp_path: Path) -> None:
    with pytest.raises(BadList, match=r"^No such file or dir.*; not read"), open_source(tmp_path / "none.txt"):
        pass


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_OCTETS + 1)

    with pytest.raises(BadList, match="larger than 256 MiB"), open_source(path):
        pass


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, lzma.compress])
def test_a_file_is_read_in_utf8_and_in_utf16_compressed_or_not(tmp_path: Path, encoding: str, compress: object) -> None:
    path = tmp_path / "list.txt"
    assert callable(compress)
    path.write_bytes(compress("\ufeffbad.example\r\nworse.example\n".encode(encoding)))

    assert rules(read_source(Source("x", path))) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]


@pytest.mark.parametrize("block", [1, 2, 7, 2**18])
@pytest.mark.parametrize("text", [b"", b"a\n", b"a\nb", b"\n\na\r\n", b"a\rb\n"])
def test_lines_are_the_files_lines_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, block: int, text: bytes
) -> None:
    monkeypatch.setattr(reader, "BLOCK_OCTETS", block)
    path = tmp_path / "list.txt"
    path.write_bytes(text)

    with open_source(path) as opened:
        assert list(opened.lines) == text.splitlines(True) if b"\r" not in text else list(io.BytesIO(text))


@pytest.mark.parametrize("block", [1, 5, 2**18])
@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_compressed_files_one_behind_the_other_are_one_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, block: int, compress: object
) -> None:
    monkeypatch.setattr(reader, "BLOCK_OCTETS", block)
    path = tmp_path / "list.txt.x"
    assert callable(compress)
    path.write_bytes(compress(b"a.example\n") + bytes(8 if compress is lzma.compress else 0) + compress(b"b.example\n"))

    assert [name for name, _ in rules(read_source(Source("x", path)))] == ["a.example", "b.example"]


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_compressed_file_that_is_cut_is_refused(tmp_path: Path, compress: object) -> None:
    path = tmp_path / "list.txt.x"
    assert callable(compress)
    octets = compress(b"".join(b"n%d.example\n" % i for i in range(5000)))

    for at in range(6, len(octets), 100):
        path.write_bytes(octets[:at])
        with pytest.raises(BadList, match="it ends in the middle of its compression; not read; fetch it again"):
            list(read_source(Source("x", path)))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_compressed_file_that_is_damaged_is_refused(tmp_path: Path, compress: object) -> None:
    path = tmp_path / "list.txt.x"
    assert callable(compress)
    octets = bytearray(compress(b"".join(b"n%d.example\n" % i for i in range(5000))))
    octets[-9] ^= 255
    octets[len(octets) // 2] ^= 255
    path.write_bytes(octets)

    with pytest.raises(BadList, match="not read; fetch it again"):
        list(read_source(Source("x", path)))


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_file_that_inflates_to_too_much_is_refused_in_little_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compress: object
) -> None:
    monkeypatch.setattr(reader, "MAX_FILE_OCTETS", 2**24)
    path = tmp_path / "list.txt.x"
    assert callable(compress)
    path.write_bytes(compress((b"#" * 1023 + b"\n") * 2**15))

    tracemalloc.start()
    with pytest.raises(BadList, match="larger than 16 MiB"):
        list(read_source(Source("x", path)))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**24  # xz looks 8 MiB back


def test_a_xz_file_that_asks_for_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reader, "MAX_XZ_OCTETS", 2**20)
    path = tmp_path / "list.txt.xz"
    path.write_bytes(lzma.compress(b"a.example\n", preset=9))

    with pytest.raises(BadList, match=r"damaged .*[Mm]emory"):
        list(read_source(Source("x", path)))


def test_a_line_without_end_is_refused_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with path.open("wb") as file:
        file.write(b"a.example\n")
        file.truncate(2**27)

    tracemalloc.start()
    with pytest.raises(BadList, match="line 2: longer than 1 MiB; not read"):
        list(read_source(Source("x", path)))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**23


def test_a_json_list_of_one_line_is_read_however_long(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"DomainAddress": f"n{i}.example"} for i in range(50_000)]))
    assert path.stat().st_size > 2**20

    assert len(rules(read_source(parse_source(str(path))))) == 50_000


def test_a_folder_of_ut1_is_one_list_in_parts(tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("bad.example\nworse.example\n")
    (tmp_path / "urls").write_text("shared.example/a\n")
    (tmp_path / "expressions").write_text(".*\n")

    found = list(read_source(parse_source(f"{tmp_path},category=adult")))

    assert [name for name, _ in rules(found)] == ["bad.example", "worse.example"]
    assert [url for url, _ in urls(found)] == ["shared.example/a"]
    assert [item.part for item in found] == ["domains", "domains", "urls", "expressions"]
    assert complaints(found) == [(1, 1, NO_EXPRESSIONS)]


def test_a_misp_feed_is_one_list_of_the_events_that_its_manifest_names(tmp_path: Path) -> None:
    other = UUID.replace("5c", "6d")
    (tmp_path / "manifest.json").write_text(json.dumps({other: {}, UUID: {}}))
    (tmp_path / f"{other}.json").write_text(json.dumps({"Event": {"Attribute": [attribute("domain", "a.example")]}}))
    (tmp_path / f"{UUID}.json").write_text(
        json.dumps({"Event": {"Attribute": [attribute("md5", "x"), attribute("domain", "b.example")]}})
    )
    (tmp_path / "unnamed.json").write_text("x")

    found = list(read_source(parse_source(str(tmp_path))))

    assert [name for name, _ in rules(found)] == ["a.example", "b.example"]
    assert complaints(found)[0][2] == OTHER_TYPE
    assert [item.part for item in found] == [f"{other}.json", f"{UUID}.json", f"{UUID}.json"]


def test_a_misp_feed_that_lacks_an_event_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({UUID: {}}))

    with pytest.raises(BadList, match=f"^{UUID}.json: No such file"):
        list(read_source(parse_source(str(tmp_path))))


def test_a_folder_that_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadList, match="a folder without domains or urls"):
        list(read_source(parse_source(str(tmp_path))))
    with pytest.raises(BadList, match="a folder; not read"):
        list(read_source(parse_source(f"{tmp_path},format=plain")))


def test_a_workbook_and_a_column_map_are_read_as_the_source_says(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook({"a": table(("bad.example", "host"))}))

    assert rules(read_source(parse_source(f"{path},columns=url:1;type:2"))) == [("bad.example", Mode.EXACT)]


def test_how_far_reading_is_is_told_over_all_parts(tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("bad.example\n")
    (tmp_path / "urls").write_text("shared.example/a\n")
    told: list[int] = []

    list(read_source(Source("x", tmp_path, "ut1"), tell=told.append))

    assert told == [12, 29]
    assert octets_of(tmp_path) == 29
    assert octets_of(tmp_path / "none") == 0


def test_a_copy_elsewhere_is_read_as_the_source_says(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_text("0.0.0.0 bad.example\n")

    assert rules(read_source(Source("x", tmp_path / "none", "hosts", "exact"), path)) == [("bad.example", Mode.EXACT)]


def test_a_source_without_a_file_cannot_be_read() -> None:
    with pytest.raises(BadList, match="not a file"):
        list(read_source(Source("orders", None)))


JUNK = {
    "lines": b"~ junk ~\n" * 10_000,
    "nuls": bytes(10_000),
    "nothing": b"",
    "blanks": b"\n" * 1000,
    "directions": "\u202ebad.example\n".encode() * 100,
    "formulas": b"=1+1,=cmd|'/C calc'!A0\n" * 100,
    "a page": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "octets": bytes(range(256)) * 40,
    "brackets": b"[{" * 5000,
    "quotes": b'"' * 9999,
    "a long label": b"x" * 70 + b".example\n",
}


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("list_format", sorted(FORMATS))
def test_of_junk_no_format_makes_a_rule_and_none_fails_otherwise(tmp_path: Path, list_format: str, junk: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(JUNK[junk])

    with contextlib.suppress(BadList):
        found = list(read_source(Source("x", path, list_format)))
        assert [item for item in found if not isinstance(item, SkippedLine)] == []
        assert all(
            item.reason and item.line >= 1 and item.column >= 1 for item in found if isinstance(item, SkippedLine)
        )


def attribute(kind: str, value: str) -> dict[str, object]:
    return {"type": kind, "value": value, "to_ids": True}

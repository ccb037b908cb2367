"""Archives of UT1 as its university publishes them, one category each: made by GNU tar as far as it can make them."""

import gzip
import io
import random
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.lists.outcomes import complaints, rules, urls

from rules.base.errors import BadList
from rules.lists.archive import MAX_MEMBERS
from rules.lists.reader import NO_EXPRESSIONS, read_source
from rules.lists.source import parse_source

PARTS = {"adult/domains": b"bad.example\nworse.example\n", "adult/urls": b"shared.example/a\n"}
FOLDER_KIND = b"5"


def archive(path: Path, files: Iterable[tuple[str, bytes]], mode: str = "w:gz", kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, mode) as out:  # type: ignore[call-overload]  # the modes of its stubs are literals
        for name, octets in files:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(octets), kind
            member.linkname = "elsewhere"
            out.addfile(member, io.BytesIO(octets))
    return path


def found_in(path: Path) -> list[str]:
    return [name for name, _ in rules(read_source(parse_source(f"{path},category=adult")))]


@pytest.mark.services
@pytest.mark.parametrize("packed", ["a.tar.gz", "a.tgz", "a.tar.xz", "a.tar"])
def test_the_archive_of_a_category_is_read_as_its_folder(tmp_path: Path, packed: str) -> None:
    folder = tmp_path / "adult"
    folder.mkdir()
    for name, octets in {**PARTS, "adult/expressions": b".*\n", "adult/usage": b"black\n"}.items():
        (tmp_path / name).write_bytes(octets)
    subprocess.run(["tar", "-caf", tmp_path / packed, "-C", tmp_path, "adult"], check=True)

    unpacked = list(read_source(parse_source(f"{folder},category=adult")))
    found = list(read_source(parse_source(f"{tmp_path / packed},category=adult")))

    assert sorted(map(repr, found)) == sorted(map(repr, unpacked))
    assert [url for url, _ in urls(found)] == ["shared.example/a"]
    assert complaints(found) == [(1, 1, NO_EXPRESSIONS)]
    assert {item.part for item in found} == {"domains", "urls", "expressions"}


def test_an_archive_of_several_categories_is_refused_with_their_names(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", {**PARTS, "games/domains": b"play.example\n"}.items())

    with pytest.raises(BadList, match=r"several categories \(adult, games\); not read; take that of one"):
        found_in(path)


def test_an_archive_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    draw = random.Random(3)
    names = "".join(f"n{draw.getrandbits(64)}.example\n" for _ in range(2000)).encode()
    whole = archive(tmp_path / "a.tar", [("adult/domains", names)], "w").read_bytes()
    packed = gzip.compress(whole)
    for at in (100, len(packed) // 2, len(packed) - 1):
        (tmp_path / "cut.tar.gz").write_bytes(packed[:at])
        with pytest.raises(BadList, match="in the middle of its compression"):
            found_in(tmp_path / "cut.tar.gz")
    (tmp_path / "cut.tar").write_bytes(whole[:20_000])
    with pytest.raises(BadList, match="damaged archive"):
        found_in(tmp_path / "cut.tar")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, FOLDER_KIND])
def test_what_is_no_plain_file_is_no_part(tmp_path: Path, kind: bytes) -> None:
    path = archive(tmp_path / "a.tar.gz", [("adult/domains", b"")], kind=kind)

    with pytest.raises(BadList, match="an archive without domains or urls"):
        found_in(path)


def test_a_name_of_the_archive_is_no_path_of_this_box(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", [("../../etc/cron.d/domains", b"bad.example\n")])

    assert found_in(path) == ["bad.example"]
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar.gz"]


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", ((f"adult/{n}", b"") for n in range(MAX_MEMBERS + 1)))

    with pytest.raises(BadList, match=f"more than {MAX_MEMBERS} files"):
        found_in(path)


def test_a_web_page_in_the_place_of_a_part_is_refused_with_its_name(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", [("adult/domains", b"<!doctype html>\n")])

    with pytest.raises(BadList, match=r"^domains: line 1: a web page"):
        found_in(path)


def test_a_part_alone_is_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "domains").write_bytes(b"bad.example\n")

    found = read_source(parse_source(f"{tmp_path / 'domains'},format=ut1,category=adult"))

    assert [name for name, _ in rules(found)] == ["bad.example"]


def test_a_changed_octet_anywhere_is_a_list_or_refused_and_never_another_fault(tmp_path: Path) -> None:
    whole = bytearray(archive(tmp_path / "a.tar", PARTS.items(), "w").read_bytes())
    draw = random.Random(5)
    for _ in range(400):
        changed = bytearray(whole)
        for _ in range(draw.choice((1, 1, 8))):
            changed[draw.randrange(1600)] = draw.randrange(256)
        (tmp_path / "b.tar").write_bytes(changed)
        try:
            found_in(tmp_path / "b.tar")
        except BadList:
            continue

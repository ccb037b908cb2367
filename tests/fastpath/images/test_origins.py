import struct
from pathlib import Path

import pytest
from support.images.forged import forge
from support.images.opened import KEY, LISTS, NUMBER

from fastpath.images.image import BadImage, Image, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.origins import Origin, Origins, write_origins
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

ROWS = (
    ("orders", "bad.test", Mode.SUBTREE, 3, 0),
    ("adult", "bad.test", Mode.EXACT, 9, 1),
    ("adult", "bad.test", Mode.SUBTREE, 4, 65535),
    ("games", "www.bad.test", Mode.BELOW, 2**32 - 1, 0),
    ("csam", "bad.test", Mode.SUBTREE, 5, 0),
    ("adult", "other.test", Mode.EXACT, 6, 0),
)
URL_ROWS = (
    ("orders", "bad.test/a", Mode.SUBTREE, 3),
    ("adult", "bad.test/a", Mode.EXACT, 9),
    ("adult", "bad.test/a/b?c", Mode.EXACT, 4),
    ("csam", "bad.test/a", Mode.EXACT, 5),
    ("orders", "192.0.2.1:8080/", Mode.SUBTREE, 7),
)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    builder = NamesBuilder(KEY, LISTS)
    for list_id, name, mode, line, part in ROWS:
        builder.add(to_wire(name.encode()), NUMBER[list_id], mode, line=line, part=part)
    builder.drop(to_wire(b"bad.test"))
    with (tmp_path / "origins.img").open("wb") as out:
        urls = UrlsBuilder(KEY, LISTS)
        for list_id, url, mode, line in URL_ROWS:
            urls.add(url.encode(), NUMBER[list_id], mode, line=line)
        urls.drop(b"bad.test/a")
        write_origins(out, 4, builder, urls)
    return open_image(tmp_path / "origins.img", ImageKind.ORIGINS)


def test_every_rule_about_a_name_and_those_above_it_is_told_longest_name_first(image: Image) -> None:
    assert Origins(image).of(to_wire(b"x.WWW.bad.test")) == [
        Origin("games", Mode.BELOW, 2**32 - 1, 0, "www.bad.test"),
        Origin("orders", Mode.SUBTREE, 3, 0, "bad.test"),
        Origin("adult", Mode.EXACT, 9, 1, "bad.test"),
        Origin("adult", Mode.SUBTREE, 4, 65535, "bad.test"),
    ]


def test_every_rule_about_a_url_and_what_may_cover_it_is_told_longest_first(image: Image) -> None:
    assert Origins(image).of_url(b"bad.test/a/b?c") == [
        Origin("adult", Mode.EXACT, 4, 0, "bad.test/a/b?c"),
        Origin("orders", Mode.SUBTREE, 3, 0, "bad.test/a"),
        Origin("adult", Mode.EXACT, 9, 0, "bad.test/a"),
    ]
    assert [found.line for found in Origins(image).of_url(b"192.0.2.1:8080/x")] == [7]


def test_names_and_urls_are_told_apart(image: Image) -> None:
    assert Origins(image).of_url(b"other.test/") == []
    assert Origins(image).of_url(b"bad.test/") == []


def test_confidential_lists_and_drops_have_no_origins(image: Image) -> None:
    origins = Origins(image)

    assert len(origins) == len(ROWS) - 1 + len(URL_ROWS) - 1
    assert "csam" not in {origin.list for origin in origins.of_url(b"bad.test/a")}
    assert "csam" not in {origin.list for origin in origins.of(to_wire(b"bad.test"))}


def test_a_name_that_no_list_holds_has_no_origins(image: Image) -> None:
    assert Origins(image).of(to_wire(b"free.test")) == []
    assert Origins(image).of(b"\0") == []


@pytest.mark.parametrize("wire", [b"", b"\x04test", b"\x04test\0x"])
def test_a_name_that_is_none_is_refused(image: Image, wire: bytes) -> None:
    with pytest.raises(ValueError, match="not one name"):
        Origins(image).of(wire)


@pytest.mark.parametrize("url", [b"", b"http://", b"\xff.test/"])
def test_a_url_that_is_none_is_refused(image: Image, url: bytes) -> None:
    with pytest.raises(ValueError, match="no canonical URL"):
        Origins(image).of_url(url)


@pytest.mark.parametrize(("section", "length"), [(0, 33), (1, 15), (2, 17)])
def test_half_a_row_is_refused(image: Image, section: int, length: int) -> None:
    with pytest.raises(BadImage, match="its rows are not whole; not used"):
        Origins(forge(image, section, 0, b"", length))


def test_a_list_whose_id_is_not_ascii_is_refused(image: Image) -> None:
    with pytest.raises(BadImage, match="its rows are not whole; not used"):
        Origins(forge(image, 0, 0, b"\xff"))


@pytest.mark.parametrize(("at", "octet"), [(14, 200), (15, 0), (15, 9)])
def test_rows_of_a_list_or_mode_that_is_none_are_not_given(image: Image, at: int, octet: int) -> None:
    rows = image.section_octets()[1] // 16
    good = {name: len(Origins(image).of(to_wire(name))) for name in (b"www.bad.test", b"other.test")}
    path = Path(image.path)
    begin = struct.unpack_from("<Q", path.read_bytes(), 72 + 16)[0]
    octets = bytearray(path.read_bytes()[begin : begin + 16 * rows])
    for row in range(rows):
        octets[16 * row + at] = octet
    origins = Origins(forge(image, 1, 0, bytes(octets)))

    assert good == {b"www.bad.test": 4, b"other.test": 1}
    assert [origins.of(to_wire(name)) for name in good] == [[], []]


def test_rows_in_no_order_end_every_search(image: Image) -> None:
    octets = b"".join(struct.pack("<Q", 2**64 - 1 - i) + bytes(8) for i in range(image.section_octets()[1] // 16))

    assert Origins(forge(image, 1, 0, octets)).of(to_wire(b"a.b.c.test")) == []

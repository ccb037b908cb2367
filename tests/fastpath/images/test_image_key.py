import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xxhash
from support.images.opened import KEY, LISTS, NUMBER, Images

from fastpath.base.siphash import digest
from fastpath.images import image_key
from fastpath.images.image import BadImage, builder_key_of, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

BOX = bytes(range(32))
FLAGS_AT, CHECKSUM_AT = 68, 40
LISTED, PLAIN = "hidden-17.test", "plain.test"
DICTIONARY = [f"hidden-{at}.test" for at in range(100)]


@pytest.fixture(autouse=True)
def held() -> Iterator[None]:
    image_key.hold(BOX)
    yield
    image_key.forget()


def image_of(key: bytes, path: Path) -> Path:
    """An image of a confidential and a plain name."""
    builder, out = NamesBuilder(key, LISTS), io.BytesIO()
    builder.add(to_wire(LISTED.encode()), NUMBER["csam"], Mode.SUBTREE)
    builder.add(to_wire(PLAIN.encode()), NUMBER["orders"], Mode.SUBTREE)
    builder.build(out, 1, 0)
    path.write_bytes(out.getvalue())
    return path


def found_of(tables: TableSet) -> list[str]:
    """The names of a dictionary that confidential lists hold."""
    return [
        name for name in DICTIONARY if any(match.list == "csam" for match in tables.matches(to_wire(name.encode())))
    ]


def as_a_thief_reads_it(path: Path) -> Any:
    """The image, with what its header holds taken for its key."""
    octets = bytearray(path.read_bytes())
    octets[FLAGS_AT] &= ~2
    octets[CHECKSUM_AT : CHECKSUM_AT + 8] = bytes(8)
    whole = xxhash.xxh3_64(octets[:CHECKSUM_AT] + octets[CHECKSUM_AT + 8 :]).intdigest()
    octets[CHECKSUM_AT : CHECKSUM_AT + 8] = whole.to_bytes(8, "little")
    stolen = path.with_suffix(".stolen")
    stolen.write_bytes(octets)
    return TableSet(open_image(stolen, ImageKind.NAMES))


def test_a_dictionary_finds_no_name_in_a_stolen_image(tmp_path: Path) -> None:
    path = image_of(image_key.new_key(), tmp_path / "sealed.img")
    assert found_of(TableSet(open_image(path, ImageKind.NAMES))) == [LISTED], "the box itself finds it"

    image_key.forget()

    with pytest.raises(BadImage, match="it is sealed, and this process has no key of images; not opened"):
        TableSet(open_image(path, ImageKind.NAMES))
    assert found_of(as_a_thief_reads_it(path)) == []
    octets = path.read_bytes()
    assert not any(digest(octets[48:64], to_wire(name.encode())[:-1]) in octets for name in DICTIONARY)


def test_an_image_that_holds_its_key_gives_its_names_to_a_dictionary(tmp_path: Path) -> None:
    image_key.forget()

    assert found_of(as_a_thief_reads_it(image_of(KEY, tmp_path / "open.img"))) == [LISTED]


def test_every_base_has_a_key_of_its_own(tmp_path: Path) -> None:
    one, two = (image_of(image_key.new_key(), tmp_path / f"{at}.img").read_bytes() for at in range(2))

    assert len(one) == len(two)
    assert one[48:64] != two[48:64]
    assert one[384:] != two[384:]


def test_the_key_of_another_box_is_refused_and_not_used_in_vain(tmp_path: Path) -> None:
    path = image_of(image_key.new_key(), tmp_path / "sealed.img")

    image_key.hold(BOX[::-1])

    with pytest.raises(BadImage, match="it was sealed with another key than this process has"):
        TableSet(open_image(path, ImageKind.NAMES))


def test_a_delta_has_the_key_of_its_base(tmp_path: Path) -> None:
    base = image_of(image_key.new_key(), tmp_path / "base.img")
    builder, out = NamesBuilder(builder_key_of(base), LISTS), io.BytesIO()
    builder.add(to_wire(b"hidden-3.test"), NUMBER["csam"], Mode.EXACT)
    builder.build(out, 2, 1)
    (tmp_path / "delta.img").write_bytes(out.getvalue())

    opened = [open_image(tmp_path / f"{name}.img", ImageKind.NAMES) for name in ("base", "delta")]

    assert found_of(TableSet(*opened)) == ["hidden-3.test", LISTED]


def test_a_key_of_a_box_has_32_octets() -> None:
    with pytest.raises(ValueError, match="16 octets; not used; it has 32"):
        image_key.hold(KEY)


def test_without_confidential_lists_a_name_is_as_if_they_were_not_there(images: Images) -> None:
    entries = [
        ("csam", "both.test", Mode.SUBTREE),
        ("csam", "only.test", Mode.EXACT),
        ("orders", "both.test", Mode.EXACT),
    ]
    names = images.names(entries)
    urls = images.urls([("csam", "both.test/a", Mode.EXACT), ("orders", "both.test/a", Mode.EXACT)])
    without = images.names([entry for entry in entries if entry[0] != "csam"])
    public, never = TableSet(names, urls=urls).public(), TableSet(without)

    for name in (b"both.test", b"www.both.test", b"only.test", b"free.test"):
        assert public.matches(to_wire(name)) == never.matches(to_wire(name))
        assert public.matched(name) == never.matched(name) and public.matched_each([name]) == [never.matched(name)]
        assert public.decide(to_wire(name), None, 0) == never.decide(to_wire(name), None, 0)
    assert [match.list for match in public.url_matches(b"both.test/a")] == ["orders", "orders"]
    assert TableSet(names).matched(b"only.test"), "the images are what they were"

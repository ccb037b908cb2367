import io
import random
import struct
from pathlib import Path

import pytest
from support.images.opened import KEY, LISTS

from fastpath.images.image import open_image
from fastpath.images.key_writer import list_rows
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

BLOOM, LINES, COLD_AT, COLD, SET_AT, SETS = 1, 2, 3, 4, 5, 6


def section(image: bytes, number: int) -> bytes:
    at, n = struct.unpack_from("<QQ", image, 72 + 16 * number)
    return image[at : at + n]


def built(names: list[str], key: bytes = KEY, list_number: int = 1) -> bytes:
    builder = NamesBuilder(key, LISTS)
    for number, name in enumerate(names):
        builder.add(to_wire(name.encode()), list_number, Mode.EXACT, 255, number % 3)
    out = io.BytesIO()
    builder.build(out, 1)
    return out.getvalue()


@pytest.mark.parametrize("n_names", [*range(1, 24), 100, 1000, 30_000])
def test_every_key_is_found_also_where_lines_overflow_over_the_end(tmp_path: Path, n_names: int) -> None:
    names = [f"n{i}.test" for i in range(n_names)]
    for salt in range(8 if n_names < 1000 else 1):
        path = tmp_path / "names.img"
        path.write_bytes(built(names, bytes([salt]) * 16))
        tables = TableSet(open_image(path, ImageKind.NAMES))

        assert tables.matched_each([name.encode() for name in names]) == [2] * n_names
        assert tables.matched_each([b"x" + name.encode() for name in names]) == [0] * n_names


def test_a_line_holds_fingerprints_of_forty_bits_and_the_number_of_a_set() -> None:
    image = built([f"n{i}.test" for i in range(300)])
    words = struct.unpack(f"<{len(section(image, LINES)) // 8}Q", section(image, LINES))

    assert sorted({word & 0xFFFFFF for word in words if word}) == [1, 2, 3]
    assert sum(word != 0 for word in words) == 300
    assert len({word >> 24 for word in words if word}) == 300


def test_the_first_set_is_empty_and_says_that_nothing_holds_a_name() -> None:
    builder = NamesBuilder(KEY, LISTS)
    builder.drop(to_wire(b"gone.test"))
    out = io.BytesIO()
    stats = builder.build(out, 2, 1)
    words = struct.unpack(f"<{len(section(out.getvalue(), LINES)) // 8}Q", section(out.getvalue(), LINES))

    assert (stats["names"], stats["sets"], section(out.getvalue(), SET_AT)) == (2, 0, bytes(8))
    assert [word & 0xFFFFFF for word in words if word] == [0, 0]


def test_records_of_long_names_have_a_length_of_two_octets() -> None:
    long = ".".join(["x" * 63, "y" * 63, "z" * 20])
    key = to_wire(long.encode())[:-1]

    assert section(built([long]), COLD) == bytes([0x80 | len(key) & 0x7F, len(key) >> 7]) + key


def test_a_record_of_a_confidential_list_is_a_digest() -> None:
    assert len(section(built(["secret.test"], list_number=0), COLD)) == 17


def test_an_image_of_real_proportions_stays_within_its_octets_a_name() -> None:
    rng = random.Random(4)
    names = sorted({f"{rng.randrange(36**9):x}.{rng.randrange(10**4)}.test" for _ in range(20_000)})
    image = built(names)
    hot = len(section(image, BLOOM)) + len(section(image, LINES))
    wires = sum(len(name) + 1 for name in names)

    assert hot <= 13 * len(names)
    assert len(image) - wires <= 16 * len(names)


def test_a_list_row_has_32_octets_and_begins_with_its_id() -> None:
    rows = list_rows(LISTS)

    assert len(rows) == 32 * len(LISTS)
    assert rows[32:56].rstrip(b"\0") == b"orders"

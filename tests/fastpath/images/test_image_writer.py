import io
from pathlib import Path

import pytest

from fastpath.images.image import BadImage, open_image
from fastpath.images.image_writer import ImageWriter, write_image
from fastpath.images.layout import ImageKind


def test_what_is_written_opens_with_the_same_sections(tmp_path: Path) -> None:
    path = tmp_path / "image"
    with path.open("wb") as out:
        n_octets = write_image(out, ImageKind.POLICY, 5, 3, bytes(range(16)), [b"a" * 70, b"", b"b"])
    image = open_image(path, ImageKind.POLICY)

    assert (image.generation, image.base_generation, image.n_bytes) == (5, 3, n_octets)
    assert image.section_octets()[:4] == [70, 0, 1, 0]


def test_pieces_make_the_same_image_as_a_whole_section() -> None:
    whole, pieces = io.BytesIO(), io.BytesIO()
    write_image(whole, 1, 1, 0, bytes(16), [b"abcdef"])
    writer = ImageWriter(pieces, 1, 1, 0, bytes(16), [6])
    for piece in (b"ab", memoryview(b"cde"), bytearray(b"f")):
        writer.add(piece)
    writer.end_section()
    writer.finish()

    assert pieces.getvalue() == whole.getvalue()


def test_an_image_that_was_left_half_way_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image"
    with path.open("wb") as out:
        writer = ImageWriter(out, ImageKind.POLICY, 5, 0, bytes(16), [64])
        writer.add(bytes(64))
        writer.end_section()

    with pytest.raises(BadImage, match="checksum differs"):
        open_image(path, ImageKind.POLICY)


def test_a_section_of_another_length_than_announced_is_refused() -> None:
    writer = ImageWriter(io.BytesIO(), 1, 1, 0, bytes(16), [3])
    writer.add(b"ab")

    with pytest.raises(ValueError, match="a section of 2 octets, announced were 3"):
        writer.end_section()


def test_a_missing_section_is_refused() -> None:
    with pytest.raises(ValueError, match="1 sections are missing"):
        ImageWriter(io.BytesIO(), 1, 1, 0, bytes(16), [3]).finish()


def test_more_sections_than_a_header_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="17 sections"):
        ImageWriter(io.BytesIO(), 1, 1, 0, bytes(16), [0] * 17)

from pathlib import Path

import pytest
from support.images import Images

from fastpath.image import BadImage, open_image
from fastpath.layout import ImageKind
from fastpath.verdict import Mode


@pytest.fixture
def image_file(images: Images) -> Path:
    return Path(images.names([("orders", "order.test", Mode.SUBTREE)]).path)


def test_an_image_opens_with_what_its_header_says(image_file: Path) -> None:
    image = open_image(image_file, ImageKind.NAMES)

    assert (image.kind, image.generation, image.base_generation) == (ImageKind.NAMES, 1, 0)
    assert image.n_bytes == image_file.stat().st_size
    assert image.key == bytes(range(16))


def test_every_flipped_octet_is_refused(image_file: Path) -> None:
    good = image_file.read_bytes()
    for at in range(len(good)):
        image_file.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])

        with pytest.raises(BadImage):
            open_image(image_file, ImageKind.NAMES)


def test_every_truncation_is_refused(image_file: Path) -> None:
    good = image_file.read_bytes()
    for n in range(len(good)):
        image_file.write_bytes(good[:n])

        with pytest.raises(BadImage):
            open_image(image_file, ImageKind.NAMES)


def test_octets_behind_the_end_are_refused(image_file: Path) -> None:
    image_file.write_bytes(image_file.read_bytes() + b"\0")

    with pytest.raises(BadImage, match="its header says"):
        open_image(image_file, ImageKind.NAMES)


def test_another_kind_is_refused_and_named(image_file: Path) -> None:
    with pytest.raises(BadImage, match="kind 1, wanted 5"):
        open_image(image_file, ImageKind.POLICY)


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF" + bytes(1000))

    with pytest.raises(BadImage, match="does not begin as an image"):
        open_image(foreign, ImageKind.NAMES)


def test_an_open_image_stays_readable_when_its_file_is_replaced(images: Images, image_file: Path) -> None:
    image = open_image(image_file, ImageKind.NAMES)
    other = images.names([("orders", "other.test", Mode.SUBTREE)])

    Path(other.path).rename(image_file)

    assert image.key == bytes(range(16))
    assert sum(image.section_octets()) > 0

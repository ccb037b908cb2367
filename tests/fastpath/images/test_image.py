import mmap
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import xxhash
from support.images.opened import Images
from support.images.prefixes import entries

from fastpath.images.image import BadImage, base_generation_of, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode


@pytest.fixture
def image_file(images: Images) -> Path:
    return Path(
        images.names(
            [
                ("orders", "order.test", Mode.SUBTREE),
                ("malware", "data.test", Mode.EXACT, Action.LOCAL_DATA, 0, bytes(8)),
            ]
        ).path
    )


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


def test_an_image_that_is_open_is_not_opened_again(image_file: Path) -> None:
    first = open_image(image_file, ImageKind.NAMES)

    assert open_image(image_file, ImageKind.NAMES, [None, first]) is first


def test_a_file_in_the_place_of_one_that_is_open_or_a_changed_one_is_opened(image_file: Path) -> None:
    first = open_image(image_file, ImageKind.NAMES)
    octets = image_file.read_bytes()
    other = image_file.with_name("other")
    other.write_bytes(octets)
    other.replace(image_file)
    second = open_image(image_file, ImageKind.NAMES, [first])
    with pytest.raises(BadImage, match="kind"):
        open_image(image_file, ImageKind.POLICY, [first, second])
    image_file.write_bytes(octets[:-1])

    assert second is not first
    with pytest.raises(BadImage):
        open_image(image_file, ImageKind.NAMES, [first, second])


def test_the_base_of_an_image_is_read_from_its_header_alone(images: Images, tmp_path: Path) -> None:
    base = images.names([("orders", "a.test", Mode.SUBTREE)])
    delta = Path(images.names([("orders", "b.test", Mode.SUBTREE)], base).path)
    delta.write_bytes(delta.read_bytes()[:384])

    assert (base_generation_of(base.path), base_generation_of(delta)) == (0, base.generation)
    for rubbish in (b"", b"FLTRDIMG", bytes(384)):
        (tmp_path / "rubbish").write_bytes(rubbish)
        with pytest.raises(BadImage):
            base_generation_of(tmp_path / "rubbish")


def test_a_table_that_is_large_enough_for_a_copy_on_large_pages_answers_as_a_small_one(images: Images) -> None:
    names = [f"n{i}.test" for i in range(180_000)]
    image = images.names(("orders", name, Mode.EXACT) for name in names)
    assert image.section_octets()[1] > 1 << 18

    for tables in (TableSet(image), TableSet(image)):
        assert tables.matched_each([name.encode() for name in names[::97]]) == [2] * len(names[::97])
        assert tables.matched(b"www.n1.test") == 0


def test_an_image_says_whether_it_holds_addresses_and_one_with_other_flags_is_refused(images: Images) -> None:
    image = images.names(entries("malware", "192.0.2.0/24"))
    assert (image.flags, images.names([("malware", "n.test", Mode.EXACT)]).flags) == (1, 0)
    octets = bytearray(Path(image.path).read_bytes())
    octets[68] |= 4
    octets[40:48] = xxhash.xxh3_64(octets[:40] + octets[48:]).intdigest().to_bytes(8, "little")
    other = images.folder / "other.img"
    other.write_bytes(octets)

    with pytest.raises(BadImage, match="flags 0x5, this program knows 0x3"):
        open_image(other, ImageKind.NAMES)


SURVIVES = """
import os, sys
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
image = open_image(sys.argv[1], ImageKind.NAMES, most=1 << 20)
os.truncate(sys.argv[1], 0)
print(image.key.hex(), sum(image.section_octets()) > 0)
"""


@pytest.mark.services
def test_a_copied_image_outlives_its_file(image_file: Path) -> None:
    argv = [sys.executable, "-c", SURVIVES, str(image_file)]

    done = subprocess.run(argv, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, f"{bytes(range(16)).hex()} True\n"), done.stderr


def test_a_copy_is_checked_and_never_larger_than_it_may_be(image_file: Path) -> None:
    good = image_file.read_bytes()

    with pytest.raises(BadImage, match="are the most that is read"):
        open_image(image_file, ImageKind.NAMES, most=len(good) - 1)
    image_file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(BadImage, match="checksum differs"):
        open_image(image_file, ImageKind.NAMES, most=len(good))


def test_a_file_that_is_cut_short_while_it_is_copied_is_refused(
    image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: int, **given: int) -> mmap.mmap:
        os.truncate(image_file, 100)
        return mmap.mmap(*args, **given)

    monkeypatch.setattr("fastpath.images.image.mmap", SimpleNamespace(**vars(mmap) | {"mmap": cut}))

    with pytest.raises(BadImage, match="cut short while it was read"):
        open_image(image_file, ImageKind.NAMES, most=1 << 20)


def test_a_fifo_in_the_place_of_an_image_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.img")

    with pytest.raises(OSError, match="no regular file"):
        open_image(tmp_path / "1.img", ImageKind.NAMES)

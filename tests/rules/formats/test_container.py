import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from support.lists.workbooks import archive

from rules.base.errors import BadList
from rules.formats.container import MAX_MEMBERS, Container


def test_a_member_is_given_in_blocks() -> None:
    octets = bytes(range(256)) * 1000

    blocks = list(Container(io.BytesIO(archive({"x": octets}))).blocks("x"))

    assert b"".join(blocks) == octets
    assert len(blocks) > 1


def test_a_bomb_of_a_gigabyte_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(bomb(b"xl/worksheets/sheet1.xml", 64))
    assert path.stat().st_size < 2**21

    tracemalloc.start()
    with path.open("rb") as octets, pytest.raises(BadList, match="workbook: more than 512 MiB when inflated; not read"):
        Container(octets)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20


def test_a_member_that_inflates_too_much_beside_its_size_is_refused() -> None:
    octets = archive({"xl/worksheets/sheet1.xml": bytes(2**22)})

    with pytest.raises(BadList, match="a member that inflates more than 200-fold"):
        Container(io.BytesIO(octets))


def test_a_member_that_inflates_to_more_than_it_says_is_refused() -> None:
    octets = archive({"x": bytes(range(256)) * 5})
    lied = octets.replace(struct.pack("<L", 1280), struct.pack("<L", 500))
    assert lied != octets

    with pytest.raises(BadList, match="it cannot be inflated"):
        list(Container(io.BytesIO(lied)).blocks("x"))


@pytest.mark.parametrize("n", [MAX_MEMBERS + 1, 66_000])
def test_too_many_members_are_refused_before_the_directory_is_read(n: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(n):
            file.writestr(zipfile.ZipInfo(str(number)), b"")

    tracemalloc.start()
    with pytest.raises(BadList, match="more than 2,000 members"):
        Container(out)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused() -> None:
    out = io.BytesIO(archive({"x": b"y"}))
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("x", "z")

    with pytest.raises(BadList, match="two members of one name"):
        Container(out)


def test_two_members_in_one_place_are_refused() -> None:
    octets = bytearray(archive({"x": b"y", "z": b"y"}))
    at = octets.rindex(b"PK\x01\x02") + 42  # where the directory says that the second member is (APPNOTE §4.3.12)
    octets[at : at + 4] = bytes(4)

    with pytest.raises(BadList, match="two members in one place"):
        Container(io.BytesIO(octets))


def test_other_compressions_and_passwords_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("_rels/.rels", "x")
    with pytest.raises(BadList, match="unsupported compression"):
        Container(out)

    octets = bytearray(archive({"_rels/.rels": b"x"}))
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadList, match="a password"):
        Container(io.BytesIO(octets))


def bomb(member: bytes, n_pieces: int) -> bytes:
    """A workbook's member of as many times 16 MiB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    body = piece * n_pieces + packer.flush()
    sizes = len(body), n_pieces * 2**24
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, *sizes, len(member), 0) + member
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, *sizes, len(member), *[0] * 6) + member
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(body), 0)
    return local + body + central + end

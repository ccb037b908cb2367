import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from support.images.forged import forge
from support.images.opened import KEY, Images

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

BLOOM, LINES, COLD_AT, COLD = 1, 2, 3, 4
MASK = (1 << 64) - 1


def section(path: str, number: int) -> bytes:
    image = Path(path).read_bytes()
    at, n = struct.unpack_from("<QQ", image, 72 + 16 * number)
    return image[at : at + n]


def test_a_fingerprint_that_agrees_is_not_enough(images: Images) -> None:
    names = images.names([("orders", "listed.test", Mode.EXACT)])
    assert section(names.path, COLD) == b"\x0c\x06listed\x04test"

    other = forge(names, COLD, 0, b"\x0c\x06LISTED\x04test")

    assert TableSet(names).matched(b"listed.test") == 2
    assert TableSet(other).matched(b"listed.test") == 0


def test_a_digest_that_differs_matches_nothing(images: Images) -> None:
    names = images.names([("csam", "listed.test", Mode.EXACT)])
    record = section(names.path, COLD)
    assert record[0] == 0 and len(record) == 17

    other = forge(names, COLD, 16, bytes([record[16] ^ 1]))

    assert TableSet(names).matched(b"listed.test") == 1
    assert TableSet(other).matched(b"listed.test") == 0


@pytest.mark.parametrize("name", ["a.b", "fifteen-oct.ets", "x" * 63 + "." + "y" * 63 + ".test"])
@pytest.mark.parametrize("list_id", ["csam", "orders"])
def test_a_record_at_the_very_end_of_an_image_is_found_however_long_the_name_is(
    images: Images, name: str, list_id: str
) -> None:
    """Of either kind's record as many octets are read: of a short name's a digest's, of a digest's a long name's."""
    tables = TableSet(images.names([(list_id, name, Mode.EXACT)]))

    assert [match.list for match in tables.matches(to_wire(name.encode()))] == [list_id]
    assert tables.matched(b"other.test") == 0


def test_every_slot_of_a_line_has_its_own_record(images: Images) -> None:
    entries = [("orders", f"{'x' * n}.test", Mode.EXACT, 255, n) for n in range(1, 6)]
    names = images.names(entries)
    assert len(section(names.path, LINES)) == 64

    tables = TableSet(names)

    assert [tables.matched(name.encode()) for _, name, *_ in entries] == [2] * 5


def test_a_key_that_was_pushed_out_of_a_full_line_is_found_in_the_next(images: Images) -> None:
    names = images.names([("orders", f"n{i}.test", Mode.EXACT) for i in range(11)])
    words = struct.unpack("<16Q", section(names.path, LINES))
    assert sum(word != 0 for word in words) == 11

    assert TableSet(names).matched_each([f"n{i}.test".encode() for i in range(11)]) == [2] * 11


def test_a_bloom_word_of_zero_turns_every_name_away(images: Images) -> None:
    names = images.names([("orders", f"n{i}.test", Mode.EXACT) for i in range(40)])
    blind = forge(names, BLOOM, 0, bytes(names.section_octets()[BLOOM]))

    assert TableSet(blind).matched_each([f"n{i}.test".encode() for i in range(40)]) == [0] * 40


@pytest.mark.services
def test_the_place_of_a_name_is_a_pseudo_random_function_of_its_hash(images: Images) -> None:
    """The last step is SipHash-1-3, as OpenSSL has it, so that names and places in an image do not tell the key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    names = images.names([("orders", "test", Mode.EXACT)])
    low, high = struct.unpack("<QQ", KEY)
    product = int.from_bytes(b"test", "little") * ((low << 32 & MASK | low >> 32) ^ high ^ 4 << 56)
    raw = product >> 64 ^ product & MASK
    options = [f"hexkey:{KEY.hex()}", "size:8", "c-rounds:1", "d-rounds:3"]
    said = subprocess.run(
        [
            "openssl",
            "mac",
            *(part for option in options for part in ("-macopt", option)),
            "-in",
            "/dev/stdin",
            "SIPHASH",
        ],
        input=raw.to_bytes(8, "little"),
        capture_output=True,
        check=True,
    ).stdout

    [word] = [word for (word,) in struct.iter_unpack("<Q", section(names.path, LINES)) if word]

    assert word >> 24 == int.from_bytes(bytes.fromhex(said.decode().strip()), "little") >> 24

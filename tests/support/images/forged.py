"""Images with a valid checksum that the product's writers never produce."""

import struct
from pathlib import Path

import xxhash

from fastpath.images.image import Image, open_image


def forge(image: Image, section: int, at: int, octets: bytes, length: int | None = None) -> Image:
    """The image with `octets` at octet `at` of a section, that section's length changed, and a right checksum."""
    path = Path(image.path)
    data = bytearray(path.read_bytes())
    begin, n = struct.unpack_from("<QQ", data, 72 + 16 * section)
    assert at + len(octets) <= n
    data[begin + at : begin + at + len(octets)] = octets
    struct.pack_into("<Q", data, 80 + 16 * section, n if length is None else length)
    checksum = xxhash.xxh3_64(bytes(data[:40] + data[48:])).intdigest()
    struct.pack_into("<Q", data, 40, checksum)
    path.with_name("forged.img").write_bytes(data)
    return open_image(path.with_name("forged.img"), image.kind)

"""Writes an image file: header and checksum around sections that are given piece by piece.

Invariants: sections follow each other with no gap except the padding to 64 octets, and have the announced lengths.  The
checksum is written last, so that open_image() refuses an unfinished file.  The caller writes to a temporary name and
renames.
"""
import struct

import xxhash

from fastpath.images.layout cimport CHECKSUM_AT, HEADER_OCTETS, LAYOUT_VERSION, MAX_SECTIONS, SECTION_BORDER

from fastpath.images.layout import MAGIC as _MAGIC


class ImageWriter:
    """One image being written to `out` (binary, empty, seekable).

    kind, generation, base_generation, key   for the header; a key has 16 octets
    lengths                                  octets of each section, in the order of the kind's Section enum
    flags                                    those of layout.pxd, or'ed"""

    __slots__ = ("_checksum", "_lengths", "_out", "_given", "n_bytes")

    def __init__(self, out, kind: int, generation: int, base_generation: int, key: bytes, lengths,
                 flags: int = 0) -> None:
        if len(lengths) > MAX_SECTIONS:
            raise ValueError(f"image of kind {kind}: {len(lengths)} sections; a header holds {MAX_SECTIONS}")
        table = b""
        at = HEADER_OCTETS
        for length in lengths:
            table += struct.pack("<QQ", at, length)
            at += length + -length % SECTION_BORDER
        self._out = out
        self._lengths = list(lengths)
        self._given = 0
        self.n_bytes = at
        before = struct.pack("<8sIIQQQ", _MAGIC, LAYOUT_VERSION, kind, generation, base_generation, at)
        behind = (key + struct.pack("<II", len(lengths), flags) + table).ljust(HEADER_OCTETS - CHECKSUM_AT - 8, b"\0")
        self._checksum = xxhash.xxh3_64(before + behind)
        out.write(before + bytes(8) + behind)

    def add(self, piece) -> None:
        """Write the next octets of the current section."""
        self._checksum.update(piece)
        self._out.write(piece)
        self._given += len(piece)

    def end_section(self) -> None:
        """End the current section.   Raises ValueError where it has another length than announced."""
        announced = self._lengths.pop(0)
        if self._given != announced:
            raise ValueError(f"image: a section of {self._given} octets, announced were {announced}; not finished")
        self.add(bytes(-announced % SECTION_BORDER))
        self._given = 0

    def finish(self) -> int:
        """Write the checksum; return the length of the image.   Raises ValueError where sections are missing."""
        if self._lengths:
            raise ValueError(f"image: {len(self._lengths)} sections are missing; not finished")
        self._out.seek(CHECKSUM_AT)
        self._out.write(struct.pack("<Q", self._checksum.intdigest()))
        self._out.seek(0, 2)
        return self.n_bytes


def write_image(out, kind: int, generation: int, base_generation: int, key: bytes, sections) -> int:
    """Write an image from its complete sections; return its length."""
    writer = ImageWriter(out, kind, generation, base_generation, key, [len(section) for section in sections])
    for section in sections:
        writer.add(section)
        writer.end_section()
    return writer.finish()

"""An image with a right checksum, whatever else stands in it, is refused as BadImage or answers from inside itself.

Input: which of the eight images of a TableSet; which of its sections comes last, and so right before a forbidden page;
then edits of four octets each: offset (2), how many octets (a power of two up to eight), their value.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash
from fuzz import served
from fuzz.guard import guarded

from fastpath.images.image import BadImage, Image, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action
from fastpath.images.zone_listing import Listing
from fastpath.wire.name import to_wire

LENGTH_AT, CHECKSUM_AT, N_SECTIONS_AT, TABLE_AT, HEADER_OCTETS = 32, 40, 64, 72, 384  # fastpath/images/layout.pxd
ORIGINALS = [Path(image.path).read_bytes() for image in served.IMAGES]
KINDS = [ImageKind(image.kind) for image in served.IMAGES]
WIRES = [to_wire(name.encode()) for name in served.NAMES]
URLS = [url.encode() for url in served.URLS]
ADDRESSES = (served.PARENT, served.CHILD, served.PAUSED, served.NOBODY, None)
EDITED = served.FOLDER / "edited.img"


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    which = data[0] % len(ORIGINALS)
    EDITED.write_bytes(_sealed(_edited(_laid(ORIGINALS[which], data[1]), data[2:])))
    images: list[Image | None] = [*served.IMAGES]
    with refusals_are_fine(), guarded():
        images[which] = open_image(EDITED, KINDS[which])
        with refusals_are_fine():
            _ask(TableSet(*images))
        images[which ^ 1] = None  # a base without its delta, and the other way round
        _ask(TableSet(*images))


@contextmanager
def refusals_are_fine() -> Iterator[None]:
    try:
        yield
    except BadImage as bad:
        assert str(bad).startswith(served.FOLDER.as_posix())
        assert "; not opened; " in str(bad) or "; not used; " in str(bad)


def _laid(image: bytes, last: int) -> bytearray:
    """The image with section `last` at its end, and no octet behind it."""
    n = int.from_bytes(image[N_SECTIONS_AT : N_SECTIONS_AT + 4], "little")
    out = bytearray(image[:HEADER_OCTETS])
    for section in sorted(range(n), key=lambda section: section == last % n):
        at, length = struct.unpack_from("<QQ", image, TABLE_AT + 16 * section)
        out += bytes(-len(out) % 64)
        struct.pack_into("<QQ", out, TABLE_AT + 16 * section, len(out), length)
        out += image[at : at + length]
    struct.pack_into("<Q", out, LENGTH_AT, len(out))
    return out


def _edited(image: bytearray, edits: bytes) -> bytearray:
    for offset, width, octet in struct.iter_unpack(">HBB", edits[: len(edits) // 4 * 4]):
        at = offset % len(image)
        n = min(1 << width % 4, len(image) - at)
        image[at : at + n] = bytes([octet]) * n
    return image


def _sealed(image: bytearray) -> bytes:
    checksum = xxhash.xxh3_64(bytes(image[:CHECKSUM_AT]))
    checksum.update(bytes(image[CHECKSUM_AT + 8 :]))
    struct.pack_into("<Q", image, CHECKSUM_AT, checksum.intdigest())
    return bytes(image)


def _ask(tables: TableSet) -> None:
    _read(tables)
    for wire in WIRES:
        try:
            assert {match.list for match in tables.matches(wire)} <= set(tables.list_ids)
            assert all(number < len(tables.list_ids) for number, *_ in tables.base_entries(wire))
            for address in ADDRESSES:
                decided = tables.decide(wire, address, served.NOW_S)
                assert (decided.list is None) or decided.list in decided.matched or decided.action is Action.PASSTHRU
        except ValueError as unknown:  # of a later version: the wire side blocks, what prints it has no word for it
            assert "is not a valid Action" in str(unknown)
    for url in URLS:
        try:
            assert {match.list for match in tables.url_matches(url)} <= set(tables.list_ids)
            assert all(number < len(tables.list_ids) for number, *_ in tables.base_url_entries(url))
            tables.decide_url(None, url, served.PARENT, served.NOW_S)
        except ValueError as unknown:
            assert "is not a valid Action" in str(unknown)
    for address in ADDRESSES[:-1]:
        assert tables.decide(None, address, served.NOW_S).subscriber == tables.subscriber_of(address)


def _read(tables: TableSet) -> None:
    try:
        listing = Listing(tables, tables.list_ids[1:])
    except ValueError as confidential:  # or a list's id twice
        assert "not published" in str(confidential)
        return
    at = 0
    while at < listing.end:
        at, (names, between) = listing.read(at)
        wires = [wire for wire, *_ in names] + [wire for wire, _ in between]
        assert all(0 < len(wire) < 255 for wire in wires)
    at = 0
    while at < listing.changes_end(listing):
        at, was, becomes = listing.changes(listing, at)
        assert was == becomes

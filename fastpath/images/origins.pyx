"""Origins image: the list and line that each entry of names and URLs came from, folded entries included.

Explain and lookup use it; workers do not map it.  A row has 16 octets: place of the key's hash, list, mode, line, part.
Rows are sorted by place, names and URLs apart.  Two keys with one place cannot be distinguished: probability 2**-64.

Invariants: reads stay inside the image; rows of an unknown list are skipped; entries of confidential lists have no row.
"""
from typing import NamedTuple

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t

from fastpath.base.cursor cimport OK
from fastpath.images.image cimport Image
from fastpath.images.key_builder cimport E_SECRET, Entry, KeyBuilder
from fastpath.images.key_table cimport key_words, place_of
from fastpath.images.layout cimport (
    KEY_WORDS, K_ORIGINS, S_ORIGINS, S_ORIGIN_LISTS, S_URL_ORIGINS, ListRow, OriginRow, list_id_of)
from fastpath.images.names cimport hash_suffixes
from fastpath.images.urls cimport MAX_URL_KEYS, UrlKey, list_url_keys
from fastpath.images.verdict cimport M_BELOW, M_EXACT
from fastpath.wire.name cimport NAME_LABELS, Name, name_from_wire
from fastpath.wire.url cimport URL_OCTETS, Url, url_from_text, write_url_text

from fastpath.wire.address import rule_text
from fastpath.images.image import BadImage
from fastpath.images.image_writer import ImageWriter
from fastpath.images.key_writer import list_rows
from fastpath.images.verdict import Mode


cdef enum:
    ORIGINS_A_PIECE = 65536


class Origin(NamedTuple):
    """One rule of a list.

    line   from 1; 0: the list has no lines
    part   number of its file or sheet
    rule   its name, URL or prefix as text"""

    list: str
    mode: Mode
    line: int
    part: int
    rule: str


cdef struct Rows:
    const OriginRow* at
    uint64_t n


@cython.final
cdef class Origins:
    """An open origins image.   Raises BadImage where its rows are not whole."""

    cdef Image _image
    cdef uint64_t _key[KEY_WORDS]
    cdef Rows _names
    cdef Rows _urls
    cdef list _list_ids

    def __cinit__(self, Image image not None):
        cdef uint64_t octets
        cdef const ListRow* lists = <const ListRow*>image.section(S_ORIGIN_LISTS, &octets)
        if octets % sizeof(ListRow):
            raise _contradiction(image)
        try:
            self._list_ids = [list_id_of(lists + i) for i in range(octets // sizeof(ListRow))]
        except UnicodeDecodeError:
            raise _contradiction(image) from None
        _open_rows(image, S_ORIGINS, &self._names)
        _open_rows(image, S_URL_ORIGINS, &self._urls)
        self._image = image
        key_words(image.builder_key, self._key)

    @property
    def generation(self) -> int:
        """The generation of the names image that these origins belong to."""
        return self._image.generation

    def __len__(self) -> int:
        return self._names.n + self._urls.n

    def of(self, bytes wire not None) -> list[Origin]:
        """Find every rule for this name or a name above it, in any mode; the longest name first, then by list.

        wire   canonical, else ValueError
        Cost: one binary search a label"""
        cdef Name name
        cdef uint64_t hashes[NAME_LABELS]
        cdef size_t after
        cdef int label
        if name_from_wire(wire, len(wire), 0, &name, &after) != OK or after != <size_t>len(wire):
            raise ValueError(f"{wire!r}: not one name in wire form")
        hash_suffixes(self._key, &name, hashes)
        found = []
        for label in range(name.n_labels):
            self._put(found, &self._names, hashes[label], rule_text(PyBytes_FromStringAndSize(
                <const char*>name.wire + name.at[label], name.n - name.at[label])))
        return found

    def of_url(self, bytes text not None) -> list[Origin]:
        """Find every rule for this URL or a part of it that ends at a segment; the longest first, then by list.

        text   canonical, else ValueError
        Cost: two binary searches a segment"""
        cdef Url url
        cdef UrlKey keys[MAX_URL_KEYS]
        cdef uint8_t written[URL_OCTETS]
        cdef uint64_t hashes[NAME_LABELS]
        cdef size_t n
        cdef int i
        if url_from_text(text, len(text), &url) != OK:
            raise ValueError(f"{text!r}: no canonical URL")
        hash_suffixes(self._key, &url.host, hashes)
        found = []
        for i in range(<int>list_url_keys(self._key, hashes[0], &url, True, keys) - 1, -1, -1):
            n = write_url_text(&url, keys[i].n, written, URL_OCTETS)
            self._put(found, &self._urls, keys[i].hash,
                      PyBytes_FromStringAndSize(<const char*>written, n).decode("ascii"))
        return found

    cdef object _put(self, list found, const Rows* rows, uint64_t hash, str rule):
        """Append the rows of one key to `found`."""
        cdef uint64_t place = place_of(hash)
        cdef uint64_t i = _first(rows, place)
        while i < rows.n and rows.at[i].place == place:
            row = rows.at[i]
            i += 1
            if row.list < len(self._list_ids) and M_EXACT <= row.mode <= M_BELOW:
                found.append(Origin(self._list_ids[row.list], Mode(row.mode), row.line, row.part, rule))


cdef uint64_t _first(const Rows* rows, uint64_t place) noexcept nogil:
    """Index of the first row whose place is not below `place`."""
    cdef uint64_t lo = 0
    cdef uint64_t hi = rows.n
    cdef uint64_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if rows.at[mid].place < place:
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef object _open_rows(Image image, int section, Rows* out):
    cdef uint64_t octets
    out.at = <const OriginRow*>image.section(section, &octets)
    out.n = octets // sizeof(OriginRow)
    if octets % sizeof(OriginRow):
        raise _contradiction(image)


cdef object _contradiction(Image image):
    return BadImage(f"{image.path}: its rows are not whole; not used; compile it again")


# -- writing ---------------------------------------------------------------------------------------------------------

def write_origins(out, generation: int, KeyBuilder names not None, KeyBuilder urls not None) -> int:
    """Write the origins of all entries of two builders with the same lists and key; return the image's length.

    generation   that of the images that they build
    Cost: 16 octets an entry on disk, one pass in memory"""
    names.sort()
    urls.sort()
    lists = list_rows(names.lists)
    lengths = [len(lists), _count(names) * sizeof(OriginRow), _count(urls) * sizeof(OriginRow)]
    writer = ImageWriter(out, K_ORIGINS, generation, 0, names.key_octets, lengths, names.key_flags)
    writer.add(lists)
    writer.end_section()
    for builder in (names, urls):
        _write_rows(writer, builder)
    return writer.finish()


cdef object _write_rows(writer, KeyBuilder builder):
    cdef size_t i
    for i in range(0, builder.n, ORIGINS_A_PIECE):
        writer.add(_rows(builder, i, min(i + ORIGINS_A_PIECE, builder.n)))
    writer.end_section()


cdef bytearray _rows(KeyBuilder builder, size_t i, size_t end):
    cdef bytearray octets = bytearray((end - i) * sizeof(OriginRow))
    cdef OriginRow* row = <OriginRow*><char*>octets
    cdef const Entry* entry
    cdef size_t n = 0
    for i in range(i, end):
        entry = builder.entries + i
        if _has_origin(entry):
            row[n].place = entry.place
            row[n].line = entry.line
            row[n].part = entry.part
            row[n].list = entry.list
            row[n].mode = entry.mode
            n += 1
    del octets[n * sizeof(OriginRow):]
    return octets


cdef size_t _count(KeyBuilder builder):
    cdef size_t n = 0
    cdef size_t i
    for i in range(builder.n):
        n += _has_origin(builder.entries + i)
    return n


cdef inline bint _has_origin(const Entry* entry) noexcept nogil:
    return entry.mode != 0 and not entry.flags & E_SECRET

"""Origins: which line of which list each entry of a names image came from, also of those that were folded away.

For explain and lookup; no worker maps it.  A row is 16 octets: the place of the name's keyed hash, list, mode, line and
part; rows are sorted by place.  Two names of one place are not told apart: 2**-64 a pair.

Invariants: what is read of an image stays inside it; a row of a list that is not there is not given.
"""
from typing import NamedTuple

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastpath.cursor cimport OK
from fastpath.image cimport Image
from fastpath.keytable cimport place_of
from fastpath.layout cimport LIST_ID_OCTETS, ListRow, OriginRow, S_ORIGIN_LISTS, S_ORIGINS
from fastpath.name cimport Name, name_from_wire
from fastpath.names cimport hash_suffixes
from fastpath.verdict cimport M_BELOW, M_EXACT

from fastpath.image import BadImage
from fastpath.name import to_text
from fastpath.verdict import Mode


class Origin(NamedTuple):
    """One rule of a list.   line  from 1 (0: the list has no lines);   part  number of its file or sheet;   rule  its
    name as text"""

    list: str
    mode: Mode
    line: int
    part: int
    rule: str


@cython.final
cdef class Origins:
    """An origins image that is open.   Raises BadImage where its rows contradict themselves."""

    cdef Image _image
    cdef uint64_t _key[2]
    cdef const OriginRow* _rows
    cdef uint64_t _n
    cdef list _list_ids

    def __cinit__(self, Image image not None):
        cdef uint64_t octets
        cdef const ListRow* lists = <const ListRow*>image.section(S_ORIGIN_LISTS, &octets)
        if octets % sizeof(ListRow):
            raise _contradiction(image)
        try:
            self._list_ids = [_list_id(lists + i) for i in range(octets // sizeof(ListRow))]
        except UnicodeDecodeError:
            raise _contradiction(image) from None
        self._rows = <const OriginRow*>image.section(S_ORIGINS, &octets)
        if octets % sizeof(OriginRow):
            raise _contradiction(image)
        self._n = octets // sizeof(OriginRow)
        self._image = image
        memcpy(self._key, image.data + 48, 16)

    @property
    def generation(self) -> int:
        """Of the names image that these are the origins of."""
        return self._image.generation

    def __len__(self) -> int:
        return self._n

    def of(self, bytes wire not None) -> list[Origin]:
        """Every rule that is about this name or one above it, whatever its mode; the longest name first, then by list.

        wire   canonical, ValueError otherwise.   Cost: a binary search a label"""
        cdef Name name
        cdef uint64_t hashes[128]
        cdef size_t after
        cdef uint64_t place
        cdef uint64_t i
        cdef int label
        if name_from_wire(wire, len(wire), 0, &name, &after) != OK or after != <size_t>len(wire):
            raise ValueError(f"{wire!r}: not one name in wire form")
        hash_suffixes(self._key, &name, hashes)
        found = []
        for label in range(name.n_labels):
            place = place_of(hashes[label])
            i = self._first(place)
            while i < self._n and self._rows[i].place == place:
                row = self._rows[i]
                i += 1
                if row.list < len(self._list_ids) and M_EXACT <= row.mode <= M_BELOW:
                    text = to_text(PyBytes_FromStringAndSize(<const char*>name.wire + name.at[label],
                                                             name.n - name.at[label]))
                    found.append(Origin(self._list_ids[row.list], Mode(row.mode), row.line, row.part, text))
        return found

    cdef uint64_t _first(self, uint64_t place) noexcept nogil:
        """The first row that does not stand before `place`."""
        cdef uint64_t lo = 0
        cdef uint64_t hi = self._n
        cdef uint64_t mid
        while lo < hi:
            mid = lo + (hi - lo) // 2
            if self._rows[mid].place < place:
                lo = mid + 1
            else:
                hi = mid
        return lo


cdef str _list_id(const ListRow* row):
    return PyBytes_FromStringAndSize(row.id, LIST_ID_OCTETS).rstrip(b"\0").decode("ascii")


cdef object _contradiction(Image image):
    return BadImage(f"{image.path}: its rows are not whole; not used; compile it again")

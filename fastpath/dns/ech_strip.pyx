"""Removal of the SvcParam `ech` from HTTPS and SVCB records, in place.

    find the cuts → digest all names → correct pointers past the gaps → shorten lengths → close the gaps → digest again

Invariants: in a message that came back, every record but HTTPS and SVCB is unchanged, every name reads as before, no
SvcParam 5 is left and no `mandatory` lists it; a second call changes nothing.  As octets move, every compression
pointer that leads behind a gap is corrected, in owners and in rdata that may be compressed.  A message is refused where
a pointer leads into a gap, where a name reads differently afterwards, and where it cannot be read.
Absent on purpose: signatures.  Only for clients that did not ask for them (DO=0): they no longer hold, and AD is
cleared for the same reason.
Source: RFC 9460 §2.2 (wire form) and §8 (mandatory), RFC 9848 (ech), RFC 3597 §4 (which rdata may be compressed).
Cost: 3 ns a record where there is nothing to remove, else 0.2 us.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memmove

from fastpath.base.cursor cimport OK
from fastpath.dns.records cimport IN_ADDITIONAL, Record, Walk, begin_walk, read_name, skip_checked_name, take_record
from fastpath.dns.wire cimport (
    AD_OCTET3, POINTER, POINTER_OFFSET, POINTER_WORD, SVC_ECH, SVC_MANDATORY, SVC_PARAM_OCTETS, SVC_PRIORITY_OCTETS,
    TYPE_AFSDB, TYPE_CNAME, TYPE_DNAME, TYPE_HTTPS, TYPE_KX, TYPE_MB, TYPE_MD, TYPE_MF, TYPE_MG, TYPE_MINFO, TYPE_MR,
    TYPE_MX, TYPE_NS, TYPE_PTR, TYPE_PX, TYPE_RP, TYPE_RT, TYPE_SOA, TYPE_SRV, TYPE_SVCB)
from fastpath.wire.name cimport Name

cdef enum:
    MAX_CUTS = 64           # two for each of 32 services: no RRset in use has as many


cdef struct Cut:
    size_t at
    size_t n


cdef struct Cuts:           # in rising order, none touching another
    uint32_t n
    Cut cut[MAX_CUTS]


cdef inline uint16_t _u16(const uint8_t* at) noexcept nogil:
    return <uint16_t>((at[0] << 8) | at[1])


cdef inline void _put_u16(uint8_t* at, size_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>value


cdef size_t strip_ech(uint8_t* msg, size_t n) noexcept nogil:
    """Remove `ech` from a message; give its new length.

    0: refused, see the module.  Its records may be damaged then and must not be delivered; header and question are
    unchanged."""
    cdef Cuts cuts
    cdef uint64_t before = 0
    cdef uint64_t after = 0
    cuts.n = 0
    if not _find_cuts(msg, n, &cuts):
        return 0
    if cuts.n == 0:
        return n
    if not _digest_names(msg, n, &before) or not _correct_pointers(msg, n, &cuts):
        return 0
    _shorten(msg, n, &cuts)
    n = _close_gaps(msg, n, &cuts)
    if not _digest_names(msg, n, &after) or before != after:
        return 0
    msg[3] &= ~AD_OCTET3
    return n


cdef bint _find_cuts(uint8_t* msg, size_t n, Cuts* cuts) noexcept nogil:
    cdef Walk w
    cdef Record r
    if begin_walk(&w, msg, n, IN_ADDITIONAL) != OK:
        return False
    while w.left:
        if take_record(&w, &r) != OK:
            return False
        if (r.kind == TYPE_HTTPS or r.kind == TYPE_SVCB) and not _find_cuts_of(msg, &r, cuts):
            return False
    return True


cdef bint _find_cuts_of(uint8_t* msg, const Record* r, Cuts* cuts) noexcept nogil:
    """Add the cuts of one record; False where its SvcParams cannot be read."""
    cdef size_t at = r.data_at + SVC_PRIORITY_OCTETS
    cdef size_t end = r.data_at + r.data_n
    cdef uint16_t key
    cdef size_t size
    if r.data_n < 3 or skip_checked_name(msg, end, at, &at) != OK:
        return False
    while at < end:
        if end - at < SVC_PARAM_OCTETS:
            return False
        key = _u16(msg + at)
        size = _u16(msg + at + 2)
        if end - at - SVC_PARAM_OCTETS < size:
            return False
        if key == SVC_ECH and not _add_cut(cuts, at, SVC_PARAM_OCTETS + size):
            return False
        if key == SVC_MANDATORY and not _cut_mandatory(msg, at, size, cuts):
            return False
        at += SVC_PARAM_OCTETS + size
    return True


cdef bint _cut_mandatory(uint8_t* msg, size_t at, size_t size, Cuts* cuts) noexcept nogil:
    """Cut `ech` out of the list of mandatory keys at `at`; an empty list is cut, too."""
    cdef size_t n_ech = 0
    cdef size_t key_at
    if size % 2:
        return False
    for key_at in range(at + SVC_PARAM_OCTETS, at + SVC_PARAM_OCTETS + size, 2):
        n_ech += _u16(msg + key_at) == SVC_ECH
    if n_ech == 0:
        return True
    if 2 * n_ech == size:
        return _add_cut(cuts, at, SVC_PARAM_OCTETS + size)
    for key_at in range(at + SVC_PARAM_OCTETS, at + SVC_PARAM_OCTETS + size, 2):
        if _u16(msg + key_at) == SVC_ECH and not _add_cut(cuts, key_at, 2):
            return False
    _put_u16(msg + at + 2, size - 2 * n_ech)
    return True


cdef inline bint _add_cut(Cuts* cuts, size_t at, size_t n) noexcept nogil:
    if cuts.n == MAX_CUTS:
        return False
    cuts.cut[cuts.n].at = at
    cuts.cut[cuts.n].n = n
    cuts.n += 1
    return True


cdef int _names_of(uint16_t kind, size_t* ahead) noexcept nogil:
    """The number of names in rdata of this type that may be compressed.   ahead: octets before the first"""
    ahead[0] = 0
    if kind == TYPE_SOA or kind == TYPE_MINFO or kind == TYPE_RP:
        return 2
    if (kind == TYPE_NS or kind == TYPE_CNAME or kind == TYPE_PTR or kind == TYPE_DNAME or kind == TYPE_MD
            or kind == TYPE_MF or kind == TYPE_MB or kind == TYPE_MG or kind == TYPE_MR):
        return 1
    ahead[0] = 2
    if (kind == TYPE_MX or kind == TYPE_SVCB or kind == TYPE_HTTPS or kind == TYPE_AFSDB or kind == TYPE_RT
            or kind == TYPE_KX):
        return 1
    if kind == TYPE_PX:
        return 2
    ahead[0] = 6
    return 1 if kind == TYPE_SRV else 0


cdef bint _digest_names(const uint8_t* msg, size_t n, uint64_t* digest) noexcept nogil:
    """Digest (FNV-1a) every name of every record without compression; False where one cannot be read."""
    cdef Walk w
    cdef Record r
    cdef size_t at
    cdef int n_names, _i
    digest[0] = <uint64_t>0xcbf29ce484222325
    begin_walk(&w, msg, n, IN_ADDITIONAL)
    while w.left:
        if take_record(&w, &r) != OK or not _digest_name(msg, n, r.owner_at, &at, digest):
            return False
        n_names = _names_of(r.kind, &at)
        at += r.data_at
        for _i in range(n_names):
            if not _digest_name(msg, r.data_at + r.data_n, at, &at, digest):
                return False
    return True


cdef bint _digest_name(const uint8_t* msg, size_t n, size_t at, size_t* after, uint64_t* digest) noexcept nogil:
    cdef Name name
    cdef uint32_t i
    if read_name(msg, n, at, &name, after) != OK:
        return False
    for i in range(name.n):
        digest[0] = (digest[0] ^ name.wire[i]) * <uint64_t>0x100000001b3
    return True


cdef bint _correct_pointers(uint8_t* msg, size_t n, const Cuts* cuts) noexcept nogil:
    """Point every pointer at the new place of its octets; False where one leads into a gap.   All names were read"""
    cdef Walk w
    cdef Record r
    cdef size_t at
    cdef int n_names, _i
    begin_walk(&w, msg, n, IN_ADDITIONAL)
    while w.left:
        take_record(&w, &r)
        if not _correct_pointer(msg, r.owner_at, &at, cuts):
            return False
        n_names = _names_of(r.kind, &at)
        at += r.data_at
        for _i in range(n_names):
            if not _correct_pointer(msg, at, &at, cuts):
                return False
    return True


cdef bint _correct_pointer(uint8_t* msg, size_t at, size_t* after, const Cuts* cuts) noexcept nogil:
    """Correct the pointer that ends the name at `at`, if one does."""
    cdef size_t to, gone
    while 0 < msg[at] < POINTER:
        at += 1 + msg[at]
    after[0] = at + 1
    if msg[at] == 0:
        return True
    after[0] = at + 2
    to = _u16(msg + at) & POINTER_OFFSET
    if not _gone_before(cuts, to, &gone):
        return False
    _put_u16(msg + at, POINTER_WORD | (to - gone))
    return True


cdef bint _gone_before(const Cuts* cuts, size_t place, size_t* gone) noexcept nogil:
    """The number of octets cut before `place`; False where it is cut itself."""
    cdef uint32_t i
    gone[0] = 0
    for i in range(cuts.n):
        if cuts.cut[i].at > place:
            break
        if place < cuts.cut[i].at + cuts.cut[i].n:
            return False
        gone[0] += cuts.cut[i].n
    return True


cdef void _shorten(uint8_t* msg, size_t n, const Cuts* cuts) noexcept nogil:
    """Reduce the RDLENGTH of each record by its cuts."""
    cdef Walk w
    cdef Record r
    cdef uint32_t i = 0
    cdef size_t data_n
    begin_walk(&w, msg, n, IN_ADDITIONAL)
    while w.left and i < cuts.n:
        take_record(&w, &r)
        data_n = r.data_n
        while i < cuts.n and cuts.cut[i].at < w.at:
            data_n -= cuts.cut[i].n
            i += 1
        _put_u16(msg + r.data_at - 2, data_n)


cdef size_t _close_gaps(uint8_t* msg, size_t n, const Cuts* cuts) noexcept nogil:
    cdef size_t to = cuts.cut[0].at
    cdef size_t begin, end
    cdef uint32_t i
    for i in range(cuts.n):
        begin = cuts.cut[i].at + cuts.cut[i].n
        end = cuts.cut[i + 1].at if i + 1 < cuts.n else n
        memmove(msg + to, msg + begin, end - begin)
        to += end - begin
    return to


def without_ech(message: bytes) -> bytes:
    """Remove `ech` from a message.   ValueError: it is refused, see the module."""
    cdef bytearray out = bytearray(message)
    cdef size_t n = strip_ech(<uint8_t*><char*>out, len(message))
    if n == 0:
        raise ValueError(f"a message of {len(message)} octets: it cannot be read without its ech; do not deliver it")
    return bytes(out[:n])

"""Benchmark of name look-ups, without Python in the measured time.

Each name is written where the look-up reads it, as a parser would just have done.  The time of that alone, measured in
the same way, is subtracted.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastpath.base.clock cimport monotonic_ns
from fastpath.base.cursor cimport OK
from fastpath.images.names cimport BATCH_NAMES, Hits, find_hits, find_hits_batch
from fastpath.images.tables cimport TableSet, Tables
from fastpath.wire.name cimport Name, name_from_wire

cdef extern from *:
    """
    #if defined(__x86_64__)
    #define fd_settle() __asm__ volatile("lfence" ::: "memory")
    #elif defined(__aarch64__)
    #define fd_settle() __asm__ volatile("dsb sy\\n\\tisb" ::: "memory")
    #else
    #define fd_settle() __sync_synchronize()
    #endif
    """
    void settle "fd_settle"() noexcept nogil        # no later instruction begins before all earlier ones are done

cdef enum:
    MOST_OCTETS = 2 + 127 + 255     # of a name here: numbers of octets and labels, offset of each label, wire form


cdef class _NameList:
    """Names to look up, one behind the other, and room for the results."""

    cdef size_t n_hits          # found since it was last set to 0
    cdef uint8_t* octets
    cdef size_t octets_n
    cdef size_t n
    cdef Name names[BATCH_NAMES]
    cdef const Name* batch[BATCH_NAMES]
    cdef Hits hits[BATCH_NAMES]

    def __cinit__(self, list wires):
        cdef size_t after
        cdef bytes wire
        cdef Name* name = &self.names[0]
        cdef uint8_t* at
        self.octets = <uint8_t*>malloc(len(wires) * MOST_OCTETS or 1)
        if self.octets == NULL:
            raise MemoryError("measuring lookups")
        for i in range(BATCH_NAMES):
            self.batch[i] = &self.names[i]
        for wire in wires:
            if name_from_wire(wire, len(wire), 0, name, &after) != OK:
                raise ValueError(f"{wire!r}: not one name in wire form")
            at = self.octets + self.octets_n
            at[0] = name.n
            at[1] = name.n_labels
            memcpy(at + 2, name.at, name.n_labels)
            memcpy(at + 2 + name.n_labels, name.wire, name.n)
            self.octets_n += 2 + name.n_labels + name.n
            self.n += 1

    def __dealloc__(self):
        free(self.octets)

    cdef inline const uint8_t* write(self, const uint8_t* at, Name* out) noexcept nogil:
        """Write the name at `at`, as a parser would; give the place of the next one."""
        out.n = at[0]
        out.n_labels = at[1]
        memcpy(out.at, at + 2, at[1])
        memcpy(out.wire, at + 2 + at[1], at[0])
        return at + 2 + at[1] + at[0]

    cdef void one_by_one(self, const Tables* t) noexcept nogil:
        cdef const uint8_t* at = self.octets
        cdef size_t _i
        for _i in range(self.n):
            at = self.write(at, &self.names[0])
            settle()
            if t != NULL:
                find_hits(&t.names, &t.names_delta, &self.names[0], self.hits)
                self.n_hits += self.hits[0].n

    cdef void in_batches(self, const Tables* t) noexcept nogil:
        cdef const uint8_t* at = self.octets
        cdef size_t i = 0
        cdef uint32_t n
        cdef uint32_t k
        while i < self.n:
            n = <uint32_t>min(<size_t>BATCH_NAMES, self.n - i)
            for k in range(n):
                at = self.write(at, &self.names[k])
            if t != NULL:
                find_hits_batch(&t.names, &t.names_delta, self.batch, n, self.hits)
                for k in range(n):
                    self.n_hits += self.hits[k].n
            i += n


def serial_ns(TableSet tables not None, list wires, int passes) -> tuple[float, int]:
    """Nanoseconds a lookup takes, in the fastest pass, and how many hits one pass finds.

    Each lookup begins when the one before it has ended."""
    return _fastest(tables, wires, passes, False)


def batch_ns(TableSet tables not None, list wires, int passes) -> tuple[float, int]:
    """The same in batches of 32."""
    return _fastest(tables, wires, passes, True)


cdef tuple _fastest(TableSet tables, list wires, int passes, bint in_batches):
    cdef _NameList names = _NameList(wires)
    cdef int64_t with_lookups
    cdef int64_t without
    cdef int _pass
    with nogil:
        with_lookups = _passed(names, &tables.tables, in_batches)
        without = _passed(names, NULL, in_batches)
        for _pass in range(1, passes):
            names.n_hits = 0
            with_lookups = min(with_lookups, _passed(names, &tables.tables, in_batches))
            without = min(without, _passed(names, NULL, in_batches))
    return <double>(with_lookups - without) / names.n, names.n_hits


cdef int64_t _passed(_NameList names, const Tables* t, bint in_batches) noexcept nogil:
    """Nanoseconds of one pass over all names.   t  NULL: without the lookups"""
    cdef int64_t begin
    begin = monotonic_ns()
    if in_batches:
        names.in_batches(t)
    else:
        names.one_by_one(t)
    return monotonic_ns() - begin

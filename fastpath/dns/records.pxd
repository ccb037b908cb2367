"""The records of a DNS message, one after the other: see records.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status
from fastpath.wire.name cimport Name

cdef enum Section:
    IN_ANSWER = 0
    IN_AUTHORITY = 1
    IN_ADDITIONAL = 2
    N_SECTIONS = 3


cdef struct Walk:
    const uint8_t* msg
    size_t n
    size_t at               # where the next record begins
    uint32_t left           # records still to come, of the sections asked for
    uint32_t n_seen
    uint16_t counts[N_SECTIONS]      # as the header has them, by Section


cdef struct Record:
    Section section
    uint16_t kind
    uint16_t class_
    uint32_t ttl_s
    size_t owner_at         # read_name() reads it
    size_t data_at
    uint16_t data_n


cdef Status begin_walk(Walk* w, const uint8_t* msg, size_t n, Section last) noexcept nogil
cdef Status take_record(Walk* w, Record* out) noexcept nogil
cdef Status skip_checked_name(const uint8_t* msg, size_t n, size_t at, size_t* after) noexcept nogil
cdef Status read_name(const uint8_t* msg, size_t n, size_t at, Name* out, size_t* after) noexcept nogil

"""How long an answer may be kept, and where its TTLs stand: see ttl.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status
from fastpath.dns.query cimport Question

cdef enum:
    MOST_PLACES = 6000      # of TTLs: 65,535 octets hold fewer than 5,960 records of 11


cdef struct Kept:
    uint32_t lives_s        # 0: not to be kept
    uint32_t most_s         # no record of it says more than this
    uint16_t n              # octets up to the OPT
    uint16_t n_places
    uint16_t n_additionals  # before the OPT
    uint8_t rcode


cdef Status read_answer(const uint8_t* msg, size_t n, const Question* q, uint16_t* places, Kept* out) noexcept nogil

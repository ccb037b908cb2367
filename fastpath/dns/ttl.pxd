"""The lifetime of an upstream's answer, and the offsets of its TTLs: see ttl.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.base.cursor cimport Status
from fastpath.dns.query cimport Question

cdef enum:
    MOST_PLACES = 6000      # of TTLs: 65,535 octets hold fewer than 5,960 records of 11


cdef struct Lifespan:
    uint32_t lives_s        # 0: not to be cached
    uint32_t most_s         # a cap for the TTL of each record
    uint16_t n              # octets before the OPT
    uint16_t n_places
    uint16_t n_additionals  # before the OPT
    uint8_t rcode


cdef Status read_answer(const uint8_t* msg, size_t n, const Question* q, uint16_t* places,
                        Lifespan* out) noexcept nogil

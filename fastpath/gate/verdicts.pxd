"""Verdicts for names and for undecidable input: see verdicts.pyx."""
from libc.stdint cimport uint8_t

from fastpath.base.cursor cimport Status
from fastpath.gate.state cimport Gate, Turn, Verdict
from fastpath.images.verdict cimport Decision
from fastpath.wire.packet cimport FLAG_SYN, PROTO_TCP
from fastpath.wire.tls cimport ClientHello


cdef void count_bypass(Gate* g, const Turn* t, const Decision* d, uint8_t channel) noexcept nogil
cdef bint is_counted(Gate* g, const Turn* t, uint8_t channel) noexcept nogil
cdef bint has_handshake(Gate* g, const Turn* t) noexcept nogil
cdef Verdict judge_hello(Gate* g, Turn* t, const ClientHello* hello, uint8_t channel, int counter) noexcept nogil
cdef Verdict unless_blocked(Gate* g, Turn* t, bint is_undecidable, int counter, uint8_t shadow,
                            uint8_t channel) noexcept nogil
cdef Verdict undecidable(Gate* g, Turn* t, int counter) noexcept nogil
cdef bint is_shut(const Gate* g) noexcept nogil
cdef void report_block(Gate* g, const Turn* t, const Decision* d, uint8_t channel) noexcept nogil
cdef int counter_of(Status status) noexcept nogil
cdef int unless_forgotten(const Gate* g, const Turn* t, int counter) noexcept nogil
cdef Verdict contradicted(Gate* g) noexcept nogil
cdef bint is_apart(const Gate* g, const Turn* t) noexcept nogil
cdef bint is_spoken(const Turn* t) noexcept nogil
cdef bint is_keep_alive(const Turn* t) noexcept nogil
cdef Verdict judge_keep_alive(Gate* g, Turn* t) noexcept nogil
cdef bint is_proven(const Gate* g, const Turn* t) noexcept nogil
cdef Verdict over_budget(Gate* g, Turn* t) noexcept nogil
cdef Verdict so_far(const Turn* t) noexcept nogil


cdef inline bint is_first(const Turn* t) noexcept nogil:
    """Whether a packet comes before any handshake that the gate could see: a SYN, or none of TCP."""
    return t.p.proto != PROTO_TCP or t.p.flags & FLAG_SYN

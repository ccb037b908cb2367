"""Octets of a stream: see stream.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastpath.base.cursor cimport Status
from fastpath.gate.flow cimport Flow, FlowTable

cdef void begin_stream(FlowTable* t, Flow* f, uint32_t isn, uint8_t is_isn_known) noexcept nogil
cdef int64_t stream_position(const Flow* f, uint32_t seq) noexcept nogil
cdef Status put_octets(FlowTable* t, Flow* f, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil
cdef bint asks_server(const Flow* f) noexcept nogil
cdef bint is_cheap_to_slide(const Flow* f, int64_t base) noexcept nogil
cdef bint is_passed_and_proven(const Flow* f) noexcept nogil
cdef bint is_resumed_and_unproven(const Flow* f) noexcept nogil
cdef void note_acknowledged(FlowTable* t, Flow* f, uint32_t ack) noexcept nogil
cdef void slide_window(FlowTable* t, Flow* f, int64_t base) noexcept nogil

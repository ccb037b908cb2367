"""Search for hellos in streams without a known beginning: see hello_search.pyx."""
from libc.stdint cimport int64_t, uint8_t

from fastpath.gate.flow cimport Flow
from fastpath.gate.state cimport Gate, Turn, Verdict

cdef bint begins_hello(Gate* g, const uint8_t* data, size_t n) noexcept nogil
cdef bint holds_hello(Gate* g, Flow* f) noexcept nogil
cdef bint is_searched(const Gate* g, const Turn* t) noexcept nogil
cdef bint is_before_search(const Turn* t) noexcept nogil
cdef void make_way(Gate* g, Flow* f, int64_t end) noexcept nogil
cdef Verdict search_octets(Gate* g, Turn* t, int64_t at, size_t n) noexcept nogil

"""What the gate sends: see inject.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Gate, Turn
from fastpath.images.verdict cimport Decision


cdef uint8_t answer(Gate* g, Turn* t, const Decision* d) noexcept nogil
cdef void reset_server(Gate* g, Turn* t) noexcept nogil

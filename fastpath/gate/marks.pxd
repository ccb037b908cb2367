"""States and verdicts: see marks.pyx."""
from libc.stdint cimport uint8_t

from fastpath.gate.state cimport Verdict

cdef uint8_t state_after(uint8_t before, Verdict verdict) noexcept nogil
cdef bint is_partial(uint8_t flow_state) noexcept nogil

"""Queries forwarded to upstreams, and the answers to the clients that wait: see forwarder.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.dns.state cimport Asker, Loop, Wanted

cdef void flush(Loop* l) noexcept nogil
cdef void forward(Loop* l, uint32_t i, const Wanted* wanted, const Asker* who, uint8_t listener) noexcept nogil
cdef void refresh(Loop* l, const Wanted* wanted) noexcept nogil
cdef bint take_answer(Loop* l, uint8_t via, uint8_t* msg, size_t n, bint is_cut) noexcept nogil
cdef void look_after(Loop* l) noexcept nogil

"""Queries forwarded to upstreams, and their answers to waiting clients: see forwarder.pyx."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastpath.dns.state cimport Client, Loop, UpstreamQuery

cdef void flush(Loop* l) noexcept nogil
cdef void forward(Loop* l, uint32_t i, const UpstreamQuery* query, const Client* client,
                  uint8_t listener) noexcept nogil
cdef void refresh(Loop* l, const UpstreamQuery* query) noexcept nogil
cdef bint receive_answer(Loop* l, uint16_t via, uint8_t* msg, size_t n, bint is_truncated) noexcept nogil
cdef void run_timers(Loop* l) noexcept nogil

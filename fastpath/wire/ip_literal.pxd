"""Address literals as hosts: see ip_literal.pyx."""
from libc.stdint cimport uint8_t

from fastpath.base.cursor cimport Status
from fastpath.wire.name cimport Name


cdef Status name_from_literal(const uint8_t* text, size_t n, Name* out) noexcept nogil

"""SipHash-2-4 with 128 bits of output, for names that may stand nowhere in plain: see siphash.pyx."""
from libc.stdint cimport uint8_t, uint64_t


cdef void siphash128(const uint64_t* key, const uint8_t* data, size_t n, uint64_t* out) noexcept nogil

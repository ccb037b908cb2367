"""SipHash-2-4, for confidential names and unforgeable cookies, and 1-3, for hash tables: see siphash.pyx."""
from libc.stdint cimport uint8_t, uint64_t


cdef uint64_t siphash64(const uint64_t* key, const uint8_t* data, size_t n) noexcept nogil
cdef uint64_t siphash13(const uint64_t* key, const uint8_t* data, size_t n) noexcept nogil
cdef void siphash128(const uint64_t* key, const uint8_t* data, size_t n, uint64_t* out) noexcept nogil

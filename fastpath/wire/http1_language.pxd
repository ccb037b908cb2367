"""Accept-Language of a request: see http1_language.pyx."""
from libc.stdint cimport uint8_t

cdef enum:
    CODE_OCTETS = 2         # of a language: ISO 639-1


cdef uint8_t preferred_language(const uint8_t* head, size_t n, const uint8_t* codes,
                                uint8_t n_codes) noexcept nogil

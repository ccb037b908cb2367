"""JA4 fingerprints: see ja4.pyx."""
from libc.stdint cimport uint8_t

from fastpath.base.cursor cimport Status

cdef enum:
    JA4_OCTETS = 36                # t13d1516h2_8daaf6152771_02713d6af862
    JA4_TLS = 116                  # 't': over TCP
    JA4_QUIC = 113                 # 'q'


cdef Status ja4_of_hello(const uint8_t* message, size_t n, uint8_t transport, uint8_t* out) noexcept nogil

"""Numbers as decimal digits."""
from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    DECIMAL_OCTETS = 10     # of the highest number of 32 bits


cdef inline uint8_t* decimal_before(uint8_t* end, uint32_t number) noexcept nogil:
    """Write a number so that it ends before `end`, which has room for DECIMAL_OCTETS; where it begins."""
    while True:
        end -= 1
        end[0] = <uint8_t>(48 + number % 10)
        number = number // 10
        if number == 0:
            return end

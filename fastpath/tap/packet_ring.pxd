"""Ring buffer of captured frames: see packet_ring.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.base.cursor cimport Cursor, Status


cdef struct Ring:
    int fd
    uint8_t* at                 # N_BLOCKS * BLOCK_OCTETS
    uint32_t next_block         # the block that the kernel fills next


cdef struct Frame:
    const uint8_t* at           # the kernel's header of it, in the ring
    uint32_t left               # frames of its block, this one among them
    bint is_summed              # its checksums are complete and not yet verified
    Status status               # of find_ip()
    Cursor ip


cdef bint begin_block(Ring* r, Frame* f) noexcept nogil
cdef bint next_frame(Frame* f) noexcept nogil
cdef void end_block(Ring* r) noexcept nogil
cdef uint32_t take_losses(Ring* r) noexcept nogil

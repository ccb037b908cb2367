"""Who this server is: see server_identity.pyx."""
from libc.stdint cimport uint8_t

from fastpath.dns.query cimport Question
from fastpath.dns.special_names cimport Specials

cdef size_t answer_identity(const Specials* s, uint8_t* msg, size_t room, const Question* q) noexcept nogil

"""Whether an upstream's answer may be delivered, and ECH removal: see inspection.pyx and ech_strip.pyx."""
from libc.stdint cimport int64_t, uint8_t

from fastpath.base.cursor cimport Status
from fastpath.dns.ech_strip cimport strip_ech
from fastpath.dns.query cimport Question
from fastpath.images.tables cimport Tables
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name

cdef enum:
    MAX_TARGETS = 128       # names: recursors follow at most 16 aliases, and no RRset in use has 100 services
    MAX_ADDRESSES = 4096    # of one answer: 64 KiB hold 4,095 A records; only hints have more


cdef Status inspect_answer(const Tables* t, const uint8_t* msg, size_t n, const Question* q, const uint8_t* addr,
                           uint8_t ip_version, int64_t now_s, Name* culprit, Decision* out) noexcept nogil

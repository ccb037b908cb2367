"""Health and speed of upstreams, and the choice among them: see upstream_health.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    MAX_UPSTREAMS = 64          # sets of them are words of 64 bits
    NO_UPSTREAM = 0xff


cdef struct Upstream:
    int64_t rtt_ns              # smoothed, of all answers; 0: none yet
    int64_t spread_ns           # smoothed distance from it
    int64_t probe_rtt_ns        # smoothed, of probes alone; 0: none yet
    uint32_t n_unanswered       # queries since the last answer
    uint8_t is_down
    uint8_t is_over_tls         # set by the caller: no one can forge its answers
    uint8_t is_silent           # its last probe was not answered in time
    uint8_t n_other_case        # answers in a row whose question had other letters than were sent
    int64_t no_case_until_ns    # monotonic: it does not keep the case of letters, and gets them in lower case


cdef struct Pool:
    uint64_t connected          # a bit each, set by the caller: upstreams that have a socket
    uint32_t n
    uint32_t chosen             # read by the control thread
    uint8_t is_any_up           # one is connected and not down
    Upstream upstreams[MAX_UPSTREAMS]


cdef void open_pool(Pool* p, uint32_t n) noexcept nogil
cdef int64_t retry_timeout_ns(const Pool* p, uint8_t upstream) noexcept nogil
cdef void note_answer(Pool* p, uint8_t upstream, int64_t took_ns, bint is_probe) noexcept nogil
cdef void note_timeout(Pool* p, uint8_t upstream, bint is_probe) noexcept nogil
cdef void choose_upstream(Pool* p) noexcept nogil
cdef bint is_known_dead(const Pool* p) noexcept nogil
cdef bint mixes_case(const Pool* p, uint8_t upstream, int64_t now_ns) noexcept nogil
cdef void note_other_case(Pool* p, uint8_t upstream, int64_t now_ns) noexcept nogil
cdef uint8_t next_upstream(const Pool* p, uint64_t tried) noexcept nogil

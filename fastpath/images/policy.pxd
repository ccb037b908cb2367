"""Subscriber policy and decide(), C interface: see policy.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpath.images.layout cimport ClosedRow, ListRow, ProfileRow
from fastpath.images.names cimport Hits
from fastpath.images.verdict cimport NO_ACTION, PASSTHRU, SHADOW, Decision
from fastpath.wire.name cimport Name


cdef struct PolicyView:
    const uint32_t* subscribers
    const uint32_t* profile_of
    uint32_t n_subscribers
    const ProfileRow* profiles
    uint32_t n_profiles
    const ClosedRow* closed
    uint32_t n_closed


cdef struct Policy:             # a profile at one instant: see decide()
    uint64_t categories[2]      # blocked
    int64_t paused_until_s
    const ClosedRow* closed
    uint32_t n_closed
    uint8_t safe_search
    uint8_t canaries
    int64_t utc_offset_s        # in force at that instant


cdef const char* policy_fault(const PolicyView* v) noexcept nogil
cdef void find_policy(const PolicyView* levels, uint32_t subscriber, int64_t now_s, Policy* out) noexcept nogil
cdef inline uint8_t action_of(const ListRow* of, uint8_t action) noexcept nogil:
    """The effective action of a list's entry: entries of a SHADOW list never block."""
    if action == NO_ACTION or (of.action == SHADOW and action != PASSTHRU):
        return of.action
    return action


cdef void decide(const Policy* policy, const Hits* hits, const ListRow* lists, int64_t now_s,
                 Decision* out) noexcept nogil

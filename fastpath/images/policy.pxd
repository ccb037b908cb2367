"""Subscriber policy and decide(), C interface: see policy.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.images.layout cimport AllowedRow, ClosedRow, ListRow, ProfileRow, SpanRow
from fastpath.images.names cimport Hit
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
    const AllowedRow* allowed
    uint32_t n_allowed
    const SpanRow* spans
    uint32_t n_spans
    const uint64_t* names
    uint32_t n_names


cdef enum Household:            # what a household's own names say of a name
    H_NOTHING = 0
    H_ALLOWED = 1
    H_DENIED = 2


cdef struct Policy:             # a profile at one instant, and what it says of one name: see decide()
    uint64_t categories[2]      # blocked
    int64_t paused_until_s
    const ClosedRow* closed
    const AllowedRow* allowed
    const SpanRow* spans
    const uint64_t* names       # of the household
    int64_t utc_offset_s        # in force at that instant
    int64_t behind_s            # 0, or the clock was set back by so much: the later reading counts, too
    int64_t later_offset_s      # in force at the later one
    uint32_t n_closed
    uint16_t n_names
    uint8_t n_spans
    uint8_t safe_search
    uint8_t youtube
    uint8_t canaries
    uint8_t is_target           # what an allowed name leads to is judged: no soft lock closes it
    uint8_t household           # Household, see find_household()
    uint8_t household_label     # its rule is the name's labels from this one on


cdef const char* policy_fault(const PolicyView* v) noexcept nogil
cdef void find_policy(const PolicyView* levels, uint32_t subscriber, int64_t now_s, int64_t behind_s,
                      Policy* out) noexcept nogil
cdef uint64_t household_hash(const uint8_t* wire, size_t n, bint is_allowed) noexcept nogil
cdef void find_household(Policy* policy, const Name* name) noexcept nogil
cdef bint find_left_open(const Policy* policy, int64_t now_s, uint64_t* out) noexcept nogil
cdef bint have_household(const PolicyView* levels, uint32_t subscriber) noexcept nogil
cdef inline uint8_t action_of(const ListRow* of, uint8_t action) noexcept nogil:
    """The effective action of a list's entry: entries of a SHADOW list never block."""
    if action == NO_ACTION or (of.action == SHADOW and action != PASSTHRU):
        return of.action
    return action


cdef void decide(const Policy* policy, const Hit* hits, uint32_t n_hits, const ListRow* lists, int64_t now_s,
                 Decision* out) noexcept nogil

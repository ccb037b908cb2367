"""Policy of a subscriber at an instant, and decide(): the one decision function of filterd.

decide() is pure and the same for a packet, a query, `filterd lookup` and the API's explain.  Its order of tiers is that
of semantics §3: CSAM, orders, help corridor, lock, categories, the operator's security lists, default (allow).

Invariants: no clock, no I/O, no allocation.  Inside one list the longest suffix decides, and of equal suffixes the
exact entry.  An exception (PASSTHRU) silences only its own list, except in the security tier: there, configured order
is precedence, and an exception also ends the matching of later lists (RPZ draft §2.3).  A list whose action is SHADOW
decides nothing and hides nothing: `out` names, besides the decision, the shadow list that would have blocked.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastpath.images.layout cimport PEOPLE_LEVELS, WEEK_MINUTES, ListRow, ProfileRow, SetRow
from fastpath.images.names cimport Hits, data_of
from fastpath.images.verdict cimport (
    M_BELOW, M_EXACT, NO_LIST, NO_SUBSCRIBER, PASSTHRU, R_CATEGORY, R_CSAM, R_DEFAULT, R_HELP, R_ORDER, R_PAUSE,
    R_SCHEDULE, R_SECURITY, SHADOW, SPLASH, TCP_ONLY, T_CATEGORY, T_CSAM, T_DEFAULT, T_HELP, T_LOCK, T_ORDER,
    T_SECURITY, Decision)

cdef enum:
    EPOCH_MINUTE = 4320     # 1 January 1970 was a Thursday: three days into a week that begins on Monday


cdef const char* policy_fault(const PolicyView* v) noexcept nogil:
    """Why this view must not be used, or NULL.   Cost: one pass over all of it."""
    cdef uint32_t i
    for i in range(v.n_subscribers):
        if i and v.subscribers[i - 1] >= v.subscribers[i]:
            return b"its subscribers are not sorted"
        if v.profile_of[i] >= v.n_profiles:
            return b"a subscriber of a profile that it does not have"
    for i in range(v.n_profiles):
        if v.profiles[i].closed_at > v.n_closed or v.profiles[i].n_closed > v.n_closed - v.profiles[i].closed_at:
            return b"a profile of closed intervals that it does not have"
        if v.profiles[i].safe_search > 2:
            return b"a profile with an unknown value of safe search"
    for i in range(v.n_closed):
        if v.closed[i].start + v.closed[i].minutes > WEEK_MINUTES:
            return b"a closed interval that leaves the week"
    return NULL


cdef inline uint32_t _profile_of(const PolicyView* v, uint32_t subscriber) noexcept nogil:
    """Index of the subscriber's profile; n_profiles where the view does not hold the subscriber."""
    cdef uint32_t lo = 0
    cdef uint32_t hi = v.n_subscribers
    cdef uint32_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if v.subscribers[mid] < subscriber:
            lo = mid + 1
        else:
            hi = mid
    if lo < v.n_subscribers and v.subscribers[lo] == subscriber:
        return v.profile_of[lo]
    return v.n_profiles


cdef void find_policy(const PolicyView* levels, uint32_t subscriber, int64_t now_s, Policy* out) noexcept nogil:
    """Find the policy of the subscriber's profile; all zero (nothing is blocked) where no profile is known.

    levels  PEOPLE_LEVELS"""
    cdef const PolicyView* v = levels
    cdef uint32_t at
    cdef const ProfileRow* row
    cdef int i
    out.categories[0] = out.categories[1] = 0
    out.paused_until_s = out.utc_offset_s = 0
    out.n_closed = 0
    out.closed = NULL
    out.safe_search = out.canaries = 0
    if subscriber == NO_SUBSCRIBER:
        return
    for i in range(PEOPLE_LEVELS):
        v = levels + i
        at = _profile_of(v, subscriber)
        if at < v.n_profiles:
            break
    else:
        return
    row = v.profiles + at
    out.categories[0] = row.categories[0]
    out.categories[1] = row.categories[1]
    out.paused_until_s = row.paused_until_s
    out.safe_search = row.safe_search
    out.canaries = row.canaries
    out.utc_offset_s = row.next_utc_offset_s if now_s >= row.next_offset_at_s else row.utc_offset_s
    if row.closed_at <= v.n_closed and row.n_closed <= v.n_closed - row.closed_at:
        out.closed = v.closed + row.closed_at
        out.n_closed = row.n_closed


cdef uint8_t _lock_reason(const Policy* policy, int64_t now_s) noexcept nogil:
    """R_PAUSE or R_SCHEDULE where the subscriber is locked, else R_DEFAULT."""
    cdef int64_t minute
    cdef uint32_t i
    if now_s < policy.paused_until_s:
        return R_PAUSE
    if policy.n_closed == 0:
        return R_DEFAULT
    minute = ((now_s + policy.utc_offset_s) // 60 + EPOCH_MINUTE) % WEEK_MINUTES
    for i in range(policy.n_closed):
        if policy.closed[i].start <= minute < policy.closed[i].start + policy.closed[i].minutes:
            return R_SCHEDULE
    return R_DEFAULT


cdef inline uint8_t _reason_of(uint8_t tier) noexcept nogil:
    if tier == T_CSAM:
        return R_CSAM
    if tier == T_ORDER:
        return R_ORDER
    if tier == T_HELP:
        return R_HELP
    if tier == T_CATEGORY:
        return R_CATEGORY
    return R_SECURITY


cdef inline bint _applies(const Policy* policy, const ListRow* row, uint8_t action) noexcept nogil:
    """Whether an entry of this list applies to this policy."""
    if action == PASSTHRU:
        return (row.tier == T_SECURITY or row.tier == T_HELP) and row.action != SHADOW
    if row.tier == T_CATEGORY:
        return (policy.categories[row.category >> 6] >> (row.category & 63)) & 1
    return True


cdef inline bint _outranks(const ListRow* lists, uint8_t left, const Decision* right) noexcept nogil:
    """Whether list `left` outranks the one in `right`: by lower tier, then by configured order."""
    if lists[left].tier != right.tier:
        return lists[left].tier < right.tier
    return right.list == NO_LIST or left < right.list


cdef inline bint _is_before(const ListRow* lists, uint8_t left, uint8_t right) noexcept nogil:
    """Whether list `left` outranks list `right`.   right  NO_LIST: there is none"""
    if right == NO_LIST:
        return True
    return lists[left].tier < lists[right].tier or (lists[left].tier == lists[right].tier and left < right)


cdef void _weigh(const Policy* policy, const Hits* hits, const ListRow* lists, Decision* out) noexcept nogil:
    """Put the highest-ranking entry of all hits into `out`, and the highest-ranking shadow list."""
    cdef uint64_t silenced[2]
    cdef const SetRow* row
    cdef uint8_t action
    cdef uint32_t i
    cdef uint32_t k
    silenced[0] = silenced[1] = 0
    for i in range(hits.n):
        for k in range(hits.at[i].n_rows):
            row = hits.at[i].rows + k
            if (row.mode == M_EXACT and hits.at[i].label != 0) or (row.mode == M_BELOW and hits.at[i].label == 0):
                continue
            if (silenced[row.list >> 6] >> (row.list & 63)) & 1:
                continue
            silenced[row.list >> 6] |= <uint64_t>1 << (row.list & 63)
            action = action_of(lists + row.list, row.action)
            if action == SHADOW:
                # TCP_ONLY blocks nothing
                if (row.action != TCP_ONLY and _applies(policy, lists + row.list, action)
                        and _is_before(lists, row.list, out.shadow)):
                    out.shadow = row.list
                    out.shadow_is_url = hits.at[i].url_n != 0
                continue
            if action != PASSTHRU:
                out.matched[row.list >> 6] |= <uint64_t>1 << (row.list & 63)
            if _applies(policy, lists + row.list, action) and _outranks(lists, row.list, out):
                out.action = action
                out.tier = lists[row.list].tier
                out.reason = _reason_of(out.tier)
                out.category = lists[row.list].category
                out.mode = row.mode
                out.list = row.list
                out.confidential = lists[row.list].confidential
                out.rule_label = hits.at[i].label
                out.rule_url_n = hits.at[i].url_n
                out.order = row.order
                out.data = data_of(hits.at[i].sets, row, &out.data_n)


cdef void decide(const Policy* policy, const Hits* hits, const ListRow* lists, int64_t now_s,
                 Decision* out) noexcept nogil:
    """Decide: the entry or lock of the highest tier wins (semantics §3).

    policy   that of the subscriber, see find_policy()
    hits     those of the name, see find_hits();   lists  the rows that their entries refer to by number
    now_s    unix seconds: pauses are instants, schedules are minutes of the profile's week
    out      action PASSTHRU: allowed; never SHADOW.  The caller fills in `subscriber`."""
    out.action = PASSTHRU
    out.reason = R_DEFAULT
    out.tier = T_DEFAULT
    out.category = out.mode = out.confidential = out.rule_label = 0
    out.rule_url_n = 0
    out.list = NO_LIST
    out.order = 0
    out.data = NULL
    out.data_n = 0
    out.shadow = NO_LIST
    out.shadow_is_url = 0
    out.matched[0] = out.matched[1] = 0
    out.safe_search = policy.safe_search
    out.canaries = policy.canaries
    _weigh(policy, hits, lists, out)
    if out.tier >= T_LOCK:
        _lock(policy, now_s, out)
    if out.shadow != NO_LIST and not _outranks(lists, out.shadow, out):
        out.shadow = NO_LIST    # the shadow list would not have changed the decision


cdef inline void _lock(const Policy* policy, int64_t now_s, Decision* out) noexcept nogil:
    """Let the lock decide, where the subscriber is locked."""
    cdef uint8_t lock = _lock_reason(policy, now_s)
    if lock == R_DEFAULT:
        return
    out.action = SPLASH
    out.reason = lock
    out.tier = T_LOCK
    out.category = out.mode = out.confidential = out.rule_label = 0
    out.rule_url_n = 0
    out.list = NO_LIST
    out.order = 0
    out.data = NULL
    out.data_n = 0

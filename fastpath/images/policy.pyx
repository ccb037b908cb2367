"""Policy of a subscriber at an instant, and decide(): the one decision function of filterd.

decide() is pure and the same for a packet, a query, `filterd lookup` and the API's explain.  Its order of tiers is that
of semantics §3: CSAM, orders, help corridor, lock, grant, the household's allowed names, its denied ones, services,
categories, the operator's security lists, default (allow).

A lock is full or soft.  A soft one leaves open what a list of an allowed category or service holds, and lets lower
tiers decide on it.  A grant opens the locks that its row names, and lets lower tiers decide on everything.  An allowed
name opens denied ones, services and categories, and no security list.

The names of a household are hashes of 63 bits and a bit that says which kind, sorted, of each profile that has any.
Nothing compares the names: one of 200 foreign ones is met once in 2**55 names, which costs this household one name.

Invariants: no clock, no I/O, no allocation.  Inside one list the longest suffix decides, and of equal suffixes the
exact entry.  An exception (PASSTHRU) silences only its own list, except in the security tier: there, configured order
is precedence, and an exception also ends the matching of later lists (RPZ draft §2.3).  A list whose action is SHADOW
decides nothing and hides nothing: `out` names, besides the decision, the shadow list that would have blocked.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from fastpath.base.siphash cimport siphash13
from fastpath.images.layout cimport (
    HOUSEHOLD_NAME_LABELS, L_CLOSED_UNTIL, L_PAUSE, L_QUOTA, L_SCHEDULE, PEOPLE_LEVELS, WEEK_MINUTES, AllowedRow,
    ClosedRow, ListRow, ProfileRow, SetRow)
from fastpath.images.names cimport Hit, data_of
from fastpath.images.verdict cimport (
    M_BELOW, M_EXACT, NO_LIST, NO_SUBSCRIBER, PASSTHRU, R_CATEGORY, R_DEFAULT, R_HOUSEHOLD, R_PAUSE, R_QUOTA,
    R_SCHEDULE, R_SECURITY, R_SOFT_LOCK, SHADOW, SPLASH, TCP_ONLY, T_ALLOWED, T_CATEGORY, T_DEFAULT, T_DENIED, T_GRANT,
    T_HELP, T_LOCK, T_SECURITY, T_SERVICE, Decision)

cdef enum:
    EPOCH_MINUTE = 4320     # 1 January 1970 was a Thursday: three days into a week that begins on Monday
    READINGS = 2            # of the clock


cdef const char* policy_fault(const PolicyView* v) noexcept nogil:
    """Why this view must not be used, or NULL.   Cost: one pass over all of it."""
    cdef const char* fault
    cdef uint32_t i
    for i in range(v.n_subscribers):
        if i and v.subscribers[i - 1] >= v.subscribers[i]:
            return b"its subscribers are not sorted"
        if v.profile_of[i] >= v.n_profiles:
            return b"a subscriber of a profile that it does not have"
    for i in range(v.n_profiles):
        fault = _profile_fault(v, v.profiles + i)
        if fault != NULL:
            return fault
    for i in range(v.n_closed):
        if v.closed[i].start + v.closed[i].minutes > WEEK_MINUTES:
            return b"a closed interval that leaves the week"
        if v.closed[i].allowed > v.n_allowed:
            return b"a closed interval that leaves open what it does not have"
    for i in range(v.n_spans):
        if (v.spans[i].closes == 0) == (v.spans[i].opens == 0):
            return b"a span that is neither a closure nor a grant"
        if v.spans[i].opens & L_PAUSE:
            return b"a grant that opens a pause"
    return NULL


cdef const char* _profile_fault(const PolicyView* v, const ProfileRow* row) noexcept nogil:
    if not _holds(row.closed_at, row.n_closed, v.n_closed):
        return b"a profile of closed intervals that it does not have"
    if not _holds(row.spans_at, row.n_spans, v.n_spans):
        return b"a profile of spans that it does not have"
    if not _holds(row.names_at, row.n_names, v.n_names):
        return b"a profile of names that it does not have"
    if row.safe_search > 2 or row.youtube > 2:
        return b"a profile with an unknown value of safe search"
    return NULL


cdef inline bint _holds(uint32_t at, uint32_t n, uint32_t rows) noexcept nogil:
    """Whether there are the `n` rows from `at` on."""
    return at <= rows and n <= rows - at


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


cdef const ProfileRow* _find_profile(const PolicyView* levels, uint32_t subscriber,
                                     const PolicyView** where) noexcept nogil:
    """The profile of a subscriber, and the level that has it; NULL where none is known."""
    cdef const PolicyView* v
    cdef uint32_t at
    cdef int i
    if subscriber == NO_SUBSCRIBER:
        return NULL
    for i in range(PEOPLE_LEVELS):
        v = levels + i
        at = _profile_of(v, subscriber)
        if at < v.n_profiles:
            where[0] = v
            return v.profiles + at
    return NULL


cdef void find_policy(const PolicyView* levels, uint32_t subscriber, int64_t now_s, int64_t behind_s,
                      Policy* out) noexcept nogil:
    """Find the policy of the subscriber's profile; all zero (nothing is blocked) where no profile is known.

    levels    PEOPLE_LEVELS
    behind_s  seconds that the clock was set back by, while that is doubted; else 0"""
    cdef const PolicyView* v = NULL
    cdef const ProfileRow* row = _find_profile(levels, subscriber, &v)
    out.is_target = 0
    out.household = H_NOTHING
    if row == NULL:
        out.categories[0] = out.categories[1] = 0
        out.paused_until_s = out.utc_offset_s = out.behind_s = out.later_offset_s = 0
        out.n_closed = 0
        out.n_names = 0
        out.n_spans = out.safe_search = out.youtube = out.canaries = 0
        return
    out.categories[0] = row.categories[0]
    out.categories[1] = row.categories[1]
    out.paused_until_s = row.paused_until_s
    out.safe_search = row.safe_search
    out.youtube = row.youtube
    out.canaries = row.canaries
    out.utc_offset_s = _offset_at(row, now_s)
    out.behind_s = behind_s
    out.later_offset_s = _offset_at(row, now_s + behind_s)
    out.closed = v.closed + row.closed_at
    out.n_closed = row.n_closed
    out.allowed = v.allowed
    out.spans = v.spans + row.spans_at
    out.n_spans = row.n_spans
    out.names = v.names + row.names_at
    out.n_names = row.n_names


cdef inline int64_t _offset_at(const ProfileRow* row, int64_t now_s) noexcept nogil:
    return row.next_utc_offset_s if now_s >= row.next_offset_at_s else row.utc_offset_s


cdef bint have_household(const PolicyView* levels, uint32_t subscriber) noexcept nogil:
    """Whether the subscriber's household has names of its own."""
    cdef const PolicyView* v = NULL
    cdef const ProfileRow* row = _find_profile(levels, subscriber, &v)
    return row != NULL and row.n_names != 0


cdef uint64_t household_hash(const uint8_t* wire, size_t n, bint is_allowed) noexcept nogil:
    """What stands in the image for a name.   wire  in canonical form, root included"""
    cdef uint64_t key[2]
    key[0] = key[1] = 0     # equal rows give equal images; the hash is no secret
    return (siphash13(key, wire, n) & ~<uint64_t>1) | is_allowed


cdef bint _has_name(const Policy* policy, uint64_t hash_) noexcept nogil:
    cdef uint32_t lo = 0
    cdef uint32_t hi = policy.n_names
    cdef uint32_t mid
    while lo < hi:
        mid = lo + (hi - lo) // 2
        if policy.names[mid] < hash_:
            lo = mid + 1
        else:
            hi = mid
    return lo < policy.n_names and policy.names[lo] == hash_


cdef void find_household(Policy* policy, const Name* name) noexcept nogil:
    """Find what the household's own names say of `name`: the longest allowed suffix, or else the longest denied one.

    Cost: none where none exist; else for each of HOUSEHOLD_NAME_LABELS suffixes a hash and two searches."""
    cdef uint32_t label
    cdef uint64_t hash_
    if policy.n_names == 0:
        return
    label = max(name.n_labels, <uint32_t>HOUSEHOLD_NAME_LABELS) - HOUSEHOLD_NAME_LABELS
    while label < name.n_labels:
        hash_ = household_hash(name.wire + name.at[label], name.n - name.at[label], False)
        if _has_name(policy, hash_ | 1):
            policy.household = H_ALLOWED
            policy.household_label = <uint8_t>label
            return
        if policy.household == H_NOTHING and _has_name(policy, hash_):
            policy.household = H_DENIED
            policy.household_label = <uint8_t>label
        label += 1


cdef inline uint8_t _reason_of(uint8_t tier) noexcept nogil:
    if tier <= T_HELP:          # one branch for CSAM, orders and help, whose reasons have the same numbers: one time
        return tier
    if tier == T_CATEGORY or tier == T_SERVICE:
        return R_CATEGORY
    return R_SECURITY


cdef inline bint _applies(const Policy* policy, const ListRow* row, uint8_t action) noexcept nogil:
    """Whether an entry of this list applies to this policy."""
    if action == PASSTHRU:
        return (row.tier == T_SECURITY or row.tier == T_HELP) and row.action != SHADOW
    if row.tier == T_CATEGORY or row.tier == T_SERVICE:
        return (policy.household != H_ALLOWED
                and (policy.categories[row.category >> 6] >> (row.category & 63)) & 1)
    return True


cdef inline bint _outranks(const ListRow* lists, uint8_t left, const Decision* right) noexcept nogil:
    """Whether list `left` outranks the one in `right`: by lower tier, then by configured order."""
    if lists[left].tier != right.tier:
        return lists[left].tier < right.tier
    return right.list == NO_LIST or left < right.list


cdef inline bint _is_before(const ListRow* lists, uint8_t left, uint8_t right) noexcept nogil:
    """Whether list `left` outranks list `right`.   right  NO_LIST: none exists"""
    if right == NO_LIST:
        return True
    return lists[left].tier < lists[right].tier or (lists[left].tier == lists[right].tier and left < right)


cdef void _weigh(const Policy* policy, const Hit* hits, uint32_t n_hits, const ListRow* lists,
                 Decision* out) noexcept nogil:
    """Put the highest-ranking entry of all hits into `out`, and the highest-ranking shadow list."""
    cdef uint64_t silenced[2]
    cdef const SetRow* row
    cdef uint8_t action
    cdef uint32_t i
    cdef uint32_t k
    silenced[0] = silenced[1] = 0
    for i in range(n_hits):
        for k in range(hits[i].n_rows):
            row = hits[i].rows + k
            if (row.mode == M_EXACT and hits[i].label != 0) or (row.mode == M_BELOW and hits[i].label == 0):
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
                    out.shadow_is_url = hits[i].url_n != 0
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
                out.rule_label = hits[i].label
                out.rule_url_n = hits[i].url_n
                out.order = row.order
                out.data = data_of(hits[i].sets, row, &out.data_n)


cdef void decide(const Policy* policy, const Hit* hits, uint32_t n_hits, const ListRow* lists, int64_t now_s,
                 Decision* out) noexcept nogil:
    """Decide: the entry, lock or own name of the highest tier wins (semantics §3).

    policy   that of the subscriber and of the name, see find_policy(), find_household()
    hits     those of the name or the URL, longest first;   lists  the rows that their entries refer to by number
    now_s    unix seconds: pauses, closures and grants are instants, schedules are minutes of the profile's week
    out      action PASSTHRU: allowed; never SHADOW.  The caller fills in `subscriber`."""
    cdef bint is_granted = False
    out.shadow = NO_LIST
    out.shadow_is_url = 0
    out.matched[0] = out.matched[1] = 0
    out.safe_search = policy.safe_search
    out.youtube = policy.youtube
    out.canaries = policy.canaries
    _put(out, PASSTHRU, T_DEFAULT, R_DEFAULT)
    _weigh(policy, hits, n_hits, lists, out)
    if out.tier >= T_LOCK:
        is_granted = _decide_for_profile(policy, lists, now_s, out)
    if out.shadow != NO_LIST and not _outranks(lists, out.shadow, out):
        out.shadow = NO_LIST    # the shadow list would not have changed the decision
    if is_granted and out.tier == T_DEFAULT:
        out.tier = T_GRANT


cdef inline void _put(Decision* out, uint8_t action, uint8_t tier, uint8_t reason) noexcept nogil:
    """Decide by no list."""
    out.action = action
    out.tier = tier
    out.reason = reason
    out.category = out.mode = out.confidential = out.rule_label = 0
    out.rule_url_n = 0
    out.list = NO_LIST
    out.order = 0
    out.data = NULL
    out.data_n = 0


cdef inline bint _decide_for_profile(const Policy* policy, const ListRow* lists, int64_t now_s,
                                     Decision* out) noexcept nogil:
    """Let locks and own names decide where they outrank the decision so far; whether a grant has opened a lock."""
    cdef bint is_granted = False
    cdef uint8_t lock
    if policy.n_closed or policy.n_spans or policy.paused_until_s:
        lock = _lock_reason(policy, lists, out, now_s, &is_granted)
        if lock != R_DEFAULT:
            _put(out, SPLASH, T_LOCK, lock)
            return False
    if policy.household == H_DENIED and out.tier > T_DENIED:
        _put(out, SPLASH, T_DENIED, R_HOUSEHOLD)
        out.rule_label = policy.household_label
    elif policy.household == H_ALLOWED and (out.action == PASSTHRU or out.tier == T_DEFAULT):
        _put(out, PASSTHRU, T_ALLOWED, R_DEFAULT)
        out.rule_label = policy.household_label
    return is_granted


cdef uint8_t _lock_reason(const Policy* policy, const ListRow* lists, const Decision* found, int64_t now_s,
                          bint* is_granted) noexcept nogil:
    """The reason of the lock that closes this name, or R_DEFAULT.

    found        with the lists that match the name;   is_granted  set where a grant opens a lock that is in force"""
    cdef const ClosedRow* hours[READINGS]
    cdef uint8_t shut = _shut(policy, now_s, hours, is_granted)
    cdef uint8_t reason = R_DEFAULT
    cdef int i
    if shut & (L_PAUSE | L_CLOSED_UNTIL):
        return R_PAUSE
    if shut & L_QUOTA:
        return R_QUOTA
    if not shut & L_SCHEDULE:
        return R_DEFAULT
    for i in range(READINGS):
        if hours[i] == NULL:
            continue
        if hours[i].allowed == 0:
            return R_SCHEDULE
        if not policy.is_target and not _is_left_open(policy.allowed + hours[i].allowed - 1, lists, found):
            reason = R_SOFT_LOCK
    return reason


cdef inline uint8_t _shut(const Policy* policy, int64_t now_s, const ClosedRow** hours,
                          bint* is_granted) noexcept nogil:
    """The locks (Lock) that are in force and that no grant opens.

    hours   READINGS: the interval of the week that the instant is in by the clock, and by that before it was set back;
            NULL: none"""
    cdef uint8_t closes = L_PAUSE if now_s < policy.paused_until_s else 0
    cdef uint8_t opens = 0
    cdef uint32_t i
    for i in range(policy.n_spans):
        if policy.spans[i].from_s <= now_s < policy.spans[i].until_s:
            closes |= policy.spans[i].closes
            opens |= policy.spans[i].opens
    hours[0] = _closed_hours(policy, now_s + policy.utc_offset_s)
    hours[1] = NULL
    if policy.behind_s:
        hours[1] = _closed_hours(policy, now_s + policy.behind_s + policy.later_offset_s)
    if hours[0] != NULL or hours[1] != NULL:
        closes |= L_SCHEDULE
    is_granted[0] = closes & opens != 0
    return closes & ~opens


cdef bint find_left_open(const Policy* policy, int64_t now_s, uint64_t* out) noexcept nogil:
    """Whether a lock is in force, and which categories and services it leaves open.   out  128 bits; 0: nothing"""
    cdef const ClosedRow* hours[READINGS]
    cdef const AllowedRow* allowed
    cdef bint is_granted
    cdef uint8_t shut = _shut(policy, now_s, hours, &is_granted)
    cdef int i
    out[0] = out[1] = 0
    if shut & ~<int>L_SCHEDULE or shut == 0:
        return shut != 0
    out[0] = out[1] = <uint64_t>-1
    for i in range(READINGS):
        if hours[i] != NULL and hours[i].allowed == 0:
            out[0] = out[1] = 0
        elif hours[i] != NULL:
            allowed = policy.allowed + hours[i].allowed - 1
            out[0] &= allowed.categories[0]
            out[1] &= allowed.categories[1]
    return True


cdef inline const ClosedRow* _closed_hours(const Policy* policy, int64_t local_s) noexcept nogil:
    """The closed interval of the week that a second of the zone's wall clock is in, or NULL."""
    cdef int64_t minute
    cdef uint32_t i
    if policy.n_closed == 0:
        return NULL
    minute = (local_s // 60 + EPOCH_MINUTE) % WEEK_MINUTES
    for i in range(policy.n_closed):
        if policy.closed[i].start <= minute < policy.closed[i].start + policy.closed[i].minutes:
            return policy.closed + i
    return NULL


cdef bint _is_left_open(const AllowedRow* allowed, const ListRow* lists, const Decision* found) noexcept nogil:
    """Whether a list of an allowed category or service holds the name."""
    cdef const ListRow* row
    cdef uint64_t mask
    cdef uint32_t k
    cdef uint32_t i
    for k in range(2):
        mask = found.matched[k]
        i = 64 * k
        while mask:
            row = lists + i
            if (mask & 1 and (row.tier == T_CATEGORY or row.tier == T_SERVICE)
                    and (allowed.categories[row.category >> 6] >> (row.category & 63)) & 1):
                return True
            mask >>= 1
            i += 1
    return False

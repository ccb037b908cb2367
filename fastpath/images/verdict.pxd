"""Verdict numbers shared by code and records: see verdict.pyx for what each means."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:  # Action
    PASSTHRU = 0
    NXDOMAIN = 1
    NODATA = 2
    REFUSED = 3
    SPLASH = 4
    DROP = 5
    TCP_ONLY = 6
    LOCAL_DATA = 7
    SHADOW = 8          # of a list on trial, which decides nothing; in records: what a tap would have blocked
    NO_ACTION = 255     # of an entry that takes the action of its list
    N_ACTIONS = LOCAL_DATA + 1  # those that decide() may give


cdef enum:  # Reason
    R_DEFAULT = 0
    R_CSAM = 1
    R_ORDER = 2
    R_HELP = 3
    R_PAUSE = 4
    R_SCHEDULE = 5
    R_CATEGORY = 6
    R_SECURITY = 7
    R_QUOTA = 8
    R_HOUSEHOLD = 9
    R_SOFT_LOCK = 10
    N_REASONS = R_SOFT_LOCK + 1


cdef enum:  # Tier
    T_CSAM = 1
    T_ORDER = 2
    T_HELP = 3
    T_LOCK = 4
    T_GRANT = 5
    T_ALLOWED = 6
    T_DENIED = 7
    T_SERVICE = 8
    T_CATEGORY = 9
    T_SECURITY = 10
    T_DEFAULT = 11


cdef enum:  # Mode
    M_EXACT = 1
    M_SUBTREE = 2
    M_BELOW = 3
    N_MODES = 3


cdef enum:  # Channel
    C_DNS = 1
    C_SNI = 2
    C_HTTP = 3
    C_QUIC = 4
    C_LOCK = 5
    C_ADDRESS = 6


cdef enum:  # GateCategory
    CATEGORY_BYPASS = 11
    CATEGORY_QUIC = 27
    CATEGORY_UNDECIDABLE = 28


cdef enum:
    NO_LIST = 255


cdef extern from *:
    """
    #define FD_NO_SUBSCRIBER UINT32_C(0xffffffff)
    """
    const uint32_t NO_SUBSCRIBER "FD_NO_SUBSCRIBER"


cdef struct Decision:
    uint8_t action
    uint8_t reason
    uint8_t tier
    uint8_t category            # of the deciding list; 0 for none
    uint8_t mode                # Mode of the deciding entry; 0 for none
    uint8_t list                # index in the names image; NO_LIST for none
    uint8_t confidential        # a record of this block must not hold a subscriber or a name
    uint8_t rule_label          # the rule is the name's labels from this one on
    uint16_t rule_url_n         # of a URL rule: octets of the asked URL's key that it covers; 0: the rule is a name
    uint8_t safe_search         # of the profile: 0 off, 1 moderate, 2 strict; for names that are allowed
    uint8_t youtube             # the same for YouTube
    uint8_t canaries            # of the profile: answer canary domains, so that devices keep using this resolver
    uint8_t shadow              # index of the shadow list that would have blocked; NO_LIST for none
    uint8_t shadow_is_url       # its rule is a URL
    uint32_t order              # number of the order; 0 for none
    uint32_t subscriber         # NO_SUBSCRIBER for none
    uint64_t matched[2]         # mask of every list that matched, by index
    const uint8_t* data         # of LOCAL_DATA: records in the form of S_DATA, inside the image; NULL for none
    uint32_t data_n             # octets of data


cdef inline bint has_rule(const Decision* d) noexcept nogil:
    """Whether a rule decided that may be disclosed: an entry of a list, or a name of the household."""
    return (d.list != NO_LIST and not d.confidential) or d.tier == T_ALLOWED or d.tier == T_DENIED

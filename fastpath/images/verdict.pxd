"""The numbers that code and records share: see verdict.pyx for what each means."""
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
    SHADOW = 8          # of a list that is tried: it decides nothing; of records: what a tap would have blocked
    NO_ACTION = 255     # a list's entry that leaves the action to its list


cdef enum:  # Reason
    R_DEFAULT = 0
    R_CSAM = 1
    R_ORDER = 2
    R_HELP = 3
    R_PAUSE = 4
    R_SCHEDULE = 5
    R_CATEGORY = 6
    R_SECURITY = 7


cdef enum:  # Tier
    T_CSAM = 1
    T_ORDER = 2
    T_HELP = 3
    T_LOCK = 4
    T_CATEGORY = 9
    T_SECURITY = 10
    T_DEFAULT = 11


cdef enum:  # Mode
    M_EXACT = 1
    M_SUBTREE = 2
    M_BELOW = 3


cdef enum:  # Channel
    C_DNS = 1
    C_SNI = 2
    C_HTTP = 3
    C_QUIC = 4
    C_LOCK = 5
    C_ADDRESS = 6


cdef enum:  # of rules.category, those that the gate itself knows
    CATEGORY_BYPASS = 11
    CATEGORY_QUIC = 27


cdef enum:
    NO_LIST = 255
    NO_SUBSCRIBER = 0xffffffff


cdef struct Decision:
    uint8_t action
    uint8_t reason
    uint8_t tier
    uint8_t category            # of the deciding list; 0 for none
    uint8_t mode                # Mode of the deciding entry; 0 for none
    uint8_t list                # index in the names image; NO_LIST for none
    uint8_t confidential        # the record of this block may name nobody and nothing
    uint8_t rule_label          # the rule is the name's labels from this one on
    uint16_t rule_url_n         # of a rule that is a URL: octets of the asked one's key that it covers; 0: a name
    uint8_t safe_search         # of the profile: 0 off, 1 moderate, 2 strict; for names that are let go
    uint8_t canaries            # of the profile: devices are to stay with this resolver
    uint8_t shadow              # index of the list that would block instead, were it enforced; NO_LIST for none
    uint8_t shadow_is_url       # its rule is a URL
    uint32_t order              # number of the order; 0 for none
    uint32_t subscriber         # NO_SUBSCRIBER for none
    uint64_t matched[2]         # every list that matched, by index
    const uint8_t* data         # of LOCAL_DATA: records as S_DATA has them, inside the image; NULL for none
    uint32_t data_n             # octets of it

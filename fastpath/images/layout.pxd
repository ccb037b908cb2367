"""The image file format: header, sections, rows.  Writers and readers share this file.

Little-endian; offsets instead of pointers; sections begin on 64-octet borders.

    0   magic "FLTRDIMG"      8   layout version u32    12  kind u32
    16  generation u64        24  base generation u64 (0: this is a base)
    32  length u64            40  checksum u64 (xxh3-64 of the other octets)
    48  16 octets: salt and check of the key, or where it is not SEALED the key
    64  n sections u32        68  flags u32
    72  MAX_SECTIONS of {offset u64, length u64}, in the order of the kind's Section enum
    328 zero up to HEADER_OCTETS
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    LAYOUT_VERSION = 5
    HEADER_OCTETS = 384
    VERSION_AT = 8
    KIND_AT = 12
    GENERATION_AT = 16
    BASE_GENERATION_AT = 24
    LENGTH_AT = 32
    CHECKSUM_AT = 40       # 8 octets, the only ones that the checksum does not cover
    KEY_AT = 48
    KEY_OCTETS = 16
    KEY_WORDS = 4          # of hashes two, of digests and the last step of a hash two
    N_SECTIONS_AT = 64
    FLAGS_AT = 68
    SECTIONS_AT = 72
    SECTION_OCTETS = 16    # of an offset and a length
    SECTION_BORDER = 64
    MAX_SECTIONS = 16
    LINE_WORDS = 8         # fingerprints in a 64-octet line: one cache line, one miss
    MAX_LISTS = 128        # two 64-bit words of mask
    N_CATEGORIES = 128     # two 64-bit words of mask
    LIST_ID_OCTETS = 24
    WEEK_MINUTES = 10080
    HOLDS_ADDRESSES = 1    # flag: the names include names of addresses, see wire/address.pyx
    SEALED = 2             # flag: the key is not here, see image_key.py
    KNOWN_FLAGS = HOLDS_ADDRESSES | SEALED
    PEOPLE_LEVELS = 3      # of subscribers and policy: young, delta, base; the first that holds a key decides


cdef enum Kind:
    K_NAMES = 1
    K_URLS = 2
    K_SUBSCRIBERS = 4
    K_POLICY = 5
    K_ORIGINS = 6


cdef enum NamesSection:     # also the first sections of K_URLS
    S_LISTS = 0     # ListRow[]
    S_BLOOM = 1     # uint64[]: each key sets four bits of one word
    S_LINES = 2     # uint64[LINE_WORDS][], 0 = free; fingerprint and number of the set, see key_table.pxd
    S_COLD_AT = 3   # uint32[lines + 1]: where each line's records begin in S_COLD
    S_COLD = 4      # records, see key_table.pyx
    S_SET_AT = 5    # uint32[sets + 1]: where each set begins in S_SETS; set 0 is empty: the key has no entry
    S_SETS = 6      # SetRow[]
    S_DATA_AT = 7   # uint32[data + 1]: where each local data begins in S_DATA
    S_DATA = 8      # each is a sequence of {u16 type, u32 ttl, u16 length, rdata}, big-endian
    S_HOSTS = 9     # K_URLS only: uint64[], a Bloom filter of the hosts, see urls.pyx


cdef enum SubscribersSection:
    S_RANGES4 = 0   # Range4[], sorted by start, first start 0
    S_RANGES6 = 1   # Range6[], sorted by start, first start 0


cdef enum PolicySection:
    S_SUBSCRIBERS = 0   # uint32[], sorted
    S_PROFILE_OF = 1    # uint32[], parallel: index in S_PROFILES
    S_PROFILES = 2      # ProfileRow[], each in one cache line
    S_CLOSED = 3        # ClosedRow[]
    S_ALLOWED = 4       # AllowedRow[]
    S_SPANS = 5         # SpanRow[]
    S_HOUSEHOLD = 6     # uint64[]: hashes of names, see policy.pyx; those of a profile are sorted


cdef enum OriginsSection:
    S_ORIGIN_LISTS = 0  # ListRow[]
    S_ORIGINS = 1       # OriginRow[] of names, sorted by place
    S_URL_ORIGINS = 2   # OriginRow[] of URLs, sorted by place


cdef extern from *:
    """
    #define FD_NOT_HERE UINT32_C(0xffffffff)
    #define FD_UNASSIGNED UINT32_C(0xfffffffe)
    """
    # Values of Range.subscriber that are no subscriber.
    const uint32_t NOT_HERE "FD_NOT_HERE"  # this image does not cover these addresses: ask the level below
    const uint32_t UNASSIGNED "FD_UNASSIGNED"  # these addresses no longer belong to a subscriber


cdef packed struct ListRow:
    char id[LIST_ID_OCTETS]     # ASCII, zero-padded
    uint8_t tier
    uint8_t category        # 0: none
    uint8_t action
    uint8_t confidential
    uint8_t zero[4]


cdef packed struct SetRow:
    uint32_t order
    uint32_t data           # 1 + index of its local data; 0: none
    uint8_t list
    uint8_t mode
    uint8_t action          # NO_ACTION: the list's own
    uint8_t zero


cdef packed struct OriginRow:
    uint64_t place          # the key's hash with its halves exchanged, see key_table.pxd
    uint32_t line
    uint16_t part
    uint8_t list
    uint8_t mode


cdef packed struct Range4:
    uint32_t start          # host order
    uint32_t subscriber


cdef packed struct Range6:
    uint64_t start_hi       # host order
    uint64_t start_lo
    uint32_t subscriber
    uint32_t zero


cdef packed struct ClosedRow:
    uint16_t start          # minute of the week, Monday 00:00 = 0
    uint16_t minutes        # start + minutes <= 10080: the writer splits at the week's end
    uint32_t allowed        # 1 + index of what stays open; 0: nothing does


cdef packed struct AllowedRow:
    uint64_t categories[2]


cdef enum Lock:             # bits
    L_SCHEDULE = 1
    L_QUOTA = 2
    L_CLOSED_UNTIL = 4
    L_PAUSE = 8             # no grant opens it


cdef packed struct SpanRow:
    int64_t from_s          # unix seconds
    int64_t until_s         # the first second after it
    uint8_t closes          # Lock that it makes; 0: a grant
    uint8_t opens           # Locks that it opens; 0: a closure
    uint8_t zero[6]


cdef enum:
    HOUSEHOLD_NAME_LABELS = 16   # of a household's name: names of hosts have few, and a walk over suffixes is short


cdef packed struct ProfileRow:
    uint64_t categories[2]
    int64_t paused_until_s  # unix seconds; 0: not paused
    int64_t next_offset_at_s
    int32_t utc_offset_s
    int32_t next_utc_offset_s
    uint32_t closed_at      # index of the first ClosedRow
    uint32_t spans_at       # of the first SpanRow
    uint32_t names_at       # of the first hash in S_HOUSEHOLD
    uint16_t n_closed
    uint16_t n_names
    uint8_t n_spans
    uint8_t safe_search     # 0 off, 1 moderate, 2 strict
    uint8_t youtube         # the same
    uint8_t canaries        # answer canary domains so that devices keep using this resolver
    uint8_t zero[4]


cdef str list_id_of(const ListRow* row)

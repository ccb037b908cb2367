"""Flow table: see flow.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.gate.labels cimport Label
from fastpath.gate.quic_state cimport QuicHead
from fastpath.gate.reassembly cimport HUGE_OCTETS, LARGE_OCTETS, Memory, Window
from fastpath.wire.packet cimport PacketView

cdef enum:
    WINDOW_OCTETS = LARGE_OCTETS
    MOST_HUGE = 2           # windows of HUGE_OCTETS that one account may have: they are few
    N_PAYERS = 65536        # accounts of memory and work
    N_PLACES = 8            # of a subscriber's account, from its prefix's keyed hash on
    IDLE_S = 300            # E01, E12: a hello's pieces may come far apart; servers wait about 60 s, conntrack 300


cdef enum Stage:
    OPENING = 0         # nothing judged yet
    FOLLOWING = 1       # the first hello or head was judged and allowed; another may follow
    PASSED = 2          # no later octet can change the verdict
    LOST = 3            # HTTP: as FOLLOWING, but the beginning of the next head is a guess
    ENDED = 5           # HTTP: its client has ended it, and what had come was judged as a whole head
    EARLY = 4           # TLS: as FOLLOWING, and the client may send encrypted records before a second hello


cdef enum Beginning:    # what is known of where a stream begins
    UNKNOWN = 0         # position 0 is only the first octet seen
    KNOWN = 1
    BEGUN_AGAIN = 2     # its client has sent another SYN, which no SYN/ACK has answered yet
    ONE_OF_SEVERAL = 3  # as KNOWN, and its server may as well begin at an earlier SYN (Gate.unfinished has the places)
    REPEATED = 4        # as KNOWN, and its client has sent its SYN again, behind octets: its server is asked
    ANEW = 5            # as KNOWN, behind octets in the same place: they are its server's if it goes on with them


cdef enum Doubt:        # of a flow that is spent
    DECIDED = 0
    UNJUDGED = 1        # evicted with unjudged octets: blocked, and not counted yet
    RESUMABLE = 2       # evicted while packets may wait whose mark does not show yet that it was judged


cdef struct FlowKey:        # 40 octets without padding, so it can be compared as memory
    uint8_t src[16]
    uint8_t dst[16]
    uint16_t sport
    uint16_t dport
    uint8_t version
    uint8_t proto
    uint16_t cid_n          # octets of a QUIC connection ID; 0: TCP


cdef struct Path:           # where a flow is found
    FlowKey key
    uint64_t hash


cdef struct Flow:
    FlowKey key
    uint32_t in_bucket      # index + 1 of the next flow of this bucket; 0: none
    uint32_t newer          # neighbours in the live or the spent list
    uint32_t older
    uint32_t own_newer      # index + 1 of the neighbours among its payer's live flows; 0: none
    uint32_t own_older
    uint32_t isn            # the sequence number at stream position 0
    uint16_t payer          # the account that its memory counts against
    uint8_t is_isn_known    # Beginning
    uint8_t in_use
    uint8_t spent           # decided for good: `state` is the verdict of every packet
    uint8_t state           # FlowState
    uint8_t stage           # Stage
    uint8_t protocol        # Protocol, where the port does not imply it
    uint8_t has_tsval
    uint8_t is_doubted      # two SYNs differ, or it was resumed; where it is spent: a Doubt
    uint8_t has_heard       # `heard` is set
    uint8_t is_framed       # HTTP, LOST: all servers agree where its bodies end; some may read none (parse_body_head())
    uint8_t offers_h2c      # HTTP: a head has offered HTTP/2 without TLS
    uint8_t is_within_line  # HTTP: the line in which `next` stands begins no request
    uint32_t tsval          # of the last segment in order (RFC 7323 §5.3)
    uint32_t heard          # acknowledgement number of the first payload; the highest one, where the ISN is not known
    uint32_t need           # octets that the window needs before it is parsed again
    uint32_t credit         # HTTP: octets that may be read of heads that are not whole, see earn_readings()
    int64_t used_s
    int64_t base            # stream position of the window's first octet
    int64_t next            # stream position that is judged next
    int64_t body            # where the body of the last head begins; == next: none exists, or it is searched
    int64_t skipped         # up to here octets of a long body were not stored; none: not behind `base`
    int64_t top             # highest stream position accepted
    int64_t acked           # up to here the server has acknowledged; known where its packets were asked for
    Window w
    Label label             # of what was allowed on this connection so far, as the kernel has it
    QuicHead quic


cdef struct Payer:          # account of one subscriber
    uint64_t prefix         # its address or /56, and the version; 0: never used
    uint32_t n_records      # flows of the table, decided ones too, that count against it
    uint32_t newest         # index + 1 of its live flows; 0: none
    uint32_t oldest
    uint32_t n_live
    uint32_t pieces         # their memory, in small pieces
    uint32_t n_large        # large pieces among it
    uint32_t n_huge         # huge ones
    uint32_t second         # of `spent`
    uint32_t spent          # attempts to decrypt a QUIC Initial in that second


cdef struct FlowTable:
    Flow* flows             # n_flows, then the heads of the lists
    uint32_t* buckets
    Payer* payers
    uint32_t* large_holders     # by large piece, then by huge one: index + 1 of the flow that took it last
    Memory memory
    uint32_t bucket_mask
    uint32_t n_flows
    uint32_t n_begun        # records from here on were never used
    uint32_t share          # pieces that one payer may hold; where `is_bounding`, also its live flows
    uint8_t is_bounding
    uint8_t forgotten       # FlowState of flows evicted with unjudged octets; 0: none is kept (a tap, a capture)
    uint32_t evicted        # flows evicted before they were idle, since count_evicted()
    uint32_t beyond         # of those: because their payer's share was used up
    uint64_t key[2]         # of SipHash: no client can choose whose bucket or account it shares
    Path expected           # of the packet that is judged next, so that it is not hashed again


cdef int open_flows(FlowTable* t, uint32_t n_flows, uint32_t n_small, uint32_t n_large, uint32_t n_huge, uint32_t share,
                    const uint8_t* key) noexcept nogil
cdef void close_flows(FlowTable* t) noexcept nogil
cdef Flow* find_flow(FlowTable* t, const PacketView* p) noexcept nogil
cdef void expect_bucket(const FlowTable* t, const PacketView* p, Path* out) noexcept nogil
cdef void fetch_flow(const FlowTable* t, const Path* path) noexcept nogil
cdef Flow* add_flow(FlowTable* t, const PacketView* p, int64_t now_s) noexcept nogil
cdef Flow* find_connection(FlowTable* t, const uint8_t* cid, uint8_t n) noexcept nogil
cdef Flow* add_connection(FlowTable* t, const PacketView* p, const uint8_t* cid, uint8_t n,
                          int64_t now_s) noexcept nogil
cdef const uint8_t* connection_id(const Flow* f) noexcept nogil
cdef uint64_t connection_hash(const FlowTable* t, const uint8_t* cid, uint8_t n) noexcept nogil
cdef Flow* newest_of(FlowTable* t, const Payer* payer) noexcept nogil
cdef Flow* next_older(FlowTable* t, const Flow* f) noexcept nogil
cdef uint64_t path_of(const FlowTable* t, const PacketView* p) noexcept nogil
cdef uint64_t path_back_of(const FlowTable* t, const PacketView* p) noexcept nogil
cdef void touch_flow(FlowTable* t, Flow* f, int64_t now_s) noexcept nogil
cdef void spend_flow(FlowTable* t, Flow* f, uint8_t state) noexcept nogil
cdef Payer* payer_of(FlowTable* t, const PacketView* p) noexcept nogil
cdef Payer* receiver_of(FlowTable* t, const PacketView* p) noexcept nogil
cdef bint is_unjudged(const Flow* f) noexcept nogil
cdef bint make_room(FlowTable* t, Flow* f, uint32_t octets) noexcept nogil
cdef bint make_huge(FlowTable* t, Flow* f) noexcept nogil
cdef void charge_window(FlowTable* t, Flow* f, const Window* before) noexcept nogil
cdef void discard_octets(FlowTable* t, Flow* f) noexcept nogil


cdef inline uint32_t window_octets(const Flow* f) noexcept nogil:
    """The octets that the flow's window may have."""
    return HUGE_OCTETS if f.w.room == HUGE_OCTETS else WINDOW_OCTETS

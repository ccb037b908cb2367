"""Flows, and the octets seen of each: see flow.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.cursor cimport Status
from fastpath.packet cimport PacketView

cdef enum:
    WINDOW_OCTETS = 16384   # HELLO_OCTETS and HEAD_OCTETS: what the two parsers may ask for


cdef enum Stage:
    OPENING = 0         # nothing judged yet
    FOLLOWING = 1       # the first hello or head was judged and allowed; another may come
    PASSED = 2          # nothing that comes can change the verdict


cdef struct FlowKey:        # 40 octets without a hole, so that it can be compared as memory
    uint8_t src[16]
    uint8_t dst[16]
    uint16_t sport
    uint16_t dport
    uint32_t version


cdef struct Flow:
    FlowKey key
    uint32_t in_bucket      # index + 1 of the next flow of this bucket; 0: none
    uint32_t newer          # neighbours in the live or the spent list
    uint32_t older
    uint32_t isn            # low 24 bits of the sequence number at stream position 0
    uint8_t is_isn_known    # 0: position 0 is only the first octet that we saw
    uint8_t in_use
    uint8_t spent           # decided for good: `state` answers every packet
    uint8_t state
    uint8_t stage           # Stage
    uint8_t protocol        # Protocol, where the port does not tell it
    int64_t used_s
    int64_t base            # stream position of window[0]
    int64_t next            # stream position that is judged next
    int64_t body            # where the body of the last head begins; == next: there is none, or it is looked through
    int64_t top             # highest stream position accepted
    uint32_t have           # octets of the window that are there without a gap
    uint32_t high           # octets of the window up to the last one that is there
    uint8_t* window
    uint8_t* there          # 1 for each octet of the window that is there; read only between `have` and `high`


cdef struct FlowTable:
    Flow* flows             # n_flows, then the two list heads
    uint8_t* octets         # 2 * WINDOW_OCTETS a flow
    uint32_t* buckets
    uint32_t bucket_mask
    uint32_t n_flows
    uint64_t seed


cdef int open_flows(FlowTable* t, uint32_t n_flows, uint64_t seed) noexcept nogil
cdef void close_flows(FlowTable* t) noexcept nogil
cdef Flow* find_flow(FlowTable* t, const PacketView* p) noexcept nogil
cdef Flow* add_flow(FlowTable* t, const PacketView* p, int64_t now_s, uint8_t* evicted) noexcept nogil
cdef void touch_flow(FlowTable* t, Flow* f, int64_t now_s) noexcept nogil
cdef void spend_flow(FlowTable* t, Flow* f, uint8_t state) noexcept nogil
cdef void begin_stream(Flow* f, uint32_t isn, uint8_t is_isn_known) noexcept nogil
cdef int64_t stream_position(const Flow* f, uint32_t seq) noexcept nogil
cdef Status put_octets(Flow* f, int64_t at, const uint8_t* data, size_t n, size_t* taken) noexcept nogil
cdef void slide_window(Flow* f, int64_t base) noexcept nogil

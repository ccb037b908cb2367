"""Block records from a loop to the control plane: see spool.pyx."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.images.layout cimport LIST_ID_OCTETS
from fastpath.images.tables cimport Tables
from fastpath.images.verdict cimport NO_LIST, Decision
from fastpath.report.counters cimport COUNTED_AT, Counters, count_by_list
from fastpath.wire.name cimport NAME_OCTETS, Name
from fastpath.wire.url cimport Url

cdef enum:
    SLOT_OCTETS = 128           # most records have a short rule and take one
    SLOT_WORDS = SLOT_OCTETS // 8
    MOST_SLOTS = 3              # of the record with the longest rule
    SEGMENT_SLOTS = 163839      # with the header, which takes one slot: 20 MiB a segment


cdef packed struct Event:
    int64_t time_ns             # unix
    uint64_t names_generation
    uint64_t policy_generation
    uint32_t subscriber
    uint32_t order
    uint8_t channel
    uint8_t action
    uint8_t reason
    uint8_t tier
    uint8_t mode
    uint8_t category
    uint8_t rule_octets
    uint8_t rule_is_url
    char list[LIST_ID_OCTETS]
    uint8_t rule[NAME_OCTETS]   # the matched rule, never the query: a name in wire form, or what fits of a URL's text


cdef union Record:              # in whole slots
    Event event
    uint64_t words[MOST_SLOTS * SLOT_WORDS]


cdef struct Segment:
    uint8_t* at                 # header, then slots
    uint64_t n                  # slots written


cdef struct Shared:             # the C end of a Reporter
    uint64_t* counters
    Segment segment
    Segment spare               # made by the control thread; at == NULL: none yet
    uint8_t is_shadow           # a tap: records have action SHADOW, and confidential lists count nothing


cdef inline void note_shadow(Shared* s, uint8_t list, uint8_t channel) noexcept nogil:
    """Count a block that shadow list `list` would have made; NO_LIST: count nothing."""
    if list != NO_LIST:
        count_by_list(s.counters, COUNTED_AT, list, channel)


cdef void note_block(Shared* s, const Tables* t, const Name* name, const Decision* d, uint8_t channel,
                     int64_t now_ns) noexcept nogil
cdef void note_url_block(Shared* s, const Tables* t, const Url* url, const Decision* d, uint8_t channel,
                         int64_t now_ns) noexcept nogil


@cython.final
cdef class Reporter:
    """The Python end of Shared: a loop class keeps one and passes `&reporter.shared` to its nogil loop."""
    cdef Shared shared
    cdef readonly Counters counters
    cdef str _directory
    cdef uint64_t _next_number
    cdef list _maps             # (address, mapping) of the segments that the loop may still write

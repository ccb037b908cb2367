"""Block events, from a loop to the control plane: see spool.pyx."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastpath.images.tables cimport Tables
from fastpath.images.verdict cimport NO_LIST, Decision
from fastpath.report.counters cimport COUNTED_AT, Counters, count
from fastpath.wire.name cimport Name
from fastpath.wire.url cimport Url

cdef enum:
    SLOT_OCTETS = 128           # most records have a short rule and take one
    MOST_SLOTS = 3              # of the longest rule's record
    SEGMENT_SLOTS = 163839      # with the header, which takes the room of one: 20 MiB a segment


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
    char list[24]
    uint8_t rule[255]           # the matched rule, never the query: a name in wire form, or what fits of a URL's text


cdef struct Segment:
    uint8_t* at                 # header, then slots
    uint64_t n                  # slots written


cdef struct Shared:             # what a loop reports through
    uint64_t* counters
    Segment segment
    Segment spare               # made by the control thread; at == NULL: none yet
    uint8_t is_shadow           # blocks are only seen: events say so, and confidential lists count none


cdef inline void note_shadow(Shared* s, uint8_t list, uint8_t channel) noexcept nogil:
    """Count what list `list` would have blocked, were it enforced; NO_LIST: nothing."""
    if list != NO_LIST:
        count(s.counters, COUNTED_AT + list * 8 + channel, 1)


cdef void note_block(Shared* s, const Tables* t, const Name* name, const Decision* d, uint8_t channel,
                     int64_t now_ns) noexcept nogil
cdef void note_url_block(Shared* s, const Tables* t, const Url* url, const Decision* d, uint8_t channel,
                         int64_t now_ns) noexcept nogil


@cython.final
cdef class Reporter:
    """The Python end of Shared: a loop class owns one and passes `&reporter.shared` to its nogil loop."""
    cdef Shared shared
    cdef readonly Counters counters
    cdef str _directory
    cdef uint64_t _next_number
    cdef list _maps             # (address, mapping) of the segments the loop may still write

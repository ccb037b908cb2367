"""What was judged of one packet, for whoever looks on: see trace.pyx."""
from libc.stdint cimport int16_t, uint8_t, uint32_t

from fastpath.wire.ja4 cimport JA4_OCTETS

cdef enum:
    TRACE_SIGHTINGS = 4096      # heads of 16 octets and more in the 64 KiB of one packet
    TRACE_OCTETS = 262144       # of their hosts and targets
    NO_COUNTER = -1


cdef struct Noted:
    uint8_t channel         # Channel; 0: not known
    uint8_t has_ech
    int16_t counter         # Counter of what is undecidable; NO_COUNTER: a name was judged
    uint8_t has_ja4
    uint8_t ja4[36]         # JA4_OCTETS: of the hello
    uint32_t quic_version   # 0: no QUIC
    uint32_t at             # of the host in `text`; the target follows it
    uint32_t host_n
    uint32_t target_n


cdef struct Trace:
    Noted context           # what is being read: the next sightings begin as its copies
    uint32_t n
    uint32_t n_lost         # there was no room
    uint32_t used           # octets of `text`
    Noted sightings[TRACE_SIGHTINGS]
    uint8_t text[TRACE_OCTETS]


cdef void begin_trace(Trace* t) noexcept nogil
cdef void read_on(Trace* t, uint8_t channel, uint8_t has_ech, uint32_t quic_version) noexcept nogil
cdef void fingerprint(Trace* t, const uint8_t* message, size_t n) noexcept nogil
cdef void add_name(Trace* t, const uint8_t* host, size_t host_n, const uint8_t* target, size_t target_n) noexcept nogil
cdef void add_undecidable(Trace* t, int counter) noexcept nogil
cdef list sightings_of(const Trace* t)


cdef inline void note_channel(Trace* t, uint8_t channel, uint8_t has_ech, uint32_t quic_version) noexcept nogil:
    """A hello or a head was read: what is noted from here on is of it.   t NULL: nobody looks on"""
    if t != NULL:
        read_on(t, channel, has_ech, quic_version)


cdef inline void note_hello(Trace* t, const uint8_t* message, size_t n) noexcept nogil:
    """The hello itself, its header included; NULL: it is not whole.   After note_channel()"""
    if t != NULL and message != NULL:
        fingerprint(t, message, n)


cdef inline void note_name(Trace* t, const uint8_t* host, size_t host_n, const uint8_t* target,
                           size_t target_n) noexcept nogil:
    """A host is judged, of a request with its target.   Both as sent"""
    if t != NULL:
        add_name(t, host, host_n, target, target_n)


cdef inline void note_undecidable(Trace* t, int counter) noexcept nogil:
    if t != NULL:
        add_undecidable(t, counter)

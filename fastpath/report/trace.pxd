"""Trace of what the gate judged in one packet: see trace.pyx."""
from libc.stdint cimport int16_t, uint8_t, uint32_t

from fastpath.wire.ja4 cimport JA4_OCTETS

cdef enum:
    TRACE_SIGHTINGS = 4096      # heads of 16 octets and more in the 64 KiB of one packet
    TRACE_OCTETS = 262144       # of the hosts and targets of all sightings
    NO_COUNTER = -1


cdef struct Noted:
    uint8_t channel         # Channel; 0: not known
    uint8_t has_ech
    int16_t counter         # Counter of what is undecidable; NO_COUNTER: a name was judged
    uint8_t has_ja4
    uint8_t ja4[JA4_OCTETS]     # of the hello
    uint32_t quic_version   # 0: not QUIC
    uint32_t at             # of the host in `text`; the target follows it
    uint32_t host_n
    uint32_t target_n


cdef struct Trace:
    Noted context           # the hello or head being read; the next sightings start as copies of it
    uint32_t n
    uint32_t n_lost         # sightings without room
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
    """Note the hello or head that the next sightings belong to.   t NULL: no trace is kept"""
    if t != NULL:
        read_on(t, channel, has_ech, quic_version)


cdef inline void note_hello(Trace* t, const uint8_t* message, size_t n) noexcept nogil:
    """Note the fingerprint of the hello, header included.   NULL: it is not whole;  after note_channel()"""
    if t != NULL and message != NULL:
        fingerprint(t, message, n)


cdef inline void note_name(Trace* t, const uint8_t* host, size_t host_n, const uint8_t* target,
                           size_t target_n) noexcept nogil:
    """Note a judged host, and the target of its request.   Both as sent"""
    if t != NULL:
        add_name(t, host, host_n, target, target_n)


cdef inline void note_undecidable(Trace* t, int counter) noexcept nogil:
    """Note that something could not be decided.   counter  the Counter that it adds to"""
    if t != NULL:
        add_undecidable(t, counter)

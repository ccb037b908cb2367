"""Trace of what the gate judged in one packet, so that the gate itself explains a capture (`filterd inspect`).

Invariants: a trace holds octets as sent, of one packet, and is never stored; what does not fit is counted.
Cost: a gate without a trace pays one comparison for each note.
"""
from typing import NamedTuple

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.images.verdict cimport C_QUIC
from fastpath.wire.ja4 cimport JA4_OCTETS, JA4_QUIC, JA4_TLS, ja4_of_hello

from fastpath.report.counters import NAMES as _NAMES


class Sighting(NamedTuple):
    """One judged host of a hello or request, or something that could not be decided.

    channel       Channel; 0 where nothing was read yet
    quic_version  0: not QUIC
    undecidable   the name of the counter for what could not be decided; None: a host was judged
    ja4           fingerprint of a whole hello, else None"""

    channel: int
    host: bytes
    target: bytes
    has_ech: bool
    quic_version: int
    undecidable: str | None
    ja4: str | None = None


cdef void begin_trace(Trace* t) noexcept nogil:
    """Clear the trace for the next packet."""
    memset(&t.context, 0, sizeof(Noted))
    t.context.counter = NO_COUNTER
    t.n = 0
    t.n_lost = 0
    t.used = 0


cdef void read_on(Trace* t, uint8_t channel, uint8_t has_ech, uint32_t quic_version) noexcept nogil:
    t.context.channel = channel
    t.context.has_ech = has_ech
    t.context.quic_version = quic_version
    t.context.has_ja4 = 0


cdef void fingerprint(Trace* t, const uint8_t* message, size_t n) noexcept nogil:
    """Note the JA4 fingerprint of a hello, which identifies software and no client."""
    cdef uint8_t transport = JA4_QUIC if t.context.channel == C_QUIC else JA4_TLS
    t.context.has_ja4 = ja4_of_hello(message, n, transport, t.context.ja4) == OK


cdef void add_name(Trace* t, const uint8_t* host, size_t host_n, const uint8_t* target,
                   size_t target_n) noexcept nogil:
    cdef Noted* s
    if t.n == TRACE_SIGHTINGS or host_n + target_n > TRACE_OCTETS - t.used:
        t.n_lost += 1
        return
    s = &t.sightings[t.n]
    s[0] = t.context
    s.at = t.used
    s.host_n = <uint32_t>host_n
    s.target_n = <uint32_t>target_n
    memcpy(t.text + t.used, host, host_n)
    if target_n > 0:
        memcpy(t.text + t.used + host_n, target, target_n)
    t.used += <uint32_t>(host_n + target_n)
    t.n += 1


cdef void add_undecidable(Trace* t, int counter) noexcept nogil:
    if t.n == TRACE_SIGHTINGS:
        t.n_lost += 1
        return
    t.sightings[t.n] = t.context
    t.sightings[t.n].counter = <int16_t>counter
    t.n += 1


cdef list sightings_of(const Trace* t):
    """The sightings, in the order in which they were judged."""
    return [_sighting(t, &t.sightings[i]) for i in range(t.n)]


cdef object _sighting(const Trace* t, const Noted* s):
    cdef const char* text = <const char*>t.text + s.at
    ja4 = s.ja4[:JA4_OCTETS].decode("ascii") if s.has_ja4 else None
    if s.counter != NO_COUNTER:
        return Sighting(s.channel, b"", b"", bool(s.has_ech), s.quic_version, _NAMES[s.counter], ja4)
    host = PyBytes_FromStringAndSize(text, s.host_n)
    target = PyBytes_FromStringAndSize(text + s.host_n, s.target_n)
    return Sighting(s.channel, host, target, bool(s.has_ech), s.quic_version, None, ja4)

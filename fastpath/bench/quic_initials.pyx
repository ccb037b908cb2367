"""Benchmark of QUIC Initials, from datagram to frames, without Python in the measured time."""
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

from fastpath.base.clock cimport monotonic_ns
from fastpath.base.cursor cimport OK, Cursor
from fastpath.wire.quic cimport QuicPacket, next_quic_packet
from fastpath.wire.quic_initial cimport (
    QUIC_PLAIN_OCTETS, InitialCrypto, InitialKeys, close_crypto, derive_initial_keys, open_crypto, open_initial)


cdef struct Round:
    InitialCrypto crypto
    InitialKeys* keys          # one a datagram
    uint8_t* plain
    bint is_derived            # for each datagram, else once before the first pass
    size_t n_opened


def initial_ns(list datagrams not None, bint is_derived, int passes=1) -> tuple[float, int]:
    """Measure the nanoseconds from a datagram to the frames of its first Initial, and count those that opened.

    is_derived   the keys are derived within the measured time"""
    cdef Round timed
    cdef Cursor* octets = <Cursor*>malloc(len(datagrams) * sizeof(Cursor) or 1)
    cdef int64_t best = 0
    cdef int64_t took
    cdef Py_ssize_t i
    timed.is_derived = is_derived
    timed.n_opened = 0
    timed.keys = <InitialKeys*>malloc(len(datagrams) * sizeof(InitialKeys) or 1)
    timed.plain = <uint8_t*>malloc(QUIC_PLAIN_OCTETS)
    try:
        if open_crypto(&timed.crypto) != OK or octets == NULL or timed.keys == NULL or timed.plain == NULL:
            raise MemoryError("measuring Initials")
        for i, datagram in enumerate(datagrams):
            octets[i].at = <bytes>datagram
            octets[i].end = octets[i].at + len(datagram)
            _derive(octets[i], &timed.keys[i])
        for i in range(passes):
            took = _pass(octets, len(datagrams), &timed)
            best = took if i == 0 else min(best, took)
    finally:
        close_crypto(&timed.crypto)
        free(octets)
        free(timed.keys)
        free(timed.plain)
    return <double>best / max(1, len(datagrams)), timed.n_opened


cdef bint _derive(Cursor datagram, InitialKeys* keys) noexcept nogil:
    cdef QuicPacket packet
    if next_quic_packet(&datagram, &packet) != OK:
        return False
    derive_initial_keys(packet.version, packet.dcid, packet.dcid_n, keys)
    return True


cdef int64_t _pass(const Cursor* octets, size_t n, Round* timed) noexcept nogil:
    """Measure one pass over all datagrams in nanoseconds."""
    cdef Cursor datagram
    cdef QuicPacket packet
    cdef size_t i
    cdef size_t n_plain = 0
    cdef int64_t begin
    timed.n_opened = 0
    begin = monotonic_ns()
    for i in range(n):
        datagram = octets[i]
        if next_quic_packet(&datagram, &packet) != OK:
            continue
        if timed.is_derived:
            derive_initial_keys(packet.version, packet.dcid, packet.dcid_n, &timed.keys[i])
        if open_initial(&timed.crypto, &timed.keys[i], &packet, timed.plain, QUIC_PLAIN_OCTETS, &n_plain) == OK:
            timed.n_opened += 1
    return monotonic_ns() - begin

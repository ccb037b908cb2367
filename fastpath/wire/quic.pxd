"""QUIC packet and frame parser: see quic.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.base.cursor cimport Cursor, Status

cdef enum:
    QUIC_CID_OCTETS = 20           # RFC 9000 §17.2: a receiver that knows the version drops longer ones
    QUIC_V1 = 0x00000001           # RFC 9000
    QUIC_V2 = 0x6b3343cf           # RFC 9369

cdef extern from *:
    """
    #define FD_QUIC_DRAFT_29 UINT32_C(0xff00001d)
    """
    const uint32_t QUIC_DRAFT_29 "FD_QUIC_DRAFT_29"  # draft-ietf-quic-transport-29

cdef enum QuicKind:
    QUIC_INITIAL
    QUIC_0RTT
    QUIC_HANDSHAKE
    QUIC_RETRY
    QUIC_NEGOTIATION
    QUIC_SHORT
    QUIC_UNKNOWN                   # a long header of an unknown version


cdef struct QuicPacket:
    uint32_t version               # 0 for QUIC_NEGOTIATION and QUIC_SHORT
    uint8_t kind                   # QuicKind
    uint8_t dcid_n                 # at most QUIC_CID_OCTETS, except of QUIC_UNKNOWN and QUIC_NEGOTIATION
    uint8_t scid_n
    const uint8_t* dcid            # into the datagram; NULL for QUIC_SHORT, whose length only its receiver knows
    const uint8_t* scid
    const uint8_t* at              # the packet's first octet
    uint32_t pn_at                 # of the protected packet number, from `at`; 0 for kinds without one
    uint32_t n                     # octets from `at`


cdef Status next_quic_packet(Cursor* c, QuicPacket* out) noexcept nogil
cdef Status next_crypto(Cursor* plain, uint64_t* offset, Cursor* data) noexcept nogil

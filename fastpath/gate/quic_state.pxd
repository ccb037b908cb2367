"""State that a flow keeps of a QUIC connection."""
from libc.stdint cimport uint8_t

from fastpath.wire.quic cimport QUIC_CID_OCTETS
from fastpath.wire.quic_initial cimport InitialKeys


cdef struct QuicHead:
    # of the client's first Initial: its keys come from it, in every version (RFC 9001 §5.2)
    uint8_t dcid[QUIC_CID_OCTETS]
    uint8_t dcid_n
    InitialKeys keys

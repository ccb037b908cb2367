"""State that a flow keeps of a QUIC connection; its key is the connection ID from which the keys are derived."""
from libc.stdint cimport uint64_t

from fastpath.wire.quic_initial cimport InitialKeys


cdef struct QuicHead:
    uint64_t path           # path_of() its client's last Initial; 0: none, as of every flow of TCP
    InitialKeys keys        # of the version of that one (RFC 9001 §5.2)

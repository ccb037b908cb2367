"""The octets of one flow, as fastpath.gate.flow keeps them, for tests and fuzzers."""
cimport cython
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from fastpath.base.cursor cimport MALFORMED, NOT_THIS, Status
from fastpath.gate.flow cimport Flow, FlowTable, add_flow, close_flows, open_flows
from fastpath.gate.reassembly cimport LARGE_OCTETS, SMALL_OCTETS
from fastpath.gate.stream cimport begin_stream, put_octets, slide_window, stream_position
from fastpath.wire.packet cimport PacketView


@cython.final
@cython.auto_pickle(False)
cdef class Stream:
    cdef FlowTable _table
    cdef Flow* _flow

    def __cinit__(self, int64_t isn=-1):
        cdef PacketView nobody
        memset(&nobody, 0, sizeof(PacketView))
        if open_flows(&self._table, 1, 2, 2, 0, 4 * LARGE_OCTETS // SMALL_OCTETS, bytes(16)) != 0:
            raise MemoryError
        self._flow = add_flow(&self._table, &nobody, 0)
        begin_stream(&self._table, self._flow, <uint32_t>isn if isn >= 0 else 0, isn >= 0)

    def __dealloc__(self):
        close_flows(&self._table)

    def position(self, unsigned int seq):
        return stream_position(self._flow, seq)

    def put(self, long long at, bytes data):
        cdef size_t taken
        cdef Status status = put_octets(&self._table, self._flow, at, data, len(data), &taken)
        if status == MALFORMED:
            raise ValueError(f"segment at {at}: other octets than before; dropped; look for an evasion")
        if status == NOT_THIS:
            raise MemoryError(f"segment at {at}: no piece of memory is left; not kept; give more")
        if at + <long long>taken > self._flow.top:
            self._flow.top = at + <long long>taken
        return taken

    def slide(self, long long base):
        slide_window(&self._table, self._flow, base)

    @property
    def contiguous(self):
        return self._flow.w.at[:self._flow.w.have]

"""Setup of a gate: see setup.pyx."""
from libc.stdint cimport uint8_t, uint32_t

from fastpath.gate.state cimport Gate
from fastpath.report.hello_classes cimport Ja4Classes
from fastpath.report.spool cimport Reporter, Shared

cdef struct Limits:             # of one gate; its memory is touched only as it is used
    uint32_t n_flows            # of 256 octets
    uint32_t n_windows          # of 4 KiB
    uint32_t share              # windows that one client's address may hold
    uint32_t initials_a_second  # QUIC Initials that are decrypted for one client


cdef object open_gate(Gate* g, Shared* shared, Limits limits)
cdef object open_worker_gate(Gate* g, Reporter reporter, Limits limits, object tls_ports, object http_ports,
                             uint8_t closed, uint8_t is_h2c_let, Ja4Classes ja4_classes)
cdef void close_gate(Gate* g)
cdef object set_ports(Gate* g, object tls_ports, object http_ports, uint8_t by_content)

"""TLS judgement: see tls.pyx."""
from fastpath.gate.state cimport Gate, Turn, Verdict


cdef Verdict judge_tls(Gate* g, Turn* t) noexcept nogil
cdef Verdict judge_server_hello(Turn* t) noexcept nogil

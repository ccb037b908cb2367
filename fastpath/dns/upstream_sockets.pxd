"""Sockets and streams of a loop to its upstreams: see upstream_sockets.pyx."""
from fastpath.dns.state cimport Loop

# before all others: nothing is connected yet.  Raises OSError
cdef object open_sockets(Loop* l)
# reasons of failures by upstream;  upstreams, streams: what DnsLoop was given
cdef dict connect_missing(Loop* l, list upstreams, list streams)
cdef object renew_sockets(Loop* l, list upstreams)
cdef void close_sockets(Loop* l) noexcept

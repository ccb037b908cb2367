# Nothing for Python: fastpath.dns.forwarder and fastpath.dns.stream_resolver ask and answer with it.

# Nothing for Python: fastpath.dns.forwarder runs it.

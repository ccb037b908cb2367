# Nothing for Python: fastpath.dns.loop and fastpath.dns.stream_resolver answer with it.

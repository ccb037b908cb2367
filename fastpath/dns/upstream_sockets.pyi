# Nothing for Python: fastpath.dns.loop runs it.

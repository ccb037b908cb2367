# Nothing for Python: fastpath.dns.response uses it.

# Nothing for Python: fastpath.dns.query_path and fastpath.dns.loop deliver with it.

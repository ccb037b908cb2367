# Nothing for Python: fastpath.dns.query_path and fastpath.dns.loop ask and answer with it.

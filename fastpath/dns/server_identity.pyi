# Nothing for Python: fastpath.dns.query_path calls it.

# Nothing for Python: fastpath.loop_dns runs it.

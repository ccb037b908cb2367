# Nothing for Python: fastpath.answering and fastpath.loop_dns deliver with it.

# Nothing for Python: fastpath.answering and fastpath.loop_dns ask and answer with it.

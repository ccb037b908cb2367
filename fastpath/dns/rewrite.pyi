# Nothing for Python: fastpath.dns.forwarder, .response and .stream_resolver use it.

"""The DNS front around fastpath.dns.loop: sockets, streams, upstreams, and how blocks are answered."""

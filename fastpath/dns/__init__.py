"""The DNS front: queries, cache, synthesised answers, upstreams, the UDP loop."""

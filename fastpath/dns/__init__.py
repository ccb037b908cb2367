"""The DNS fast path: UDP loop, queries, cache, block answers, upstreams, answers over streams."""

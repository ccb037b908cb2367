"""Queries to upstreams over plain TCP, one connection for each; over TLS: dns/base/stream_client.py.

Source: RFC 7766 (TCP), RFC 1035 §4.2.2 (two octets of length).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.length_prefix import framed, read_framed
from dns.base.wire_format import RCODE_MASK, REFUSED, SERVFAIL, flags_of, is_response

# A resolver that needs longer has lost its client, which repeats after 5 s (resolv.conf(5)).
PATIENCE_S: Final = 5.0
FAILURES: Final = (SERVFAIL, REFUSED)  # another upstream may know better
OTHERS_AFTER_S: Final = 1.5  # a SYN that was lost is sent again after 1 s

Ask = Callable[[bytes, float], Awaitable[bytes]]  # (query, patience_s) → answer;  raises UpstreamFailure


async def ask(upstream: Endpoint, query: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """The upstream's answer to `query` over one TCP connection.   Raises UpstreamFailure."""
    try:
        async with asyncio.timeout(patience_s):
            answer = await _exchange(upstream, query)
    except (OSError, EOFError) as exc:
        said = type(exc).__name__
        raise UpstreamFailure(f"upstream {upstream}: {said} over TCP; not answered; is it running") from exc
    if not is_response(answer) or answer[:2] != query[:2]:
        raise UpstreamFailure(
            f"upstream {upstream}: its message is not an answer to the query; dropped; check what listens there"
        )
    return answer


async def _exchange(upstream: Endpoint, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
    try:
        writer.write(framed(query))
        await writer.drain()
        return await read_framed(reader)
    finally:
        writer.close()


async def ask_in_order(upstreams: Sequence[Ask], query: bytes) -> bytes:
    """The first useful answer of the upstreams; each but the last has a shorter time limit.

    upstreams   at least one; the loop's preference.   Raises UpstreamFailure, the last one's"""
    for upstream in upstreams[:-1]:
        with contextlib.suppress(UpstreamFailure):
            answer = await upstream(query, OTHERS_AFTER_S)
            if flags_of(answer) & RCODE_MASK not in FAILURES:
                return answer
    return await upstreams[-1](query, PATIENCE_S)

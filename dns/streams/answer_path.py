"""What every stream shares: one query in, one answer out, by the same path as UDP.

    query → StreamResolver.answer() → the answer | nothing | ask the upstream → deliver() | give_up() where it fails

Invariants: a query that the upstream does not answer gets a stale answer or SERVFAIL; nothing here knows what carried
the query.
"""

import time
from collections.abc import Callable

from dns.errors import UpstreamFailed
from dns.streams.coalescing import Ask, Coalescing
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.report.counters import Counters


class AnswerPath:
    """Decides and asks.   ask: gives the upstream's answer to a query, or raises UpstreamFailed."""

    def __init__(
        self, answering: StreamResolver, counters: Counters, ask: Ask, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._answering = answering
        self._asking = Coalescing(ask, counters)
        self._now_ns = now_ns
        self.counters = counters

    def decide(self, query: bytes, client: str, is_encrypted: bool) -> bytes | None:
        """The answer that is ours to give; None: the upstream's; empty: none at all.   client: an address."""
        return self._answering.answer(query, client, self._now_ns(), is_encrypted)

    async def forward(self, query: bytes, client: str, is_encrypted: bool) -> bytes:
        """The upstream's answer as this client gets it, an older one, or SERVFAIL; empty: none at all."""
        try:
            asked = self._answering.upstream_query(query, client, self._now_ns())
            theirs = await self._asking.ask(asked)
            answer = self._answering.deliver(query, client, asked, theirs, self._now_ns(), is_encrypted)
        except (UpstreamFailed, ValueError):
            self.counters.add("dns_upstream_lost")
            return self._answering.give_up(query, client, self._now_ns(), is_encrypted)
        self.counters.add("dns_answered")
        return answer

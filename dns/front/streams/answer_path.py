"""The answer path shared by all stream protocols: one query in, one answer out, decided as over UDP.

    query → StreamResolver.answer() → the answer | nothing | ask the upstream → deliver() | give_up() where it fails

Invariants: a query that the upstream does not answer gets a stale answer or SERVFAIL; this module does not know which
protocol carried the query.
"""

import time
from collections.abc import Callable

from dns.base.errors import UpstreamFailure
from dns.front.streams.coalescing import Ask, Coalescing
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.report.counters import Counters


class AnswerPath:
    """Answers queries of streams.   ask: returns the upstream's answer to a query, or raises UpstreamFailure."""

    def __init__(
        self, answering: StreamResolver, counters: Counters, ask: Ask, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._answering = answering
        self._asking = Coalescing(ask, counters)
        self._now_ns = now_ns
        self.counters = counters

    def decide(self, query: bytes, client: str, is_encrypted: bool) -> bytes | None:
        """The local answer; None: ask the upstream; empty: send no answer.   client: an address."""
        return self._answering.answer(query, client, self._now_ns(), is_encrypted)

    async def forward(self, query: bytes, client: str, is_encrypted: bool) -> bytes:
        """The upstream's answer for this client, a stale one, or SERVFAIL; empty: send no answer."""
        try:
            asked = self._answering.upstream_query(query, client, self._now_ns())
            theirs = await self._asking.ask(asked)
            answer = self._answering.deliver(query, client, asked, theirs, self._now_ns(), is_encrypted)
        except (UpstreamFailure, ValueError):
            self.counters.add("dns_upstream_lost")
            return self._answering.give_up(query, client, self._now_ns(), is_encrypted)
        self.counters.add("dns_answered")
        return answer

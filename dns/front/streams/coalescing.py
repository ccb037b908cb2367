"""Coalesces equal queries of many streams into one upstream query.

    the first one asks → all waiting clients get its answer;  if its client leaves, the next one asks

Invariants: all clients that wait for a query get its answer or its failure at the same moment; a query runs within the
task of one of its clients, so when all have left, it ends.
Source: RFC 5452 §5 (equal queries in flight make a birthday attack possible).
"""

import asyncio
from collections.abc import Awaitable, Callable

from dns.base.errors import UpstreamFailure
from fastpath.report.counters import Counters

Ask = Callable[[bytes], Awaitable[bytes]]
InFlight = asyncio.Future[bytes | UpstreamFailure | None]  # None: the one who asked has left

ID_OCTETS = 2


class Coalescing:
    """Queries the upstream by `ask`; counts dns_forwarded and dns_coalesced."""

    def __init__(self, ask: Ask, counters: Counters) -> None:
        self._ask = ask
        self._counters = counters
        self._under_way: dict[bytes, InFlight] = {}

    async def ask(self, query: bytes) -> bytes:
        """The upstream's answer to `query`, or to one that differs in the id alone: the id may be either's.

        Raises UpstreamFailure."""
        question = query[ID_OCTETS:]
        while (asked := self._under_way.get(question)) is not None:
            self._counters.add("dns_coalesced")
            said = await asyncio.shield(asked)  # one who leaves must not end it for the others
            if isinstance(said, UpstreamFailure):
                raise UpstreamFailure(*said.args) from said
            if said is not None:
                return said
        return await self._ask_for_all(query, question)

    async def _ask_for_all(self, query: bytes, question: bytes) -> bytes:
        self._counters.add("dns_forwarded")
        asked = self._under_way[question] = asyncio.get_running_loop().create_future()
        said: bytes | UpstreamFailure | None = None
        try:
            said = await self._ask(query)
        except UpstreamFailure as failed:
            said = failed
            raise
        finally:
            del self._under_way[question]
            asked.set_result(said)
        return said

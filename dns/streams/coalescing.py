"""What many streams ask at the same moment is asked of the upstream once.

    the first one asks → its answer is everybody's;  where its client leaves meanwhile, the next one asks

Invariants: who waits for somebody else's answer gets it, or the reason why there is none, at the same moment; nothing
runs beside its askers: where all of them have left, nobody asks.
Source: RFC 5452 §5 (one question asked many times at once is a birthday attack's chance).
"""

import asyncio
from collections.abc import Awaitable, Callable

from dns.errors import UpstreamFailed
from fastpath.report.counters import Counters

Ask = Callable[[bytes], Awaitable[bytes]]
Asked = asyncio.Future[bytes | UpstreamFailed | None]  # None: the one who asked has left

ID_OCTETS = 2


class Coalescing:
    """Asks by `ask`; counts dns_forwarded and dns_coalesced."""

    def __init__(self, ask: Ask, counters: Counters) -> None:
        self._ask = ask
        self._counters = counters
        self._under_way: dict[bytes, Asked] = {}

    async def ask(self, query: bytes) -> bytes:
        """The upstream's answer to `query`, or to one that differs in the id alone: the id may be either's.

        Raises UpstreamFailed."""
        question = query[ID_OCTETS:]
        while (asked := self._under_way.get(question)) is not None:
            self._counters.add("dns_coalesced")
            said = await asyncio.shield(asked)  # one who leaves must not end it for the others
            if isinstance(said, UpstreamFailed):
                raise UpstreamFailed(*said.args) from said
            if said is not None:
                return said
        return await self._ask_for_all(query, question)

    async def _ask_for_all(self, query: bytes, question: bytes) -> bytes:
        self._counters.add("dns_forwarded")
        asked = self._under_way[question] = asyncio.get_running_loop().create_future()
        said: bytes | UpstreamFailed | None = None
        try:
            said = await self._ask(query)
        except UpstreamFailed as failed:
            said = failed
            raise
        finally:
            del self._under_way[question]
            asked.set_result(said)
        return said

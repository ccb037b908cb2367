"""A served zone: the edition in force, and the differences that led to it.

Invariants: differences follow each other without a gap up to the edition in force, or none exist; their records are
bounded; editions are made in a thread and taken in the event loop.
Source: RFC 1995 §5 (how far back), RFC 1982.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from dns.base.endpoints import Endpoint
from dns.base.wire_format import NS, SOA
from dns.zones.rpz_edition import Difference, Edition, Plan, record_at_apex
from dns.zones.tsig import Key
from fastpath.images.tables import TableSet
from fastpath.wire.name import to_wire

MAX_KEPT: Final = 200_000  # records of the differences of a zone: some 25 MiB
REFRESH_S, RETRY_S = 300, 60  # for a secondary that misses a NOTIFY
EXPIRE_S: Final = 30 * 86400  # a secondary goes on blocking so long without us
TTL_S: Final = 60

_NOBODY: Final = to_wire(b"localhost")
NS_RECORD: Final = record_at_apex(NS, TTL_S, _NOBODY)


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may transfer a zone.   clients  permitted prefixes;   key  None: the address is enough"""

    clients: tuple[IPv4Network | IPv6Network, ...]
    key: Key | None = None


class ServedZone:
    """A zone and its last editions.   secondaries  get a NOTIFY for each new one"""

    def __init__(self, plan: Plan, rights: Rights, secondaries: Sequence[Endpoint] = ()) -> None:
        self.plan, self.rights = plan, rights
        self.edition: Edition | None = None
        self.news = {secondary: asyncio.Event() for secondary in secondaries}
        self._differences: deque[Difference] = deque()
        self._n_kept = 0

    def prepare(self, tables: TableSet) -> tuple[Edition, Difference | None]:
        """Make the edition of `tables` for take(), with its changes where known.

        Raises ValueError for a confidential list.   Cost: seconds for the first of a million names; for a thread"""
        if self.edition is None:
            return Edition.first(self.plan, tables), None
        return self.edition.next(tables)

    def take(self, edition: Edition, difference: Difference | None) -> bool:
        """Serve an edition from now on; return whether the zone changed."""
        before, self.edition = self.edition, edition
        if before is not None and before.serial == edition.serial:
            return False
        self._keep(difference)
        for event in self.news.values():
            event.set()
        return True

    def since(self, serial: int) -> list[Difference] | None:
        """The differences from `serial` to now; None if they are no longer kept."""
        found: list[Difference] = []
        for difference in reversed(self._differences):
            found.insert(0, difference)
            if difference.before == serial:
                return found
        return None

    def soa(self, serial: int) -> bytes:
        """The zone's SOA at a serial, as a record."""
        timers = struct.pack(">5I", serial, REFRESH_S, RETRY_S, EXPIRE_S, TTL_S)
        return record_at_apex(SOA, TTL_S, _NOBODY + to_wire(b"hostmaster.localhost") + timers)

    def _keep(self, difference: Difference | None) -> None:
        if difference is None:
            self._differences.clear()
            self._n_kept = 0
            return
        self._differences.append(difference)
        self._n_kept += len(difference)
        while self._n_kept > MAX_KEPT:
            self._n_kept -= len(self._differences.popleft())

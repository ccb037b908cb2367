"""Places for connections: how many there are, who holds them, and who leaves when a listener is full.

    take() → a place, after one more was freed where all are taken | None: this client holds as many as it may

A client is what rules.base.clients says.  When all places are taken, the client with the most of them loses the one
that has been idle for longest: its own, where the newcomer holds as many.  So clients with many connections displace
each other, and never one that has fewer.  Of clients with as many, it is the one that has done nothing for longest.

Invariants: at most `n` places are held; every newcomer below `n_of_client` gets one.
Cost: 4 µs, however many hold places.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rules.base.clients import Client, client_of


@dataclass(slots=True, eq=False)
class Place:
    """One connection's place.   leave: ends the connection, at once or soon"""

    client: Client
    leave: Callable[[], object]


class Places:
    """The places of one listener.

    n, n_of_client   in all, and of one client
    is_newest_kept   a client that holds as many as it may gets one for another of its own; else none"""

    def __init__(self, n: int, n_of_client: int, is_newest_kept: bool = False) -> None:
        self._n, self._n_of_client, self._is_newest_kept = n, n_of_client, is_newest_kept
        self._n_held = 0
        self._held: dict[Client, dict[Place, None]] = {}  # the longest idle first
        # Clients by how many places they hold; of each number the one that has done nothing for longest first.
        self._holding: list[dict[Client, None]] = [{} for _ in range(n_of_client + 1)]

    def has_room(self, address: str) -> bool:
        """Whether a connection from `address` gets a place without another's."""
        own = self._held.get(client_of(address), {})
        return len(own) < self._n_of_client and self._n_held < self._n

    def take(self, address: str, leave: Callable[[], object]) -> Place | None:
        """A place for a connection from `address`; None: this client holds as many as it may."""
        place = Place(client_of(address), leave)
        own = self._held.get(place.client, {})
        if len(own) >= self._n_of_client:
            if not self._is_newest_kept:
                return None
            self._end_one(own)
        elif self._n_held >= self._n:
            self._end_one(own if own and self._holding[len(own)] is self._most() else self._held_by_most())
        held = self._held.setdefault(place.client, {})
        held[place] = None
        self._n_held += 1
        self._count(place.client, len(held) - 1, len(held))
        return place

    def use(self, place: Place) -> None:
        """Note that the connection has asked something: it is idle no longer."""
        held = self._held.get(place.client, {})
        if place in held:
            del held[place]
            held[place] = None
            self._count(place.client, len(held), len(held))

    def give_back(self, place: Place) -> None:
        """Free a place; one that was taken from its holder is free already."""
        held = self._held.get(place.client, {})
        if place not in held:
            return
        del held[place]
        self._n_held -= 1
        self._count(place.client, len(held) + 1, len(held))
        if not held:
            del self._held[place.client]

    def _count(self, client: Client, before: int, after: int) -> None:
        self._holding[before].pop(client, None)
        if after:
            self._holding[after][client] = None

    def _most(self) -> dict[Client, None]:
        """The clients that hold the most."""
        return next(clients for clients in reversed(self._holding) if clients)

    def _held_by_most(self) -> dict[Place, None]:
        return self._held[next(iter(self._most()))]

    def _end_one(self, held: dict[Place, None]) -> None:
        victim = next(iter(held))
        self.give_back(victim)
        victim.leave()

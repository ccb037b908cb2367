"""Which ready connections an event loop reads in a turn: a few, of clients in turn.

    epoll → all that is ready → what is no client's, and MOST connections, the client first that was read longest ago

An event loop reads everything that is ready before it goes on.  With hundreds of busy connections that is a long turn,
and a new client would wait for several of them: for its connection, its handshake, its query.  What is left out is
still ready in the next turn, as epoll is level-triggered.

Invariants: at most MOST connections are read in a turn; of the clients that are ready, each is read before any is read
again, and so are the connections of one; what belongs to no client (listeners, upstreams, wake-ups) is always read.
Source: epoll(7).
"""

import selectors
import socket
from collections import deque
from dataclasses import dataclass
from typing import Final

from rules.base.clients import Client

# Reading one is up to a quarter of a millisecond's work, and a handshake a whole one.
MOST: Final = 16
MOST_REMEMBERED: Final = 4096  # clients; then their order begins again

Ready = tuple[selectors.SelectorKey, int]


@dataclass(slots=True)
class _ClientSocket:
    """A connection of a client.   read_in  the turn in which it was read last"""

    opened: socket.socket
    client: Client
    read_in: int = 0


class FairSelector(selectors.EpollSelector):
    """A selector for one event loop of connections that belong to clients."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[socket.socket, int] = {}
        self._owned: dict[int, _ClientSocket] = {}  # by the number of the descriptor
        self._read_in: dict[Client, int] = {}
        self._n_turns = 0

    def own(self, opened: socket.socket, client: Client) -> None:
        """Count a connection for a client from now on, until disown()."""
        self._owned[self._numbers.setdefault(opened, opened.fileno())] = _ClientSocket(opened, client)

    def disown(self, opened: socket.socket) -> None:
        """Forget a connection; one that was closed before, and has given its number to another, too."""
        number = self._numbers.pop(opened, -1)
        if number in self._owned and self._owned[number].opened is opened:
            del self._owned[number]

    def select(self, timeout: float | None = None) -> list[Ready]:
        """As BaseSelector's, without those whose turn it is not."""
        ready = super().select(timeout)
        if len(ready) <= MOST:
            return ready
        chosen, waiting = list[Ready](), dict[Client, list[tuple[_ClientSocket, Ready]]]()
        for each in ready:
            owned = self._owned.get(each[0].fd)
            if owned is None:
                chosen.append(each)
            else:
                waiting.setdefault(owned.client, []).append((owned, each))
        return chosen + self._in_turn(waiting)

    def _in_turn(self, waiting: dict[Client, list[tuple[_ClientSocket, Ready]]]) -> list[Ready]:
        """One of each client, then a second one, until there are MOST."""
        self._n_turns += 1
        if len(self._read_in) > MOST_REMEMBERED:
            self._read_in.clear()
        for each in waiting.values():
            each.sort(key=lambda one: -one[0].read_in)  # the last one is the next
        order = deque(sorted(waiting, key=lambda client: self._read_in.get(client, 0)))
        chosen = list[Ready]()
        while order and len(chosen) < MOST:
            client = order.popleft()
            owned, ready = waiting[client].pop()
            owned.read_in = self._read_in[client] = self._n_turns
            chosen.append(ready)
            if waiting[client]:
                order.append(client)
        return chosen

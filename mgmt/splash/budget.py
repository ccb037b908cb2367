"""How many different names one client may ask the splash about: a visitor meets a few, whoever tries a list does not.

Invariants: memory is bounded; no name is kept, only its hash under a key of this process.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from rules.names.clients import Client

N_NAMES = 60  # a household behind one address, whose pages load from blocked names, too
WINDOW_S = 600.0
N_CLIENTS = 4096


@dataclass(slots=True)
class _Asked:
    since_s: float
    names: set[int] = field(default_factory=set)


class NameBudget:
    """Counts the names of each client in windows of WINDOW_S.

    n_names    of one client; None: N_NAMES"""

    def __init__(self, n_names: int | None = None) -> None:
        self._n_names = n_names
        self._asked: OrderedDict[Client, _Asked] = OrderedDict()  # the client that has been silent for longest first
        self._n_beyond = 0

    def admits(self, client: Client, name: str | None, now_s: float) -> bool:
        """Whether a client may ask about a name; one that it has asked about already is free."""
        asked = self._asked.get(client)
        if asked is None or now_s - asked.since_s >= WINDOW_S:
            asked = self._asked[client] = _Asked(now_s)
        self._asked.move_to_end(client)
        if len(self._asked) > N_CLIENTS:
            self._asked.popitem(last=False)
        key = hash(name)
        most = N_NAMES if self._n_names is None else self._n_names
        if key not in asked.names and len(asked.names) >= most:
            self._n_beyond += 1
            return False
        asked.names.add(key)
        return True

    def take_beyond(self) -> int:
        """The questions beyond the budget since the last call."""
        taken, self._n_beyond = self._n_beyond, 0
        return taken

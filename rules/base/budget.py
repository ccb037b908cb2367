"""What one client may ask for in a time: of names at the splash, of requests at the API.

Invariants: memory is bounded; no name is kept, only its hash under a key of this process.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from rules.base.clients import Client

N_NAMES = 60  # a household behind one address, whose pages load from blocked names, too
WINDOW_S = 600.0
N_CLIENTS = 4096


@dataclass(slots=True)
class _Usage:
    since_s: float
    n: int = 0
    names: set[int] = field(default_factory=set)


class _Windows:
    """What each client has asked since its window began."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.asked: OrderedDict[Client, _Usage] = OrderedDict()  # the client that has been silent for longest first

    def of(self, client: Client, now_s: float) -> _Usage:
        asked = self.asked.get(client)
        if asked is None or now_s - asked.since_s >= self.window_s:
            asked = self.asked[client] = _Usage(now_s)
        self.asked.move_to_end(client)
        if len(self.asked) > N_CLIENTS:
            self.asked.popitem(last=False)
        return asked


class NameBudget:
    """Counts how many different names a client asks about: a visitor meets a few, a client that tries a list does not.

    n_names    of one client in WINDOW_S; None: N_NAMES"""

    def __init__(self, n_names: int | None = None) -> None:
        self._n_names = n_names
        self._windows = _Windows(WINDOW_S)
        self._n_beyond = 0

    def admits(self, client: Client, name: str | None, now_s: float) -> bool:
        """Whether a client may ask about a name; one that it has asked about already is free."""
        asked = self._windows.of(client, now_s)
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


class RequestBudget:
    """Counts requests.   n  of one client in window_s"""

    def __init__(self, n: int, window_s: float) -> None:
        self._n, self._windows = n, _Windows(window_s)

    def wait_s(self, client: Client, now_s: float) -> float:
        """Count one more; 0: it is admitted, else the seconds until the client's next window."""
        asked = self._windows.of(client, now_s)
        asked.n += 1
        return 0.0 if asked.n <= self._n else asked.since_s + self._windows.window_s - now_s

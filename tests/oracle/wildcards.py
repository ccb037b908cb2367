"""Which owner of a policy zone speaks for a name: the three ways in which resolvers understand its wildcards.

They agree except where something stands between a wildcard and the name.  `*.d` and `one.d` in a zone, `a.one.d` asked:
the longest wildcard is `*.d`; in RFC 4592 `one.d` exists, only `*.one.d` could speak, and nobody does.
Names are text in lower case; owners are without the zone's apex.
"""

import bisect
from collections.abc import Iterable

Path = tuple[tuple[int, str], ...]


class LongestWildcard:
    """filterd and PowerDNS Recursor: the name itself, else the longest wildcard above it."""

    def __init__(self, owners: Iterable[str]) -> None:
        self._owners = frozenset(owners)

    def owner_for(self, name: str) -> str | None:
        if name in self._owners:
            return name
        while name:
            name = name.partition(".")[2]
            if (wildcard := _below(name)) in self._owners:
                return wildcard
        return None


class ClosestEncloser:
    """BIND (RFC 4592 §3.3.1): only the wildcard right below the longest ancestor that exists, records or not."""

    def __init__(self, owners: Iterable[str]) -> None:
        self._owners = frozenset(owners)
        self._nodes: set[str] = set()
        for owner in self._owners:
            while owner and owner not in self._nodes:
                self._nodes.add(owner)
                owner = owner.partition(".")[2]

    def owner_for(self, name: str) -> str | None:
        if name in self._nodes:
            return name if name in self._owners else None
        while name not in self._nodes and name:
            name = name.partition(".")[2]
        wildcard = _below(name)
        return wildcard if wildcard in self._owners else None


class NeighboursEncloser:
    """Unbound: what the name shares with the owner that sorts right before it counts as the closest encloser.

    Sorted by labels from the right, a shorter label before a longer one.  So an owner between is always seen, and a
    name without records only where an owner below it happens to be that neighbour."""

    def __init__(self, owners: Iterable[str]) -> None:
        self._owners = frozenset(owners)
        self._sorted = sorted(map(_path, self._owners))

    def owner_for(self, name: str) -> str | None:
        if name in self._owners:
            return name
        path = _path(name)
        at = bisect.bisect_left(self._sorted, path)
        neighbour = self._sorted[at - 1] if at else ()
        n = 0
        while n < len(path) and path[n : n + 1] == neighbour[n : n + 1]:
            n += 1
        wildcard = _below(".".join(label for _, label in reversed(path[:n])))
        return wildcard if wildcard in self._owners else None


def _path(name: str) -> Path:
    return tuple((len(label), label) for label in reversed(name.split(".")))


def _below(name: str) -> str:
    return f"*.{name}" if name else "*"

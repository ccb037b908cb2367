"""Protected names and addresses, which no list and no order may block.

A guard before compilation, not a tier at run time: a rule that would block a protected name, or a name below one, or
everything around one, is held and reported, and never compiled.

Invariants: an allow rule is never held.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from fastpath.images.verdict import Mode
from rules.base.canonical import canonical_wire, with_parents
from rules.base.hosts_of_many import NO_LISTS, UNKNOWN, Hosting
from rules.base.prefixes import Network
from rules.base.watched import NONE_WATCHED, WatchedNames

PROTECTED = "would block a protected name"


class ProtectedNames:
    """A set of protected names and prefixes; a name stands for itself and everything below it.

    names    canonical or not.   Raises BadName for one that is invalid.
    prefixes   as ipaddress reads them, without bits after their length
    watched, hosting   what is not protected, and held until a person has looked: names, and addresses of many
    around   the protected names and their parents;   ends  what every name at or below one ends with, the last
             `end_octets` of its wire form: a name that is in neither is no hit"""

    def __init__(
        self,
        names: Iterable[str] = (),
        prefixes: Iterable[str] = (),
        watched: WatchedNames = NONE_WATCHED,
        hosting: Hosting = NO_LISTS,
    ) -> None:
        self.watched, self._hosting = watched, hosting
        self._networks = tuple(map(ip_network, prefixes))
        self._names = frozenset(canonical_wire(name) for name in names)
        self.around = frozenset(suffix for wire in self._names for suffix in with_parents(wire))
        # what is at or below a protected name ends like it: one look-up turns nearly every rule away
        self.end_octets = min(map(len, self._names), default=0)
        self.ends = frozenset(wire[-self.end_octets :] for wire in self._names)

    def __bool__(self) -> bool:
        return bool(self._names or self._networks)

    def covers(self, network: Network) -> bool:
        """Whether a blocking rule of this prefix would block something protected.   Cost: 1 µs each that is known."""
        return any(network.version == each.version and network.overlaps(each) for each in self._networks)

    def why_shared(self, network: Network) -> str | None:
        """Why a blocking rule of a list is held, if many sites are behind its prefix as far as this box knows."""
        reason = self._hosting.refusal(network)
        return None if reason == UNKNOWN and self._hosting.fault is None else reason

    def is_hit(self, wire: bytes, mode: Mode) -> bool:
        """Whether a blocking rule of this name and mode would block something protected."""
        if mode is not Mode.EXACT and wire in self.around:
            return True
        if wire[-self.end_octets :] not in self.ends:
            return False
        return any(suffix in self._names for suffix in with_parents(wire))

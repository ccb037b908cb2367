"""What the entries of an order cover, by what they say alone: names, URLs and addresses.

Invariants: a name is covered on label boundaries, a URL by its host or by its own text; what other orders and lists
block is not asked here.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from mgmt.orders.base.model import EntryMode, name_text


class Cover:
    """Entries, as they are in force.   rules  (wire, mode) as mgmt.orders.base.model.Entry has them"""

    def __init__(self, rules: Iterable[tuple[bytes, EntryMode | None]]) -> None:
        self._by_mode: dict[EntryMode | None, set[str]] = {}
        for wire, mode in rules:
            self._by_mode.setdefault(mode, set()).add(name_text(wire))
        self._prefixes = tuple(self._of(EntryMode.URL_PREFIX))
        self._networks = [ip_network(each) for each in self._of(EntryMode.ADDRESS)]

    def has_name(self, name: str) -> bool:
        """Whether a name, canonical, is closed whole."""
        labels = name.split(".")
        above = (".".join(labels[at:]) for at in range(len(labels)))
        return name in self._of(EntryMode.EXACT) or not self._of(EntryMode.SUBTREE).isdisjoint(above)

    def has_url(self, host: str, target: str) -> bool:
        """Whether a URL is closed.   host  with its port, where it has one;   target  from its first slash on"""
        url = host + target
        return self.has_name(host.partition(":")[0]) or url in self._of(EntryMode.URL) or url.startswith(self._prefixes)

    def has_address(self, text: str) -> bool:
        """Whether a text is an address that is closed."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _of(self, mode: EntryMode) -> set[str]:
        return self._by_mode.get(mode, set())

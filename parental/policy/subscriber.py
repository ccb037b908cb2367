"""A subscriber (a paying line): number, label, addresses and prefixes.

Invariants: prefixes are canonical (no host bits), of one or both families, and none overlaps another.
The number is what images, counters and records hold; the label never leaves the operator's and the parent's pages.
"""

import ipaddress
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from fastpath.dns.device_option import id_address, is_device
from parental.policy.profile import Profile
from parental.store.errors import BadSubscriber

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ID = 2**32 - 3  # the two numbers above mean "no one" and "not here" in an image
MAX_PREFIXES = 256  # a home has one or two; a school with an address a class has dozens
MAX_LABEL_CHARACTERS = 80
DEVICE_KINDS = ("mac:", "cpe:")
JOINERS = str.maketrans("", "", "\u200c\u200d")  # within words of Urdu, and of emoji that are made of several
PROVINCE = re.compile("[A-Z]{2}-[A-Z0-9]{1,3}")  # where a line is, by ISO 3166-2, such as PK-PB


def is_in(pool: Network, network: Network) -> bool:
    """Whether a prefix is in a pool."""
    return pool.version == network.version and pool.prefixlen <= network.prefixlen and network.network_address in pool


def is_one_line(text: str) -> bool:
    """Whether a name can be shown: one line, not too long, of more than joiners."""
    shown = text.translate(JOINERS)
    return bool(shown) and shown.isprintable() and len(text) <= MAX_LABEL_CHARACTERS


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One line and its profile.   Raises BadSubscriber for an id, a label or prefixes that are not valid."""

    id: int
    label: str
    prefixes: tuple[Network, ...]
    profile: Profile = field(default_factory=Profile)

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_ID:
            raise BadSubscriber(f"id: {self.id}; not accepted; write 1 to {MAX_ID}")
        if not is_one_line(self.label):
            raise BadSubscriber(
                f"label: not one line of text; not accepted; write 1 to {MAX_LABEL_CHARACTERS} characters"
            )
        if len(self.prefixes) > MAX_PREFIXES:
            raise BadSubscriber(f"prefixes: {len(self.prefixes)}; not accepted; give one line at most {MAX_PREFIXES}")
        if len(self.prefixes) > 1:
            refuse_overlaps(self.prefixes)


def parse_prefix(text: str) -> Network:
    """'192.0.2.7', '192.0.2.0/24' or '2001:db8::/64' to a prefix.   Raises BadSubscriber, also for host bits.

    'mac:02:00:00:00:00:01' and 'cpe:SERIAL', devices that a listed forwarder names, become the address that an image
    has for them (fastpath.dns.device_option), which is accepted, too."""
    try:
        network = ipaddress.ip_network(id_address(text) if text.startswith(DEVICE_KINDS) else text)
    except ValueError as exc:
        raise BadSubscriber(
            f"prefix: {text[:60]!r} is not an address or prefix; not accepted; "
            "write 192.0.2.7 or 2001:db8::/64, no host bits"
        ) from exc
    if network.prefixlen == 0:
        raise BadSubscriber(f"prefix: {network} covers all addresses; not accepted; write the prefix of one line")
    if network.is_multicast and not is_device(network.network_address.packed, network.prefixlen):
        raise BadSubscriber(f"prefix: {network} is multicast; not accepted; write what packets of the line come from")
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.scope_id:
        raise BadSubscriber(f"prefix: {text[:60]!r} names an interface; not accepted; leave out what follows '%'")
    return network


def refuse_overlaps(prefixes: Iterable[Network]) -> None:
    """Raise BadSubscriber where two of one line's prefixes share an address."""
    ordered = sorted(prefixes, key=lambda prefix: (prefix.version, int(prefix.network_address), prefix.prefixlen))
    for left, right in itertools.pairwise(ordered):
        if left.version == right.version and int(right.network_address) <= int(left.broadcast_address):
            raise BadSubscriber(f"prefixes: {right} lies in {left}; not accepted; write one of the two")

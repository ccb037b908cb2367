"""Address and prefix rules: from a list's text or an RPZ trigger to the names that represent them.

    192.0.2.7         7.2.0.192.4.rpz-ip, exact             192.0.2.0/24      2.0.192.4.rpz-ip, subtree
    192.0.2.0/23      two rules, below 2.0.192.4.rpz-ip and 3.0.192.4.rpz-ip    192.0.2.6/31    two rules, subtrees

How a name stands for an address, and how it is shown to people, says fastpath.wire.address.  A prefix that does not end
on an octet (IPv6: a nibble) becomes the rules, at most 128 (8), that end on the next one: as many as it takes, and
never an address more.  They are meant otherwise than a prefix that ends there itself, so that on one list that one goes
before: the longest prefix decides, as among names.  Only of two prefixes that both end inside of one octet (nibble)
the one that the list has first decides, where they hold the same addresses.

Invariants: one prefix has one form, ::ffff:0:0/96 is IPv4; the rules of a prefix hold its addresses and no other; what
covers too much is never a rule.  What no blocking rule may hold is said here, but is a rail
(rules.lists.compiler.guards), since only there it is known whether a rule blocks.
Source: draft-vixie-dnsop-dns-rpz-00 §4.3 (triggers); RFC 4632 §3.1 (prefixes); RFC 4291 §2.5.5.2 (mapped addresses).
Cost: some 5 µs a prefix.
"""

import ipaddress
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Final

from fastpath.images.verdict import Mode
from fastpath.wire.address import network_of, wire_of_address
from rules.base.errors import BadName

Network = IPv4Network | IPv6Network

# The largest allocations that anyone holds; what is shorter speaks of many networks at once, by mistake.
SHORTEST_BITS: Final = {4: 8, 6: 16}
STEP_BITS: Final = {4: 8, 6: 4}
MAPPED: Final = IPv6Network("::ffff:0:0/96")
MAX_TEXT: Final = 90  # characters: two addresses of 39 and what stands between them

NO_PREFIX = "is neither an address nor a prefix"
HOST_BITS = "has bits set after the prefix's length"
TOO_SHORT = "covers too many addresses: shorter than /8 (IPv6: /16)"
NOT_PUBLIC = "is not an address of the public Internet: a block would cut off internal clients"
BACKWARDS = "is a range whose end is before its start"
NO_TRIGGER = "is not an address trigger: PREFIXLENGTH.REVERSED-ADDRESS.rpz-ip"

# Where subscribers, the operator's own machines and the protocol itself are.  The ranges for examples (RFC 5737, RFC
# 3849) and those of single protocols are not among them: no one is cut off where a list holds one.
NOT_PUBLIC_OF: Final[MappingProxyType[int, tuple[Network, ...]]] = MappingProxyType(
    {
        4: tuple(
            map(
                IPv4Network,
                (
                    "0.0.0.0/8",  # this network, RFC 791: 0.0.0.0 is the machine itself
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",  # private, RFC 1918
                    "100.64.0.0/10",  # behind a carrier's NAT, RFC 6598
                    "127.0.0.0/8",  # loopback, RFC 1122
                    "169.254.0.0/16",  # link-local, RFC 3927
                    "224.0.0.0/4",  # multicast, RFC 5771
                    "240.0.0.0/4",  # reserved, RFC 1112, and broadcast
                ),
            )
        ),
        6: tuple(
            map(
                IPv6Network,
                (
                    "::/64",  # unspecified, loopback, mapped and compatible addresses, RFC 4291
                    "fc00::/7",  # private, RFC 4193
                    "fe80::/10",  # link-local, RFC 4291
                    "ff00::/8",  # multicast, RFC 4291
                ),
            )
        ),
    }
)

_RANGE = re.compile(r"\s*-\s*")
_ZEROS = "zz"  # in a trigger: as `::` in an address


def read_prefixes(text: str) -> list[Network]:
    """The prefixes of `192.0.2.7`, `192.0.2.0/24`, `192.0.2.1-192.0.2.9`, and of IPv6.   Raises BadName."""
    if len(text) > MAX_TEXT or not text.isascii():
        raise BadName(NO_PREFIX)
    ends = _RANGE.split(text)
    if len(ends) == 2:
        return _read_range(_address(ends[0]), _address(ends[1]))
    return [_checked(_network(text))]


def read_trigger(trigger: str) -> Network:
    """The prefix of a policy zone's trigger: `24.0.2.0.192.rpz-ip`, `48.zz.2.2001.rpz-ip`.   Raises BadName."""
    length, *words = trigger.lower().removesuffix(".rpz-ip").split(".")
    if not words or not (length.isascii() and length.isdigit() and len(length) <= 3):
        raise BadName(NO_TRIGGER)
    if len(words) == 4 and _ZEROS not in words and all(word.isdigit() for word in words):
        address = ".".join(reversed(words))
    else:
        address = ":".join(reversed(words)).replace(_ZEROS, "") or ":"
        address = ":" + address if address.startswith(":") else address
        address = address + ":" if address.endswith(":") and "::" not in address else address
    try:
        return _checked(_network(f"{address}/{length}"))
    except BadName as why:
        raise BadName(NO_TRIGGER if why.reason == NO_PREFIX else why.reason) from None


def write_trigger(network: Network) -> str:
    """The trigger of a prefix, as policy zones have it."""
    if isinstance(network, IPv4Network):
        words = str(network.network_address).split(".")
    else:
        words = _hextets(network.network_address)
    return ".".join([str(network.prefixlen), *reversed(words), "rpz-ip"])


def wires_of(network: Network) -> Iterator[tuple[bytes, Mode]]:
    """The names that stand for a prefix, in wire form, each with how it is meant."""
    step = STEP_BITS[network.version]
    up_to = -(-network.prefixlen // step) * step
    is_one_address = up_to == network.max_prefixlen
    if is_one_rule(network):
        mode = Mode.EXACT if is_one_address else Mode.SUBTREE
    else:
        mode = Mode.SUBTREE if is_one_address else Mode.BELOW
    for part in network.subnets(new_prefix=up_to):
        wire = wire_of_address(part.network_address.packed)
        for _ in range((part.max_prefixlen - up_to) // step):
            wire = wire[1 + wire[0] :]
        yield wire, mode


def is_one_rule(network: Network) -> bool:
    """Whether a prefix ends on an octet (IPv6: a nibble)."""
    return network.prefixlen % STEP_BITS[network.version] == 0


def canonical_address(text: str) -> str | None:
    """The canonical text of an address; None if it is not one."""
    try:
        return str(_address(text))
    except BadName:
        return None


def wire_of_text(text: str) -> bytes | None:
    """The name that represents an address's text; None if it is not one."""
    try:
        return wire_of_address(_address(text).packed)
    except BadName:
        return None


def is_public(wire: bytes) -> bool:
    """Whether the prefix that a name stands for lies in the public Internet, all of it, or is kept for examples."""
    network = network_of(wire)
    return network is not None and is_public_network(network)


def is_public_network(network: Network) -> bool:
    """Whether a prefix lies in the public Internet, all of it, or is kept for examples."""
    return not any(map(network.overlaps, NOT_PUBLIC_OF[network.version]))


# ----------------------------------------------------------------------------------------------------------------------


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadName(NO_PREFIX) from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise BadName(NO_PREFIX)
        return address.ipv4_mapped or address
    return address


def _network(text: str) -> Network:
    address, slash, length = text.partition("/")
    if slash and not (length.isascii() and length.isdigit()):  # no netmask: it can be read two ways
        raise BadName(NO_PREFIX)
    if "%" in address:
        raise BadName(NO_PREFIX)
    try:
        network = ipaddress.ip_network(text, strict=False)
        begin = ipaddress.ip_address(address)
    except ValueError:
        raise BadName(NO_PREFIX) from None
    if begin != network.network_address:
        raise BadName(HOST_BITS)
    return network


def _checked(network: Network) -> Network:
    """The one form of a prefix.   Raises BadName for one that covers too much."""
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        mapped = network.network_address.packed[12:]
        network = IPv4Network((mapped, network.prefixlen - MAPPED.prefixlen))
    holds_all_of_ipv4 = isinstance(network, IPv6Network) and network.supernet_of(MAPPED)
    if holds_all_of_ipv4 or network.prefixlen < SHORTEST_BITS[network.version]:
        raise BadName(TOO_SHORT)
    return network


def _read_range(first: IPv4Address | IPv6Address, last: IPv4Address | IPv6Address) -> list[Network]:
    if first.version != last.version:
        raise BadName(NO_PREFIX)
    if int(last) < int(first):
        raise BadName(BACKWARDS)
    return [_checked(network) for network in ipaddress.summarize_address_range(first, last)]


def _hextets(address: IPv6Address) -> list[str]:
    """The words of an address, `zz` for the run of zeros that RFC 5952 §4.2 shortens."""
    words = [f"{int.from_bytes(address.packed[at : at + 2]):x}" for at in range(0, 16, 2)]
    runs = re.finditer(r"1{2,}", "".join(str(int(word == "0")) for word in words))
    longest = max(runs, key=lambda run: run.end() - run.start(), default=None)
    if longest is None:
        return words
    return [*words[: longest.start()], _ZEROS, *words[longest.end() :]]

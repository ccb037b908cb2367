"""Network access servers of the configuration: who may report sessions, and of which addresses.

Invariants: an entry says what it may; what a NAS says of addresses outside of its pools is no session.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from filterd.config.radius import Nas
from parental.policy.subscriber import Network, is_in
from parental.sessions.record import network_of, slot_of

LEAST_SECRET = 16  # octets: an authenticator of MD5 is searched at a billion guesses a second
Span = tuple[int, int, int]  # version, first and last address


class BadSecret(ValueError):
    """A secret that cannot be used."""


@dataclass(frozen=True, slots=True)
class KnownNas:
    """An entry with its secret."""

    name: str
    secret: bytes
    spans: tuple[Span, ...]
    default: int | None
    by_station: bool
    needs_time: bool

    def may_give(self, slot: bytes) -> bool:
        """Whether a prefix is in its pools.   Cost: 0.2 us a pool"""
        version = 4 if len(slot) == 5 else 6
        first = int.from_bytes(slot[1:], "big")
        last = first + (1 << (32 if version == 4 else 128) - slot[0]) - 1
        return any(kind == version and begin <= first and last <= end for kind, begin, end in self.spans)


class NasTable:
    """The entries, by the address that a request comes from.   Raises BadSecret, OSError"""

    def __init__(self, entries: Iterable[Nas]) -> None:
        self._entries = [(ip_network(each.address), _known(each)) for each in entries]
        self._found: dict[str, KnownNas] = {}
        self._pools = sorted(_pools(self._entries), key=lambda pool: -pool[0].prefixlen)

    def find(self, host: str) -> KnownNas | None:
        """The first entry that an address of a socket fits; None: a stranger's."""
        known = self._found.get(host)
        if known is None:
            address = _plain(host)
            known = next((nas for network, nas in self._entries if address in network), None)
            if known is not None:
                self._found[host] = known
        return known

    def may_give(self, slot: bytes) -> bool:
        """Whether a prefix is in the pools of any entry."""
        return any(nas.may_give(slot) for _, nas in self._entries)

    def default_of(self, slot: bytes) -> int | None:
        """The profile that holds for a prefix without a session; None: none."""
        network = network_of(slot)
        return next((default for pool, default in self._pools if is_in(pool, network)), None)

    def pools(self) -> Iterator[tuple[bytes, int]]:
        """The pools that have a default profile."""
        yield from ((slot_of(pool), default) for pool, default in self._pools if default is not None)

    @property
    def digest(self) -> str:
        """Of pools and their default profiles: a base that was made of others is made again."""
        said = json.dumps([(str(pool), default) for pool, default in self._pools])
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def _pools(entries: Iterable[tuple[Network, KnownNas]]) -> Iterator[tuple[Network, int | None]]:
    """Every pool once: that of the first entry counts."""
    seen: set[Network] = set()
    for _, nas in entries:
        for version, first, last in nas.spans:
            kind = IPv4Address if version == 4 else IPv6Address
            pool = ip_network(f"{kind(first)}/{kind(first).max_prefixlen - (last - first).bit_length()}")
            if pool not in seen:
                seen.add(pool)
                yield pool, nas.default


def _known(entry: Nas) -> KnownNas:
    return KnownNas(
        entry.name,
        read_secret(entry.secret),
        tuple(_span(ip_network(pool)) for pool in entry.pools),
        entry.default_profile,
        entry.identity == "calling-station-id",
        entry.timestamps,
    )


def read_secret(path: Path) -> bytes:
    """The secret in a file, without the end of its line.   Raises BadSecret, OSError"""
    secret = path.read_bytes().rstrip(b"\r\n")
    if len(secret) < LEAST_SECRET:
        raise BadSecret(f"{path}: a secret of {len(secret)} octets; not used; write {LEAST_SECRET} or more")
    return secret


def _span(network: Network) -> Span:
    return network.version, int(network.network_address), int(network.broadcast_address)


def _plain(host: str) -> IPv4Address | IPv6Address:
    """An address of a socket: without its interface, and IPv4 as such on a socket of both."""
    address = ip_address(host.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

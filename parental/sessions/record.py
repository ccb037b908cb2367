"""Records: what a session is, as the table keeps it and the journal writes it.

A record is RECORD_OCTETS octets, so that a million of them are read in one pass, and no object is made of each.

Invariants: the record of a session holds no name: of the NAS, the session and the person there are keyed digests, whose
key never leaves the box.
"""

import hashlib
import struct
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from parental.policy.subscriber import Network

LIVES, ENDED, RESTARTED = 1, 2, 3  # a session; one that has ended; a NAS, whose sessions before have ended
KEY_OCTETS, NAS_OCTETS = 16, 8
NO_PROFILE = 0

# state, key of the session, NAS, who, profile, began, at, four slots
_LAYOUT = struct.Struct("<B16s8s16sIII5s17s17s17s")
RECORD_OCTETS = _LAYOUT.size
KEY = slice(1, 17)
NAS = slice(17, 25)
WHO = slice(25, 41)
PROFILE = slice(41, 45)
SLOTS = (slice(53, 58), slice(58, 75), slice(75, 92), slice(92, 109))
Slots = tuple[bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Session:
    """A session, or its end.

    who        digest of the name that it began for;   profile  number of what holds there, NO_PROFILE: not known
    began_s    when it began, as far as is known;   at_s  when this was so
    slots      prefixes, b"": none"""

    state: int
    key: bytes
    nas: bytes
    who: bytes = bytes(16)
    profile: int = NO_PROFILE
    began_s: int = 0
    at_s: int = 0
    slots: Slots = (b"", b"", b"", b"")

    def packed(self) -> bytes:
        """As a record."""
        named = self.state, self.key, self.nas, self.who
        return _LAYOUT.pack(*named, self.profile, self.began_s, self.at_s, *self.slots)


def read_record(record: bytes) -> Session:
    """The session in a record."""
    state, key, nas, who, profile, began_s, at_s, a, b, c, d = _LAYOUT.unpack(record)
    slots = _slot(a), _slot(b), _slot(c), _slot(d)
    return Session(state, key, nas, who, profile, began_s, at_s, slots)


def slots_in(record: bytes) -> list[bytes]:
    """The prefixes in a record, without looking at the rest of it."""
    return [_slot(record[where]) for where in SLOTS if record[where.start]]


def network_of(slot: bytes) -> Network:
    """The prefix in a slot."""
    kind = IPv4Network if len(slot) == 5 else IPv6Network
    return kind((slot[1:], slot[0]))


def slot_of(prefix: Network) -> bytes:
    """The slot of a prefix."""
    return bytes([prefix.prefixlen]) + prefix.network_address.packed


def slot_at(address: str) -> bytes:
    """The slot of one address.   Raises ValueError for none."""
    return slot_of(ip_network(address))


def slot_within(slot: bytes, bits: int) -> bytes:
    """The slot of the prefix of so many bits around an address."""
    free = 8 * (len(slot) - 1) - bits
    first = int.from_bytes(slot[1:], "big") >> free << free
    return bytes([bits]) + first.to_bytes(len(slot) - 1, "big")


class Digests:
    """Makes the keyed digests of a box.   key: 32 octets"""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def nas(self, source: str, name: bytes) -> bytes:
        """Of a NAS: the entry of the configuration that it came by, and how it calls itself."""
        return self._digest(b"nas", NAS_OCTETS, source.encode(), name)

    def session(self, nas: bytes, session: bytes) -> bytes:
        """Of a session of a NAS."""
        return self._digest(b"session", KEY_OCTETS, nas, session)

    def who(self, name: bytes) -> bytes:
        """Of a name."""
        return self._digest(b"who", 16, name)

    def _digest(self, what: bytes, octets: int, *parts: bytes) -> bytes:
        text = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        return hashlib.blake2b(text, digest_size=octets, key=self._key, person=what).digest()


def _slot(field: bytes) -> bytes:
    return field if field[0] else b""

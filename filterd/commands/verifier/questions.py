"""What is asked of the traffic for an order: each entry over each channel, and its neighbours, which must be open.

    entry          a name: every channel;  a URL: HTTP alone, where its path is visible;  an address: not asked
    neighbours     a name next to it, the name above it, the name below an exact one; of a URL the rest of its site;
                   never what another entry of the order covers: that is to be closed
    neutral names  over each channel of packets, before and after all others: where they arrive, silence is a block

Invariants: a question's `at` is its place in the list; a neighbour is never a public suffix.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from mgmt.orders.base.cover import Cover
from mgmt.orders.base.model import EntryMode, name_text
from rules.base.public_suffixes import public_suffixes

DNS_UDP, DNS_TCP, DNS_TLS, DNS_HTTPS = "dns-udp", "dns-tcp", "dns-tls", "dns-https"
TLS, QUIC, HTTP = "tls", "quic", "http"
DNS_CHANNELS, PACKET_CHANNELS = (DNS_UDP, DNS_TCP, DNS_TLS, DNS_HTTPS), (TLS, QUIC, HTTP)
OF_NEIGHBOURS = (DNS_UDP, TLS, QUIC, HTTP)
ENTRY, NEIGHBOUR, NEUTRAL = "entry", "neighbour", "neutral"
NEUTRAL_NAME = "filterd-verifier.invalid"  # RFC 6761 §6.4: no one has it, so no list holds it


class Way(NamedTuple):
    """A channel over one version of IP."""

    channel: str
    family: int

    def __str__(self) -> str:
        return f"{self.channel}-{self.family}"


class EntryInForce(NamedTuple):
    """An entry that is in force.   wire, mode  as its row has them; a broader one's are of its host

    mode  None: there is no such mode, and nothing enforces the entry; it is asked for as a name"""

    number: int
    wire: bytes
    mode: EntryMode | None


class Question(NamedTuple):
    """One thing to try.   kind  what it is about;   number  of its entry; 0 of a neutral name;   target  of HTTP"""

    at: int
    kind: str
    number: int
    way: Way
    name: str
    target: str = "/"

    @property
    def asks_for(self) -> str:
        """The name, or the URL where a path is asked for."""
        return self.name if self.target == "/" else f"http://{self.name}{self.target}"


class _Try(NamedTuple):
    kind: str
    name: str
    target: str
    channels: tuple[str, ...]


def questions(asked: Iterable[EntryInForce], ways: Sequence[Way], cover: Cover) -> list[Question]:
    """All questions, in the order in which they are asked.   cover  of all entries of the order that are in force"""
    found: list[Question] = []

    def add(kind: str, number: int, way: Way, name: str, target: str = "/") -> None:
        found.append(Question(len(found), kind, number, way, name, target))

    packets = [way for way in ways if way.channel in PACKET_CHANNELS]
    for way in packets:
        add(NEUTRAL, 0, way, f"before.{NEUTRAL_NAME}")
    for entry in asked:
        for each in _tries(entry):
            if each.kind == NEIGHBOUR and cover.has_url(each.name, each.target):
                continue
            for way in ways:
                if way.channel in each.channels:
                    add(each.kind, entry.number, way, each.name, each.target)
    for way in packets:
        add(NEUTRAL, 0, way, f"after.{NEUTRAL_NAME}")
    return found


def _tries(entry: EntryInForce) -> Iterator[_Try]:
    if entry.mode == EntryMode.ADDRESS:
        return
    everywhere = (*DNS_CHANNELS, *PACKET_CHANNELS)
    if entry.mode in (EntryMode.URL, EntryMode.URL_PREFIX):
        yield from _of_url(name_text(entry.wire), entry.mode)
        return
    name = name_text(entry.wire)
    yield _Try(ENTRY, name, "/", everywhere)
    for beside in neighbours(name, is_exact=entry.mode == EntryMode.EXACT):
        yield _Try(NEIGHBOUR, beside, "/", OF_NEIGHBOURS)


def _of_url(url: str, mode: EntryMode) -> Iterator[_Try]:
    """A URL is closed where its path is visible, and the rest of its site is open everywhere."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    yield _Try(ENTRY, parts.netloc, target, (HTTP,))
    if target != "/" or mode == EntryMode.URL:
        yield _Try(NEIGHBOUR, parts.netloc, f"/{secrets.token_hex(4)}", (HTTP,))
    yield _Try(NEIGHBOUR, parts.hostname or "", "/", (DNS_UDP, TLS, QUIC))


def neighbours(name: str, *, is_exact: bool) -> list[str]:
    """Names that an entry must leave open: with the same end, above it, and below it where it is exact."""
    mark, (first, _, above) = secrets.token_hex(3), name.partition(".")
    found = [f"{mark}-{first[:50]}.{above}"] if above else []
    if "." in above and public_suffixes().refusal(_wire(above)) is None:
        found.append(above)
    return found + ([f"{mark}.{name}"] if is_exact else [])


def _wire(name: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"

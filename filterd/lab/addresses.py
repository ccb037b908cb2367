"""Addresses of the laboratory: in its namespaces, or on the loopback of a box without root.

Invariants: documentation prefixes only (RFC 5737, RFC 3849) in the namespaces; every address of a place is in one of
these two values.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses and ports of one place; text, without prefix length."""

    child4: str
    child6: str
    adult4: str
    adult6: str
    gateway4: str
    """Where the gateway's own services are: DNS, splash, API."""
    gateway6: str
    web4: str
    web6: str
    resolver4: str
    resolver6: str
    foreign4: str
    """A resolver that is not the provider's."""
    foreign6: str
    dns_port: int = 53
    upstream_port: int = 53
    http_port: int = 80
    https_port: int = 443
    splash_port: int = 80
    api_port: int = 8080

    @property
    def api(self) -> str:
        return f"http://{self.gateway4}:{self.api_port}"


@dataclass(frozen=True, slots=True)
class Link:
    """A veth pair between the gateway and another namespace, named on each side after its peer."""

    node: str
    gateway4: str
    gateway6: str
    node4: tuple[str, ...]
    node6: tuple[str, ...]
    length4: int
    length6: int = 64


LAB = Addresses(
    child4="198.51.100.2",
    child6="2001:db8:1::2",
    adult4="198.51.100.18",
    adult6="2001:db8:2::2",
    gateway4="192.0.2.1",
    gateway6="2001:db8::1",
    web4="192.0.2.40",
    web6="2001:db8:f::40",
    resolver4="192.0.2.53",
    resolver6="2001:db8:f::53",
    foreign4="192.0.2.54",
    foreign6="2001:db8:f::54",
)
# Anyone who may ask the gateway's resolver.
CLIENTS = ("127.0.0.0/8", "::1/128", "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")
CHILD_PREFIX6 = "2001:db8:1::/64"
ADULT_PREFIX6 = "2001:db8:2::/64"

LINKS = (
    Link("child", "198.51.100.1", "2001:db8:1::1", (LAB.child4,), (LAB.child6,), 28),
    Link("adult", "198.51.100.17", "2001:db8:2::1", (LAB.adult4,), (LAB.adult6,), 28),
    Link("desk", "198.51.100.33", "2001:db8:3::1", ("198.51.100.34",), ("2001:db8:3::2",), 28),
    Link(
        "internet",
        "192.0.2.33",
        "2001:db8:f::1",
        (LAB.web4, LAB.resolver4, LAB.foreign4),
        (LAB.web6, LAB.resolver6, LAB.foreign6),
        27,
    ),
)

# Linux answers on the whole of 127/8: three addresses are three parties.  There is but one of IPv6, so all share it.
LOOPBACK = Addresses(
    child4="127.0.0.2",
    child6="::1",
    adult4="127.0.0.3",
    adult6="::1",
    gateway4="127.0.0.1",
    gateway6="::1",
    web4="127.0.0.40",
    web6="::1",
    resolver4="127.0.0.53",
    resolver6="::1",
    foreign4="127.0.0.54",
    foreign6="::1",
    dns_port=15300,
    upstream_port=15353,
    http_port=15380,
    https_port=15443,
    splash_port=15381,
    api_port=15388,
)

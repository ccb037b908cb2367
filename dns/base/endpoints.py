"""Endpoints and upstreams: addresses with a port, and over TLS with a name.  No I/O but one look at the routes.

Invariants: an upstream is an address, never a name: the resolver itself could not resolve it.  An upstream is never one
of our own endpoints: each query would loop.
Absent on purpose: sending a query (dns/base/tcp_client.py, dns/base/stream_client.py), and which upstream is
up and fast (fastpath/dns/upstream_health.pyx).
Cost: no asyncio and no compiled module, because every command reads the configuration with it.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

from dns.base.errors import UpstreamIsOurselves

TLS_SCHEME: Final = "tls://"


class Endpoint(NamedTuple):
    """An address and a port; the address as text without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def from_here(self) -> "Endpoint":
        """Where this box reaches what listens here: on the loopback, where that is every address."""
        if not ipaddress.ip_address(self.host.partition("%")[0]).is_unspecified:
            return self
        return Endpoint("::1" if ":" in self.host else "127.0.0.1", self.port)


class TlsEndpoint(NamedTuple):
    """An upstream that speaks DNS over TLS.   name: what its certificate has to name; empty: its address"""

    host: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        return f"{TLS_SCHEME}{Endpoint(self.host, self.port)}{'#' if self.name else ''}{self.name}"


Upstream = Endpoint | TlsEndpoint


def parse_upstream(text: str) -> Upstream:
    """Read 'ADDR:PORT', 'tls://ADDR:PORT#NAME' or 'tls://ADDR:PORT'.   Raises ValueError, saying what is wrong."""
    if not text.startswith(TLS_SCHEME):
        return parse_endpoint(text)
    from rules.base.canonical import canonical_name  # late: it loads the IDNA tables, which a worker does not need

    at, hash_sign, name = text.removeprefix(TLS_SCHEME).partition("#")
    endpoint = parse_endpoint(at)
    try:
        return TlsEndpoint(*endpoint, canonical_name(name) if hash_sign else "")
    except ValueError as exc:
        raise ValueError(f"{text!r}: {name!r} is not a host name; not used; write what its certificate names") from exc


def parse_endpoint(text: str) -> Endpoint:
    """Read 'ADDR:PORT' or '[ADDR6]:PORT'.   Raises ValueError, saying what is wrong."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    if not colon or is_bracketed != (":" in host):
        raise ValueError(f"{text!r}: not an address and a port; not used; write 192.0.2.1:53 or [2001:db8::1]:53")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"{text!r}: {port!r} is not a port; not used; write a number up to 65535")
    try:
        ipaddress.ip_address(host)
    except ValueError as exc:
        raise ValueError(f"{text!r}: {host!r} is not an address; not used; names cannot be resolved here") from exc
    return Endpoint(host, int(port))


def require_others(listen: Sequence[Endpoint], upstreams: Sequence[Upstream]) -> None:
    """Raises UpstreamIsOurselves for an upstream whose queries would come back to one of `listen`, on this box now."""
    for upstream in upstreams:
        for endpoint in listen:
            if _meets(endpoint, upstream):
                raise UpstreamIsOurselves(
                    f"dns upstream {upstream}: it is this box, which listens at {endpoint}; not started; "
                    "name the resolver behind us"
                )


def destination(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that Linux sends to for `host`: mapped ones are IPv4, the unspecified one is the loopback."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:
        return ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return address


def _meets(listen: Endpoint, upstream: Upstream) -> bool:
    here, there = ipaddress.ip_address(listen.host), destination(upstream.host)
    if listen.port != upstream.port or listen.port == 0 or here.version != there.version:
        return False
    return here == there or (here.is_unspecified and is_local(Endpoint(str(there), upstream.port)))


def is_local(endpoint: Endpoint) -> bool:
    """Whether the address is one of this box's own.

    The routing table decides: the source address towards an own address is that address.  bind() would accept every
    address where ip_nonlocal_bind is set, as it is with VRRP."""
    if ipaddress.ip_address(endpoint.host).is_loopback:
        return True
    with socket.socket(_family(endpoint), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(endpoint)
        except OSError:  # no route, so it is not here
            return False
        source = ipaddress.ip_address(probe.getsockname()[0])
    return source.packed == ipaddress.ip_address(endpoint.host).packed


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET

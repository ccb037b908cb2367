"""Whose an address is: what counts as one client, where places, turns or questions are limited for each."""

import ipaddress
from typing import Final

HOUSEHOLD_SHIFT: Final = 128 - 56  # RFC 6177: a /56 is a household; its devices take any address in it

Client = int | str


def client_address(remote: str | None) -> str | None:
    """The client's address; an IPv4 one also where it came to an IPv6 socket; None for what is no address."""
    try:
        found = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def client_of(address: str) -> Client:
    """Whom an address counts for: itself, or its IPv6 /56, as for rates (fastpath/dns/admission.pyx).

    Cost: 2 µs.   Raises ValueError"""
    found = ipaddress.ip_address(address)
    return address if isinstance(found, ipaddress.IPv4Address) else int(found) >> HOUSEHOLD_SHIFT

"""Who a client of a page is: its address, and the network that counts as one client."""

import ipaddress

CLIENT_PREFIX6 = 56  # what a household is given at most times; its devices take any address in it


def client_address(remote: str | None) -> str | None:
    """The client's address; an IPv4 one also where it came to an IPv6 socket; None for what is no address."""
    try:
        found = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def client_network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /56 of an IPv6 one.   address  of client_address()"""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((found, CLIENT_PREFIX6), strict=False))

"""Which line an address belongs to, from the database: for the few who ask a page, never for packets."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from sqlalchemy import Connection

from parental.policy.addresses import holder_of
from parental.policy.profiles import get_profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import get_subscriber


def find_subscriber(conn: Connection, address: IPv4Address | IPv6Address) -> Subscriber | None:
    """The line that holds the address, with the profile that holds for this address: a device may have another.

    Cost: one index look-up, since held prefixes never overlap."""
    row = holder_of(conn, ip_network(address))
    if row is None:
        return None
    line = get_subscriber(conn, row.line)
    return line if row.profile is None else replace(line, profile=get_profile(conn, row.profile))

"""Which subscriber an address belongs to, from the database: for the few who ask a page, never for packets."""

from ipaddress import IPv4Address, IPv6Address

from sqlalchemy import Connection, and_, select

from parental.schema.lines import addresses
from parental.store import get_subscriber
from parental.subscriber import Subscriber


def find_subscriber(conn: Connection, address: IPv4Address | IPv6Address) -> Subscriber | None:
    """The subscriber that holds the address.   Cost: one index look-up, since held prefixes never overlap."""
    row = conn.execute(
        select(addresses)
        .where(and_(addresses.c.version == address.version, addresses.c.first <= address.packed))
        .order_by(addresses.c.first.desc())
        .limit(1)
    ).one_or_none()
    return get_subscriber(conn, row.subscriber) if row is not None and row.last >= address.packed else None

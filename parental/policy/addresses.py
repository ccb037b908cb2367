"""Addresses of lines in the database: held by one line each, and remembered for a time after they were released.

Invariants: no address belongs to two lines, checked inside the transaction; an address that a line lost is remembered
as released until the next base image is written; one that a line keeps keeps its device's profile, too.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, select

from parental.policy.subscriber import Network
from parental.store.errors import BadSubscriber
from parental.store.schema.lines import addresses, released_addresses


class HeldPrefix(NamedTuple):
    """A prefix of a line.   first, last  addresses, in network order;   profile  of a device; None: the line's"""

    line: int
    first: bytes
    last: bytes
    prefix_length: int
    profile: int | None

    @property
    def network(self) -> Network:
        return network_of(self.first, self.prefix_length)


# Made once: to make one takes as long as to run it, and provisioning asks of each prefix and line.
_NEAREST = (
    select(*addresses.c[HeldPrefix._fields])
    .where(and_(addresses.c.version == bindparam("of_version"), addresses.c.first <= bindparam("at_most")))
    .order_by(addresses.c.first.desc())
    .limit(1)
)
_OF_LINE = (
    select(*addresses.c[HeldPrefix._fields])
    .where(addresses.c.line == bindparam("of_line"))
    .order_by(addresses.c.version, addresses.c.first)
)


def hold_only(conn: Connection, line: int, wanted: Sequence[Network], revision: int) -> set[int]:
    """Give a line these prefixes and no others; the profiles of devices that lost theirs.

    Raises BadSubscriber where an address belongs to another line."""
    held = {each.network: each for each in held_by(conn, line)}
    lost = held.keys() - set(wanted)
    release(conn, lost, revision)
    for prefix in lost:
        conn.execute(delete(addresses).where(is_of(prefix)))
    for prefix in wanted:
        if prefix not in held:
            _claim(conn, prefix, line)
    return {profile for prefix in lost if (profile := held[prefix].profile) is not None}


def release(conn: Connection, prefixes: Iterable[Network], revision: int) -> None:
    """Record these prefixes as released."""
    for prefix in prefixes:
        conn.execute(delete(released_addresses).where(released_addresses.c.prefix == str(prefix)))
        conn.execute(insert(released_addresses).values(prefix=str(prefix), revision=revision))


def released_since(conn: Connection, since_revision: int) -> list[Network]:
    """Prefixes released after `since_revision`; others may hold them, or parts of them, by now."""
    found = conn.execute(
        select(released_addresses.c.prefix)
        .where(released_addresses.c.revision > since_revision)
        .order_by(released_addresses.c.prefix)
    )
    return [ipaddress.ip_network(text) for text in found.scalars()]


def forget_released(conn: Connection, up_to_revision: int) -> None:
    """Drop releases that a base image written at `up_to_revision` already includes."""
    conn.execute(delete(released_addresses).where(released_addresses.c.revision <= up_to_revision))


def held_by(conn: Connection, line: int) -> list[HeldPrefix]:
    """The prefixes of a line, by version and address."""
    return list(map(HeldPrefix._make, conn.execute(_OF_LINE, {"of_line": line})))


def holder_of(conn: Connection, prefix: Network) -> HeldPrefix | None:
    """The held prefix that shares addresses with `prefix`.   Cost: one index lookup"""
    at = {"of_version": prefix.version, "at_most": prefix.broadcast_address.packed}
    before = conn.execute(_NEAREST, at).one_or_none()
    return HeldPrefix._make(before) if before is not None and before.last >= prefix.network_address.packed else None


def network_of(first: bytes, prefix_length: int) -> Network:
    """A prefix, by its columns."""
    return ipaddress.ip_network((first, prefix_length))


def is_of(prefix: Network) -> ColumnElement[bool]:
    """Chooses the row of a prefix that is held."""
    return and_(addresses.c.version == prefix.version, addresses.c.first == prefix.network_address.packed)


def _claim(conn: Connection, prefix: Network, line: int) -> None:
    """Give a prefix to a line."""
    holder = holder_of(conn, prefix)
    if holder is not None:
        raise BadSubscriber(
            f"prefix: {prefix} shares addresses with {holder.network} of subscriber {holder.line}; "
            "not accepted; release it there first"
        )
    first, last = prefix.network_address.packed, prefix.broadcast_address.packed
    conn.execute(
        insert(addresses).values(
            version=prefix.version, first=first, last=last, prefix_length=prefix.prefixlen, line=line
        )
    )

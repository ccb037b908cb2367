"""Device tokens for DNS over TLS and HTTPS: the line's rules apply to the device in any network.

Invariants: a token is shown once and not stored, only the address that images have for it
(fastpath.images.subscribers); a device has one token, and a new one ends the old; a line's devices go with the line.
"""

import base64
import re
import secrets
from collections.abc import Iterator
from ipaddress import IPv6Network

from sqlalchemy import Connection, and_, delete, func, insert, select

from fastpath.images.subscribers import device_address
from parental.errors import BadSubscriber, NoSubscriber
from parental.schema.lines import devices, subscribers
from parental.store import release, touch

MAX_DEVICES = 64  # of a line; a family has a dozen, a school gives its tablets one between them
TOKEN_OCTETS = 16
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def put_device(conn: Connection, subscriber: int, name: str) -> str:
    """Create a token for a device and return it; its previous token becomes invalid.

    name   for example ali-phone.   Raises BadSubscriber for a name that is not valid or one device too many,
    NoSubscriber."""
    if not _NAME.fullmatch(name):
        raise BadSubscriber(
            f"device: {name[:40]!r} is no name; no token created; write a-z, 0-9 and '-', at most 32 characters"
        )
    revision = touch(conn, subscriber)
    _forget(conn, subscriber, name, revision)
    held = conn.execute(select(func.count()).select_from(devices).where(devices.c.subscriber == subscriber))
    if held.scalar_one() >= MAX_DEVICES:
        raise BadSubscriber(f"device: {name}: one too many; no token created; a line has at most {MAX_DEVICES}")
    token = base64.b32encode(secrets.token_bytes(TOKEN_OCTETS)).decode("ascii").rstrip("=").lower()
    conn.execute(insert(devices).values(subscriber=subscriber, name=name, address=device_address(token)))
    return token


def delete_device(conn: Connection, subscriber: int, name: str) -> None:
    """Revoke a device's token.   Raises NoSubscriber if the device does not exist."""
    revision = touch(conn, subscriber)
    if not _forget(conn, subscriber, name, revision):
        raise NoSubscriber(
            f"subscriber {subscriber}: has no device {name[:40]!r}; nothing done; see its list of devices"
        )


def device_names(conn: Connection, subscriber: int) -> list[str]:
    """The names of a line's devices."""
    rows = conn.execute(select(devices.c.name).where(devices.c.subscriber == subscriber).order_by(devices.c.name))
    return list(rows.scalars())


def iter_addresses(conn: Connection, since_revision: int = 0) -> Iterator[tuple[str, int]]:
    """(prefix, subscriber) of every device of the lines that changed after `since_revision`, as an image has them."""
    rows = conn.execute(
        select(devices.c.address, devices.c.subscriber)
        .join(subscribers, subscribers.c.id == devices.c.subscriber)
        .where(subscribers.c.revision > since_revision)
        .order_by(devices.c.subscriber, devices.c.address)
    )
    for address, subscriber in rows:
        yield f"{address}/128", subscriber


def _forget(conn: Connection, subscriber: int, name: str, revision: int) -> bool:
    is_it = and_(devices.c.subscriber == subscriber, devices.c.name == name)
    address = conn.execute(select(devices.c.address).where(is_it)).scalar_one_or_none()
    if address is None:
        return False
    release(conn, [IPv6Network(address)], revision)
    conn.execute(delete(devices).where(is_it))
    return True

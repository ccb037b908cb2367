"""Device tokens for DNS over TLS and HTTPS: a profile's rules apply to the device in any network: the line's, or the
profile that it was given.

Invariants: a token is shown once and not stored, only the address that images have for it
(fastpath.images.subscribers); a device has one token, and a new one ends the old; a line's devices go with the line.
"""

import base64
import re
import secrets
from ipaddress import IPv6Network
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from fastpath.images.subscribers import device_address
from parental.policy.addresses import release
from parental.policy.profiles import touch
from parental.policy.subscribers import profile_of
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.schema.lines import devices

MAX_DEVICES = 64  # of a line; a family has a dozen, a school gives its tablets one between them
TOKEN_OCTETS = 16
_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Device(NamedTuple):
    """A device that has a token.   address  that images have for it;   profile  None: the line's"""

    line: int
    name: str
    address: str
    profile: int | None


def put_device(conn: Connection, subscriber: int, name: str) -> str:
    """Create a token for a device and return it; its previous token becomes invalid, and its profile stays.

    name   for example ali-phone.   Raises BadSubscriber for a name that is not valid or one device too many,
    NoSubscriber."""
    if not _NAME.fullmatch(name):
        raise BadSubscriber(
            f"device: {name[:40]!r} is no name; no token created; write a-z, 0-9 and '-', at most 32 characters"
        )
    found = find_device(conn, subscriber, name)
    profile = found.profile if found else None
    revision = touch(conn, profile or profile_of(conn, subscriber))
    _forget(conn, found, revision)
    held = conn.execute(select(func.count()).select_from(devices).where(devices.c.line == subscriber))
    if held.scalar_one() >= MAX_DEVICES:
        raise BadSubscriber(f"device: {name}: one too many; no token created; a line has at most {MAX_DEVICES}")
    token = base64.b32encode(secrets.token_bytes(TOKEN_OCTETS)).decode("ascii").rstrip("=").lower()
    row = {"line": subscriber, "name": name, "address": device_address(token), "profile": profile}
    conn.execute(insert(devices).values(row))
    return token


def delete_device(conn: Connection, subscriber: int, name: str) -> None:
    """Revoke a device's token.   Raises NoSubscriber if the device does not exist."""
    home, found = profile_of(conn, subscriber), find_device(conn, subscriber, name)
    if found is None:
        raise NoSubscriber(
            f"subscriber {subscriber}: has no device {name[:40]!r}; nothing done; see its list of devices"
        )
    _forget(conn, found, touch(conn, found.profile or home))


def find_device(conn: Connection, subscriber: int, name: str) -> Device | None:
    """A device that has a token."""
    row = conn.execute(select(*devices.c[Device._fields]).where(_is_it(subscriber, name))).one_or_none()
    return None if row is None else Device._make(row)


def device_names(conn: Connection, subscriber: int) -> list[str]:
    """The names of a line's devices."""
    rows = conn.execute(select(devices.c.name).where(devices.c.line == subscriber).order_by(devices.c.name))
    return list(rows.scalars())


def _forget(conn: Connection, found: Device | None, revision: int) -> None:
    if found is not None:
        release(conn, [IPv6Network(found.address)], revision)
        conn.execute(delete(devices).where(_is_it(found.line, found.name)))


def _is_it(subscriber: int, name: str) -> ColumnElement[bool]:
    return and_(devices.c.line == subscriber, devices.c.name == name)

"""Subscribers in the database: a subscriber is a line with the profile that it answers to, in an account.

A new one gets an account and a profile of its own number.  Its profile may be a child's, whose number is another; what
is changed then is what the child has, on every line and device.

Invariants: no address belongs to two lines; what is not said of a line stays; a line's devices go with it, and an
account with its last line.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select, update

from parental.policy import profiles as rules
from parental.policy.addresses import hold_only, network_of, release
from parental.policy.held import BATCH
from parental.policy.profile import Profile
from parental.policy.profiles import create_profile, load_profiles, put_profile, touch_all
from parental.policy.schedule import Schedule
from parental.policy.subscriber import Network, Subscriber
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.revision import LOST_NAMES, REVISION, raise_revision
from parental.store.schema.lines import addresses, devices, line_names, lines, profiles
from parental.store.schema.people import accounts

_LABELS: Select[Any] = select(lines.c.id, lines.c.label, lines.c.profile)


def put_subscriber(conn: Connection, subscriber: Subscriber, at: datetime | None = None) -> None:
    """Create or replace a line with its prefixes, and what its profile says.

    at  as put_line()
    Raises BadSubscriber where an address belongs to another line; nothing is changed then if the transaction ends."""
    if not put_line(conn, subscriber, at):
        put_profile(conn, profile_of(conn, subscriber.id), subscriber.profile)


def put_line(conn: Connection, line: Subscriber, at: datetime | None = None) -> bool:
    """Create a line, or give it another label and other prefixes; whether it is new.   A profile that there is stays.

    at  when a new account begins; None: now
    Raises BadSubscriber where an address belongs to another line"""
    revision = raise_revision(conn, REVISION)
    changed = conn.execute(update(lines).where(lines.c.id == line.id).values(label=line.label))
    is_new = changed.rowcount == 0
    if is_new:
        _create(conn, line, revision, at or datetime.now(UTC))
    touched = hold_only(conn, line.id, line.prefixes, revision)
    touch_all(conn, touched | {profile_of(conn, line.id)}, revision)
    return is_new


def get_subscriber(conn: Connection, subscriber: int) -> Subscriber:
    """One line with its profile.   Raises NoSubscriber."""
    rows = conn.execute(_LABELS.where(lines.c.id == subscriber)).all()
    if not rows:
        raise _nobody(subscriber)
    return _load(conn, rows)[0]


def iter_subscribers(conn: Connection, after: int = 0, batch: int = BATCH) -> Iterator[Subscriber]:
    """Lines by rising number, above `after`.   Memory and queries: by `batch` of them, at most BATCH"""
    chosen = _LABELS.order_by(lines.c.id).limit(batch)
    while rows := conn.execute(chosen.where(lines.c.id > after)).all():
        yield from _load(conn, rows)
        if len(rows) < batch:
            return
        after = rows[-1].id


def page_of_profiles(conn: Connection, after: int, limit: int) -> list[tuple[int, str, Profile]]:
    """Number, label and profile of at most `limit` lines by rising number, above `after`.   limit  at most BATCH"""
    rows = conn.execute(_LABELS.where(lines.c.id > after).order_by(lines.c.id).limit(limit)).all()
    known = _profiles(conn, rows) if rows else {}
    return [(row.id, row.label, known[row.profile]) for row in rows]


def delete_subscriber(conn: Connection, subscriber: int) -> None:
    """Delete a line with its addresses, devices and own profile, and the account with its last line.

    Raises NoSubscriber."""
    revision = raise_revision(conn, REVISION)
    touched = {profile_of(conn, subscriber), *hold_only(conn, subscriber, (), revision)}
    held = conn.execute(select(devices).where(devices.c.line == subscriber)).all()
    release(conn, [ipaddress.ip_network(device.address) for device in held], revision)
    touched |= {device.profile for device in held} - {None}
    leave_profile(conn, subscriber, revision)
    if conn.execute(select(line_names.c.line).where(line_names.c.line == subscriber).limit(1)).first() is not None:
        raise_revision(conn, LOST_NAMES)
    account = conn.execute(delete(lines).where(lines.c.id == subscriber).returning(lines.c.account)).scalar_one()
    conn.execute(delete(profiles).where(profiles.c.id == subscriber))
    touch_all(conn, touched, revision)
    delete_empty(conn, account)


def profile_of(conn: Connection, line: int) -> int:
    """The number of the profile that a line answers to.   Raises NoSubscriber"""
    found = conn.execute(select(lines.c.profile).where(lines.c.id == line)).scalar_one_or_none()
    if found is None:
        raise _nobody(line)
    return int(found)


def leave_profile(conn: Connection, profile: int, revision: int) -> None:
    """Have the lines and devices that answer to a profile which ends answer to what they had without it: a line to its
    own, a device to its line's."""
    leaving = lines.c.profile == profile, lines.c.id != profile
    back = list(conn.execute(select(lines.c.id).where(*leaving)).scalars())
    conn.execute(update(lines).where(*leaving).values(profile=lines.c.id))
    for table in (addresses, devices):
        of_device = table.c.profile == profile
        ids = select(table.c.line).where(of_device)
        back += conn.execute(select(lines.c.profile).where(lines.c.id.in_(ids))).scalars()
        conn.execute(update(table).where(of_device).values(profile=None))
    touch_all(conn, back, revision)


def delete_empty(conn: Connection, account: int) -> None:
    """Delete an account, with all that is in it, where it has no line any more."""
    if conn.execute(select(lines.c.id).where(lines.c.account == account).limit(1)).first() is None:
        conn.execute(delete(accounts).where(accounts.c.id == account))


def set_schedule(conn: Connection, subscriber: int, schedule: Schedule) -> None:
    """Replace the closed intervals and their zone.   Raises NoSubscriber, BadProfile for too many intervals."""
    rules.set_schedule(conn, profile_of(conn, subscriber), schedule)


def pause(conn: Connection, subscriber: int, until: datetime | None) -> None:
    """Lock a line now, until an instant (aware) or, with None, until resumed.   Raises NoSubscriber."""
    rules.pause(conn, profile_of(conn, subscriber), until)


def resume(conn: Connection, subscriber: int) -> None:
    """End a pause; a schedule still applies.   Raises NoSubscriber."""
    rules.resume(conn, profile_of(conn, subscriber))


def _create(conn: Connection, line: Subscriber, revision: int, at: datetime) -> None:
    """A line with a profile of its number, in the account of its number."""
    if conn.execute(select(profiles.c.id).where(profiles.c.id == line.id)).first() is not None:
        raise BadSubscriber(f"id: {line.id} is the number of a child's profile; not accepted; give the line another")
    if conn.execute(select(accounts.c.id).where(accounts.c.id == line.id)).first() is None:
        conn.execute(insert(accounts).values(id=line.id, created_s=int(at.timestamp())))
    create_profile(conn, line.id, line.id, line.profile, revision)
    conn.execute(insert(lines).values(id=line.id, label=line.label, account=line.id, profile=line.id))


def _nobody(subscriber: int) -> NoSubscriber:
    return NoSubscriber(f"subscriber {subscriber}: does not exist; nothing done; see the list of subscribers")


def _load(conn: Connection, rows: Sequence[Row[Any]]) -> list[Subscriber]:
    """The lines of one to BATCH rows of _LABELS, which are all that there are between the first and the last."""
    held: Select[Any] = select(addresses.c.line, addresses.c.first, addresses.c.prefix_length)
    held = held.where(addresses.c.line.in_(select(lines.c.id).where(_between(rows))))
    prefixes: dict[int, list[Network]] = {}
    for row in conn.execute(held.order_by(addresses.c.version, addresses.c.first)).all():
        prefixes.setdefault(row.line, []).append(network_of(row.first, row.prefix_length))
    known = _profiles(conn, rows)
    return [Subscriber(row.id, row.label, tuple(prefixes.get(row.id, ())), known[row.profile]) for row in rows]


def _profiles(conn: Connection, rows: Sequence[Row[Any]]) -> dict[int, Profile]:
    return load_profiles(conn, select(lines.c.profile).where(_between(rows)))


def _between(rows: Sequence[Row[Any]]) -> ColumnElement[bool]:
    return lines.c.id.between(rows[0].id, rows[-1].id)

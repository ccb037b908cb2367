"""Stores subscribers and their profiles in the database.

Every change raises the room's revision and stamps what it touched, so that a delta image can be written from "what has
changed since revision R" without keeping anything in memory.

Invariants: a subscriber has exactly one profile; no address belongs to two subscribers, checked inside the transaction;
an address that a subscriber lost is remembered as released until the next base image is written.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from parental.errors import BadProfile, BadSubscriber, NoSubscriber
from parental.profile import NO_SAFE_SEARCH, NOT_PAUSED, UNTIL_RESUMED, Profile
from parental.schedule import Interval, Schedule
from parental.schema.lines import (
    addresses,
    blocked_categories,
    closed_intervals,
    devices,
    dns_wishes,
    released_addresses,
    revision_times,
    revisions,
    subscribers,
)
from parental.subscriber import Network, Subscriber

REVISION = "parental"
_BATCH = 500  # bound values of one statement; SQLite takes at least 999


def raise_revision(conn: Connection, name: str) -> int:
    """Count a change of `name` and return its number; unique, since a writer is alone."""
    value = current_revision(conn, name) + 1
    conn.execute(delete(revisions).where(revisions.c.name == name))
    conn.execute(insert(revisions).values(name=name, value=value))
    return value


def current_revision(conn: Connection, name: str = REVISION) -> int:
    """The number of the last change of `name`; 0: none yet."""
    return conn.execute(select(revisions.c.value).where(revisions.c.name == name)).scalar_one_or_none() or 0


def put_subscriber(conn: Connection, subscriber: Subscriber) -> None:
    """Create or replace a subscriber with addresses and profile.

    Raises BadSubscriber where an address belongs to another line; nothing is changed then if the transaction ends."""
    revision = raise_revision(conn, REVISION)
    _release(conn, subscriber.id, set(subscriber.prefixes), revision)
    row = {
        "label": subscriber.label,
        "zone": subscriber.profile.schedule.zone,
        "paused_until_s": subscriber.profile.paused_until_s,
        "revision": revision,
    }
    changed = conn.execute(update(subscribers).where(subscribers.c.id == subscriber.id).values(**row))
    if changed.rowcount == 0:
        conn.execute(insert(subscribers).values(id=subscriber.id, **row))
    for prefix in subscriber.prefixes:
        _claim(conn, prefix, subscriber.id)
    _set_categories(conn, subscriber.id, subscriber.profile.blocked_categories)
    _set_wishes(conn, subscriber.id, subscriber.profile)
    _set_intervals(conn, subscriber.id, subscriber.profile.schedule.intervals)


def get_subscriber(conn: Connection, subscriber: int) -> Subscriber:
    """One subscriber.   Raises NoSubscriber."""
    found = list(_load(conn, [subscriber]))
    if not found:
        raise NoSubscriber(f"subscriber {subscriber}: does not exist; nothing done; see the list of subscribers")
    return found[0]


def iter_subscribers(conn: Connection, after: int = 0, since_revision: int = 0) -> Iterator[Subscriber]:
    """Subscribers by rising id, above `after`, changed after `since_revision`.   Memory: 500 of them at a time."""
    chosen = select(subscribers.c.id).where(subscribers.c.revision > since_revision).order_by(subscribers.c.id)
    while ids := list(conn.execute(chosen.where(subscribers.c.id > after).limit(_BATCH)).scalars()):
        yield from _load(conn, ids)
        after = ids[-1]


def delete_subscriber(conn: Connection, subscriber: int) -> None:
    """Delete a subscriber with its addresses and devices.   Raises NoSubscriber."""
    revision = raise_revision(conn, REVISION)
    _release(conn, subscriber, set(), revision)
    held = conn.execute(select(devices.c.address).where(devices.c.subscriber == subscriber)).scalars()
    release(conn, map(ipaddress.ip_network, held.all()), revision)
    if conn.execute(delete(subscribers).where(subscribers.c.id == subscriber)).rowcount == 0:
        raise NoSubscriber(f"subscriber {subscriber}: does not exist; nothing done; see the list of subscribers")


def set_schedule(conn: Connection, subscriber: int, schedule: Schedule) -> None:
    """Replace the closed intervals and their zone.   Raises NoSubscriber, BadProfile for too many intervals."""
    Profile(schedule=schedule)
    touch(conn, subscriber, zone=schedule.zone)
    _set_intervals(conn, subscriber, schedule.intervals)


def pause(conn: Connection, subscriber: int, until: datetime | None) -> None:
    """Lock a subscriber now, until an instant (aware) or, with None, until resumed.   Raises NoSubscriber."""
    if until is not None and until.tzinfo is None:
        raise BadProfile("pause: the instant has no zone; not paused; give it one")
    # rounded up: the pause never ends before the promised instant
    touch(conn, subscriber, paused_until_s=UNTIL_RESUMED if until is None else -int(-until.timestamp() // 1))


def resume(conn: Connection, subscriber: int) -> None:
    """End a pause; a schedule still applies.   Raises NoSubscriber."""
    touch(conn, subscriber, paused_until_s=NOT_PAUSED)


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


def mark_revision(conn: Connection, time_s: int, before_s: int) -> int:
    """Note which revision there is at `time_s`; returns the one that there was at `before_s`, 0: not known."""
    now = current_revision(conn)
    if conn.execute(select(revision_times.c.revision).where(revision_times.c.revision == now)).first() is None:
        conn.execute(insert(revision_times).values(revision=now, time_s=time_s))
    due = revision_times.c.time_s <= before_s
    found: int | None = conn.execute(select(func.max(revision_times.c.revision)).where(due)).scalar_one()
    if found is None:
        return 0
    conn.execute(delete(revision_times).where(revision_times.c.revision < found))
    return found


def touch(conn: Connection, subscriber: int, **values: Any) -> int:
    """Stamp a subscriber as changed, with new values or without; the revision of it.   Raises NoSubscriber."""
    revision = raise_revision(conn, REVISION)
    changed = conn.execute(
        update(subscribers).where(subscribers.c.id == subscriber).values(revision=revision, **values)
    )
    if changed.rowcount == 0:
        raise NoSubscriber(f"subscriber {subscriber}: does not exist; nothing done; see the list of subscribers")
    return revision


def release(conn: Connection, prefixes: Iterable[Network], revision: int) -> None:
    """Record these prefixes as released."""
    for prefix in prefixes:
        conn.execute(delete(released_addresses).where(released_addresses.c.prefix == str(prefix)))
        conn.execute(insert(released_addresses).values(prefix=str(prefix), revision=revision))


def _release(conn: Connection, subscriber: int, kept: set[Network], revision: int) -> None:
    """Take the subscriber's addresses away; remember those it does not keep."""
    held = conn.execute(select(addresses).where(addresses.c.subscriber == subscriber)).all()
    release(conn, {_network(row) for row in held} - kept, revision)
    conn.execute(delete(addresses).where(addresses.c.subscriber == subscriber))


def _claim(conn: Connection, prefix: Network, subscriber: int) -> None:
    """Give a prefix to a subscriber.   Cost: one index lookup, since held prefixes never overlap."""
    first, last = prefix.network_address.packed, prefix.broadcast_address.packed
    before = conn.execute(
        select(addresses)
        .where(and_(addresses.c.version == prefix.version, addresses.c.first <= last))
        .order_by(addresses.c.first.desc())
        .limit(1)
    ).one_or_none()
    if before is not None and before.last >= first:
        raise BadSubscriber(
            f"prefix: {prefix} shares addresses with {_network(before)} of subscriber {before.subscriber}; "
            "not accepted; release it there first"
        )
    conn.execute(
        insert(addresses).values(
            version=prefix.version, first=first, last=last, prefix_length=prefix.prefixlen, subscriber=subscriber
        )
    )


def _set_categories(conn: Connection, subscriber: int, categories: Iterable[str]) -> None:
    conn.execute(delete(blocked_categories).where(blocked_categories.c.subscriber == subscriber))
    for category in sorted(categories):
        conn.execute(insert(blocked_categories).values(subscriber=subscriber, category=category))


def _set_wishes(conn: Connection, subscriber: int, profile: Profile) -> None:
    conn.execute(delete(dns_wishes).where(dns_wishes.c.subscriber == subscriber))
    if profile.safe_search != NO_SAFE_SEARCH or profile.canaries:
        wishes = {"safe_search": profile.safe_search, "canaries": profile.canaries}
        conn.execute(insert(dns_wishes).values(subscriber=subscriber, **wishes))


def _set_intervals(conn: Connection, subscriber: int, intervals: Iterable[Interval]) -> None:
    conn.execute(delete(closed_intervals).where(closed_intervals.c.subscriber == subscriber))
    for interval in sorted(set(intervals)):
        conn.execute(
            insert(closed_intervals).values(
                subscriber=subscriber,
                weekday=interval.weekday,
                start_minute=interval.start_minute,
                minutes=interval.minutes,
            )
        )


def _network(row: Row[Any]) -> Network:
    return ipaddress.ip_network((row.first, row.prefix_length))


def _load(conn: Connection, ids: list[int]) -> Iterator[Subscriber]:
    """The subscribers of at most _BATCH ids, by rising id."""
    prefixes: dict[int, list[Network]] = {}
    categories: dict[int, set[str]] = {}
    intervals: dict[int, list[Interval]] = {}
    wishes: dict[int, tuple[str, bool]] = {}
    for row in conn.execute(
        select(addresses).where(addresses.c.subscriber.in_(ids)).order_by(addresses.c.version, addresses.c.first)
    ):
        prefixes.setdefault(row.subscriber, []).append(_network(row))
    for row in conn.execute(select(blocked_categories).where(blocked_categories.c.subscriber.in_(ids))):
        categories.setdefault(row.subscriber, set()).add(row.category)
    for row in conn.execute(select(dns_wishes).where(dns_wishes.c.subscriber.in_(ids))):
        wishes[row.subscriber] = (row.safe_search, row.canaries)
    for row in conn.execute(select(closed_intervals).where(closed_intervals.c.subscriber.in_(ids))):
        intervals.setdefault(row.subscriber, []).append(Interval(row.weekday, row.start_minute, row.minutes))
    for row in conn.execute(select(subscribers).where(subscribers.c.id.in_(ids)).order_by(subscribers.c.id)):
        schedule = Schedule(tuple(sorted(intervals.get(row.id, ()))), row.zone)
        wished = wishes.get(row.id, (NO_SAFE_SEARCH, False))
        profile = Profile(frozenset(categories.get(row.id, ())), schedule, row.paused_until_s, *wished)
        yield Subscriber(row.id, row.label, tuple(prefixes.get(row.id, ())), profile)

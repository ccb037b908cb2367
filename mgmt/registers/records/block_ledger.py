"""Ledger of blocks: what was blocked, never who asked for what.

A block is recorded with the rule that matched and a pseudonym of the subscriber; a CSAM block is a count and nothing
else; what was allowed leaves no trace.  Identical blocks of one second are one row with a count.

Invariants: no name that was asked for, no address and no subscriber's number is ever written; a pseudonym needs two
keys, the day's from the database and the node's from a file, so forgetting either makes the past unreadable.
Source: semantics §9; HMAC: RFC 2104.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, false, func, insert, or_, select, tuple_

from mgmt.registers.records.holds.scope import Scope, day_text, is_held
from parental.store.database import upsert
from parental.store.revision import current_revision, raise_revision
from parental.store.schema.orders import orders
from parental.store.schema.records import UNKNOWN_PROVINCE, blocks, csam_counts, day_keys, spool_positions

PSEUDONYM_OCTETS = 16
CSAM, HELP = "csam", "help"
# Reasons of blocks that a household has chosen.
HOUSEHOLD = ("pause", "schedule", "quota", "soft-lock", "category", "household")
# A province follows from the subscriber: it makes no second row of what is one.
_IDENTITY = [column.name for column in blocks.columns if column.name not in ("id", "count", "province")]
GONE = "blocks gone before"  # the revision that says up to when records were destroyed, in unix seconds
DAY_S = 86_400
_PAGE = 1000  # rows of one read: a few hundred kilobytes


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """Equal blocks of one second, as the event drain reads them.

    time_s      unix seconds;   channel  dns, sni, http, quic, lock, address
    action, reason  as fastpath.images.verdict names them, in lower case
    list, rule  what matched; '' for a lock;   order  its number, 0: none;   category  its name, '' for none
    generation  of the names image (of the policy image for a lock)
    subscriber  its number; None: the address is no subscriber's;   count  how many blocks
    province    where its line is, by ISO 3166-2, or UNKNOWN_PROVINCE, as of each block that a household has chosen"""

    time_s: int
    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    subscriber: int | None
    count: int = 1
    province: str = UNKNOWN_PROVINCE


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """Equal blocks of one second, as the database has them.

    pseudonym  '' for an address of no subscriber;   order_ref, order_issuer  what page_of_blocks() says of the order"""

    id: int
    time_s: int
    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    pseudonym: str
    count: int
    province: str
    order_ref: str | None = None
    order_issuer: str | None = None


_STORED = [blocks.c[field.name] for field in fields(StoredBlock) if field.name in blocks.c]
_WITH_ORDER = [*_STORED, orders.c.ref, orders.c.issuer]


@dataclass(frozen=True, slots=True)
class CsamCount:
    """Blocks of one hour, node, list and channel."""

    hour_s: int
    node: str
    list: str
    channel: str
    count: int


class Position(NamedTuple):
    """How far a worker's spool has been read."""

    segment: str
    offset: int


class RecordQuery(NamedTuple):
    """Which records: of since_s <= time < until_s, unix seconds, with all of these that are not None.

    order  its number"""

    since_s: int
    until_s: int
    order: int | None = None
    list: str | None = None
    category: str | None = None
    channel: str | None = None
    province: str | None = None

    def equal(self) -> dict[str, int | str]:
        """Column → what it is to hold."""
        found = self._asdict().items()
        return {name: value for name, value in found if name not in ("since_s", "until_s") and value is not None}


def append_blocks(conn: Connection, records: Iterable[BlockRecord], node_key: bytes) -> int:
    """Write records, folding identical ones; returns how many blocks there were.

    Raises ValueError for a block that must leave no record: CSAM is counted, the help corridor is not logged."""
    counted: Counter[tuple[Any, ...]] = Counter()
    keys: dict[str, bytes] = {}
    for record in records:
        if record.reason in (CSAM, HELP):
            raise ValueError(
                f"block record: reason {record.reason}; not written; count it with add_csam_counts, or drop it"
            )
        day = datetime.fromtimestamp(record.time_s, UTC).date().isoformat()
        if day not in keys:
            keys[day] = day_key(conn, day)
        theirs, pseudonym = record.reason in HOUSEHOLD, ""
        if record.subscriber is not None:
            pseudonym = pseudonym_of(record.subscriber, keys[day], node_key, of_household=theirs)
        counted[*astuple(record)[:-3], pseudonym, record.province] += record.count
    if counted:
        columns = (*_IDENTITY, "province")
        rows = [{**dict(zip(columns, values, strict=True)), "count": count} for values, count in counted.items()]
        added = upsert(conn, blocks)
        add = {"count": blocks.c.count + added.excluded.count}
        conn.execute(added.on_conflict_do_update(index_elements=_IDENTITY, set_=add), rows)
    return counted.total()


def add_csam_counts(conn: Connection, counts: Iterable[CsamCount]) -> None:
    """Add to the counts of CSAM blocks."""
    for found in counts:
        row = upsert(conn, csam_counts).values(
            hour_s=found.hour_s - found.hour_s % 3600,
            node=found.node,
            list=found.list,
            channel=found.channel,
            count=found.count,
        )
        conn.execute(
            row.on_conflict_do_update(
                index_elements=["hour_s", "node", "list", "channel"], set_={"count": csam_counts.c.count + found.count}
            )
        )


def pseudonym_of(subscriber: int, day_key: bytes, node_key: bytes, *, of_household: bool = False) -> str:
    """32 hexadecimal digits that stand for a subscriber for one day, in one of the two ledgers."""
    return keyed_pseudonym(subscriber, pseudonym_key(node_key, day_key, of_household=of_household)).hex()


def pseudonym_key(node_key: bytes, day_key: bytes, *, of_household: bool) -> bytes:
    """The key of a day's pseudonyms: another one for households' own records, so that no one is followed from one to
    the other."""
    key = hmac.digest(node_key, day_key, hashlib.sha256)
    return hmac.digest(key, b"household", hashlib.sha256) if of_household else key


def keyed_pseudonym(subscriber: int, key: bytes) -> bytes:
    """The 16 octets of a pseudonym under a key of pseudonym_key()."""
    return hmac.digest(key, str(subscriber).encode(), hashlib.sha256)[:PSEUDONYM_OCTETS]


def page_of_blocks(
    conn: Connection,
    since_s: int,
    until_s: int,
    after: tuple[int, int],
    without: tuple[str, ...] = (),
    equal: Mapping[str, int | str] = MappingProxyType({}),
    limit: int = _PAGE,
) -> list[StoredBlock]:
    """At most `limit` records of since_s <= time < until_s in order of time.

    after  (time_s, id) of the last one seen;   without  records of these reasons;   equal  of RecordQuery"""
    of_order = blocks.outerjoin(orders, blocks.c.order == orders.c.id)
    found = (
        select(*_WITH_ORDER)
        .select_from(of_order)
        .where(blocks.c.time_s >= max(since_s, after[0]), blocks.c.time_s < until_s)
        .where((blocks.c.time_s > after[0]) | (blocks.c.id > after[1]), blocks.c.reason.not_in(without))
        .where(*(blocks.c[name] == value for name, value in equal.items()))
        .order_by(blocks.c.time_s, blocks.c.id)
        .limit(limit)
    )
    return [StoredBlock(*row) for row in conn.execute(found)]


def oldest_blocks(conn: Connection, limit: int) -> list[StoredBlock]:
    """So many records in the order in which they were written."""
    return [StoredBlock(*row) for row in conn.execute(select(*_STORED).order_by(blocks.c.id).limit(limit))]


def remove_blocks(conn: Connection, rows: Sequence[StoredBlock]) -> int:
    """Remove records that are as they were read; how many of them are other ones by now, and stay."""
    read = [(row.id, row.count) for row in rows]
    conn.execute(delete(blocks).where(tuple_(blocks.c.id, blocks.c.count).in_(read)))
    left = select(func.count()).select_from(blocks).where(blocks.c.id.in_([row.id for row in rows]))
    return int(conn.execute(left).scalar_one())


def count_rows(conn: Connection) -> int:
    """How many records there are."""
    return int(conn.execute(select(func.count()).select_from(blocks)).scalar_one())


def days_of_blocks(conn: Connection) -> frozenset[int]:
    """The days since 1970 of which there are records."""
    return frozenset(conn.execute(select(blocks.c.time_s // DAY_S).distinct()).scalars())


def has_blocks(conn: Connection) -> bool:
    """Whether there is any record."""
    return conn.execute(select(blocks.c.id).limit(1)).first() is not None


def iter_csam_counts(conn: Connection, since_s: int, until_s: int) -> Iterator[CsamCount]:
    """The counts of the hours that begin in since_s <= hour < until_s."""
    found = select(csam_counts).where(csam_counts.c.hour_s >= since_s, csam_counts.c.hour_s < until_s)
    for row in conn.execute(
        found.order_by(csam_counts.c.hour_s, csam_counts.c.node, csam_counts.c.list, csam_counts.c.channel)
    ):
        yield CsamCount(*row)


def destroy_keys(conn: Connection, before_s: float, held: Sequence[Scope] = ()) -> list[str]:
    """Drop the keys of the days that have ended by `before_s` (unix seconds); which days.

    held  but for those that legal holds keep"""
    return _destroy(conn, day_keys.c.day < _day(before_s), held)


def destroy_keys_after(conn: Connection, after_s: float, held: Sequence[Scope] = ()) -> list[str]:
    """Drop the keys of the days that begin later, but for those that legal holds keep; which days."""
    return _destroy(conn, day_keys.c.day > _day(after_s), held)


def forget(
    conn: Connection,
    since_s: int,
    before_s: int | None,
    of_household: bool,
    limit: int,
    held: Sequence[Scope] = (),
) -> int:
    """Drop at most `limit` records of since_s ≤ time < before_s, of households' choices or of all else; how many.

    held  what legal holds keep, of all else"""
    is_theirs = blocks.c.reason.in_(HOUSEHOLD)
    due = select(blocks.c.id).where(blocks.c.time_s >= since_s, is_theirs if of_household else ~is_theirs)
    if held and not of_household:
        due = due.where(~is_held(held))
    if before_s is not None:
        due = due.where(blocks.c.time_s < before_s)
    return conn.execute(delete(blocks).where(blocks.c.id.in_(due.limit(limit)))).rowcount


def note_gone(conn: Connection, before_s: int) -> None:
    """Note that records of before are destroyed, but for what legal holds keep; what was noted stays."""
    if (by := before_s - gone_before_s(conn)) > 0:
        raise_revision(conn, GONE, by)


def gone_before_s(conn: Connection) -> int:
    """Up to when records were destroyed by their age, no matter what age was set at that time.   0: none ever"""
    return current_revision(conn, GONE)


def is_ahead(conn: Connection, after_s: float) -> bool:
    """Whether there are records or keys of a later time."""
    newest = conn.execute(select(func.max(blocks.c.time_s))).scalar_one()
    last_day = conn.execute(select(func.max(day_keys.c.day))).scalar_one()
    return (newest or 0) > after_s or (last_day or "") > _day(after_s)


def read_position(conn: Connection, worker: str) -> Position | None:
    """How far the worker's spool has been drained; None: it never was."""
    row = conn.execute(select(spool_positions).where(spool_positions.c.worker == worker)).one_or_none()
    return None if row is None else Position(row.segment, row.offset)


def write_position(conn: Connection, worker: str, position: Position) -> None:
    """Remember how far a spool has been drained: in the transaction of the records, so that none counts twice."""
    conn.execute(delete(spool_positions).where(spool_positions.c.worker == worker))
    conn.execute(insert(spool_positions).values(worker=worker, segment=position.segment, offset=position.offset))


def remove_position(conn: Connection, worker: str) -> None:
    """Forget how far a spool has been drained."""
    conn.execute(delete(spool_positions).where(spool_positions.c.worker == worker))


def _destroy(conn: Connection, due: ColumnElement[bool], held: Sequence[Scope]) -> list[str]:
    spans = [each.days for each in held if each.keeps_keys]
    kept = [day_keys.c.day.between(day_text(first), day_text(last)) for first, last in spans]
    due = due & ~or_(false(), *kept)
    days = list(conn.execute(select(day_keys.c.day).where(due).order_by(day_keys.c.day)).scalars())
    if days:
        conn.execute(delete(day_keys).where(due))
    return days


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()


def day_key(conn: Connection, day: str) -> bytes:
    """The key of a day (UTC, ISO 8601), made where none exists.   conn: may write"""
    key = known_day_key(conn, day)
    if key is None:
        key = secrets.token_bytes(32)
        conn.execute(insert(day_keys).values(day=day, key=key))
    return key


def known_day_key(conn: Connection, day: str) -> bytes | None:
    """The key of a day; None: none exists."""
    key = conn.execute(select(day_keys.c.key).where(day_keys.c.day == day)).scalar_one_or_none()
    return None if key is None else bytes(key)

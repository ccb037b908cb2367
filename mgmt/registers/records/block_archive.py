"""What the web role asks of the archive, which has the records of blocks where they are files."""

from collections.abc import AsyncGenerator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from msgspec import Struct
from sqlalchemy import Connection, select

from mgmt.registers.records.block_ledger import RecordQuery
from parental.store.schema.orders import orders


class OrderName(NamedTuple):
    """How an order's number is said to people."""

    number: int
    issuer: str
    ref: str


def order_names(conn: Connection) -> list[OrderName]:
    """How all orders are called."""
    return [OrderName(*row) for row in conn.execute(select(orders.c.id, orders.c.issuer, orders.c.ref))]


class FoundRecord(Struct, frozen=True, kw_only=True):
    """One record.   time_s  unix seconds;   order  its number, 0: none;   subscriber  a pseudonym; None: of no line"""

    time_s: int
    channel: str
    action: str
    list: str
    rule: str
    order: int
    category: str
    reason: str
    generation: int
    subscriber: str | None
    count: int
    province: str


class NewestHead(Protocol):
    """A checkpoint.   size  of its tree;   path  from an earlier tree to it (RFC 9162 §2.1.4)"""

    @property
    def note(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def path(self) -> list[bytes]: ...


class ArchiveFailure(Exception):
    """The archive could not be asked, or could not do it; the message says why."""


class Archive(Protocol):
    """Records of blocks of this box, but for those that households have chosen."""

    def pull(self, wanted: RecordQuery, form: str, orders: Sequence[OrderName]) -> AsyncGenerator[bytes]:
        """The records by time, in pieces of their form: "ndjson", "csv" or "parquet".   Raises ArchiveFailure"""
        ...

    async def page(self, wanted: RecordQuery, skip: int, limit: int) -> list[FoundRecord]:
        """At most `limit` records by time, after the first `skip` ones; always in the same order.

        Raises ArchiveFailure"""
        ...

    def bundle(self, first: date, last: date) -> AsyncGenerator[bytes]:
        """The records of these days (UTC) with their proof, as mgmt.ledger.block_verifier reads them.

        Raises ArchiveFailure"""
        ...

    async def record(self, number: int, index: int) -> bytes:
        """One record with its proof.   number  of its batch in the tree;   Raises ArchiveFailure, LookupError"""
        ...

    async def checkpoint(self, earlier: int | None) -> NewestHead:
        """The newest checkpoint, with the path from a tree of `earlier` batches.

        Raises ArchiveFailure, NoCheckpoint"""
        ...

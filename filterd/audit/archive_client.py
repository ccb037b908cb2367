"""mgmt's Archive over archive.sock, and what control asks there.

Invariants: an answer that ends early raises ArchiveFailure, so that no one takes a part for the whole.
"""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar, cast

from msgspec import Struct

from filterd.audit.archive_messages import (
    ArchiveStatus,
    AskArchive,
    AskTree,
    Bundle,
    Close,
    Forget,
    ForgottenDays,
    KeepCheckpoint,
    More,
    NameOrders,
    Newest,
    NewestCheckpoint,
    Page,
    Piece,
    ProofBundle,
    RecordProof,
    Records,
    Search,
    SearchHandle,
    TreeHead,
    TreeSize,
)
from filterd.audit.retention import Due
from filterd.box.places import ARCHIVE, archive_socket
from filterd.process.codec import FailureReply
from filterd.process.json_socket import NoAnswer, ask
from mgmt.ledger.bundle import NoCheckpoint
from mgmt.registers.records.block_archive import ArchiveFailure, FoundRecord, OrderName
from mgmt.registers.records.block_ledger import RecordQuery

TIMEOUT_S = 120.0  # of a piece: a day that is sorted on the disk takes its time
ORDERS_AT_ONCE = 100  # far below a line of the socket, in any letters

Form = Literal["ndjson", "csv", "parquet", "counts"]
T = TypeVar("T")


class ArchiveClient:
    """Satisfies mgmt.registers.records.block_archive.Archive."""

    def __init__(self, run_dir: Path) -> None:
        self._path = archive_socket(run_dir)

    def pull(self, wanted: RecordQuery, form: str, orders: Sequence[OrderName]) -> AsyncGenerator[bytes]:
        return self._pieces(Search(wanted, cast(Form, form)), orders)

    async def page(self, wanted: RecordQuery, skip: int, limit: int) -> list[FoundRecord]:
        return (await self._ask(Page(wanted, skip, limit), Records)).records

    def bundle(self, first: date, last: date) -> AsyncGenerator[bytes]:
        return self._pieces(Bundle(first, last))

    async def record(self, number: int, index: int) -> bytes:
        found = await self._ask(RecordProof(number, index), ProofBundle)
        if found.absent:
            raise LookupError(found.absent)
        return found.octets

    async def checkpoint(self, earlier: int | None) -> Newest:
        found = await self._ask(NewestCheckpoint(earlier), Newest)
        if found.absent:
            raise NoCheckpoint(found.absent)
        return found

    async def tree(self, signed: int) -> TreeHead:
        """How far the tree is, once it has taken what has come.   Raises ArchiveFailure"""
        return await self._ask(AskTree(signed), TreeHead)

    async def keep(self, signed: KeepCheckpoint) -> None:
        """Have a checkpoint kept.   Raises ArchiveFailure"""
        await self._ask(signed, TreeSize)

    async def _pieces(self, begun: Search | Bundle, orders: Sequence[OrderName] = ()) -> AsyncGenerator[bytes]:
        """What a search finds.   Raises ArchiveFailure"""
        number = (await self._ask(begun, SearchHandle)).search
        try:
            for at in range(0, len(orders), ORDERS_AT_ONCE):
                await self._ask(NameOrders(number, list(orders[at : at + ORDERS_AT_ONCE])), SearchHandle)
            while not (piece := await self._ask(More(number), Piece)).is_last:
                yield piece.data
        finally:
            with contextlib.suppress(ArchiveFailure):
                await self._ask(Close(number), SearchHandle)

    async def forget(self, due: Due) -> int:
        """Have the files of records that are old removed; of how many days.   Raises ArchiveFailure"""
        return (await self._ask(Forget(*due[:3], list(due.held)), ForgottenDays)).days

    async def status(self) -> ArchiveStatus:
        """How it is.   Raises ArchiveFailure"""
        return await self._ask(AskArchive(), ArchiveStatus)

    async def _ask(self, request: Struct, kind: type[T]) -> T:
        try:
            reply = await ask(self._path, ARCHIVE, request, kind, TIMEOUT_S)
        except NoAnswer as reason:
            raise ArchiveFailure(f"archive: {reason}; start the role, or look at its log") from reason
        if isinstance(reply, FailureReply):
            raise ArchiveFailure(f"archive: {reply.reason}")
        return reply

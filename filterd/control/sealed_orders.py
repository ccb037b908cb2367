"""The sealed orders, as control keeps them: read once, in force once two persons have agreed, gone when taken back.

    stored by web → its reader counts → (two persons) → bundle → filterd.control.lists compiles it as any sealed list

Invariants: this process has no key, and never what was decrypted; an order whose message cannot be read now is tried
again, and one that never can is rejected; no row is believed (mgmt.orders.sealed_orders).
"""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from filterd.control.base.context import Context
from filterd.images.lists.rails import order_rails_of
from filterd.images.lists.reader_client import ReaderFailure
from filterd.images.lists.sealed_client import sealed_reader_of
from filterd.images.lists.sealed_orders import SealedOrder, bundle_of, source_of_order
from mgmt.orders.sealed_messages import Reading, StoredMessage, is_as_stored, keep_reading, messages, readings
from mgmt.orders.sealed_orders import approve_steps, in_force
from parental.store.database import reading, writing
from rules.base.errors import BadList, BadSource

NOT_AS_STORED: Final = "its message is not the one that was stored with it"

log = logging.getLogger("filterd.control.service")


class SealedOrders:
    """Keeps the bundle of this box.   has_work  may be set: look() has something to do"""

    def __init__(self, context: Context) -> None:
        self.has_work = asyncio.Event()
        self._context = context

    async def look(self) -> None:
        """Have new ones read, and the bundle hold those that are to be in force.   Raises OSError, DatabaseFault

        Where the reader is missing, what is in force stays as the rows say."""
        self.has_work.clear()
        try:
            await asyncio.to_thread(self._read_new)
        finally:
            await asyncio.to_thread(self._put_in_force)

    # ------------------------------------------------------------------------------------------------------------------

    def _read_new(self) -> None:
        """Raises OSError: some wait, and no other one for them."""
        with reading(self._context.engine) as conn:
            new = messages(conn, unread=True)
        failed = []
        for each in new:
            try:
                found = self._read(each)
            except ReaderFailure as reason:
                failed.append(f"order {each.order.id}: {reason}")
                continue
            with writing(self._context.engine) as conn:
                if each.order.id not in readings(conn):  # another gateway may have been quicker
                    keep_reading(conn, each.order.id, found, datetime.now(UTC))
        if failed:
            raise OSError(f"{'; '.join(failed)}; not read, tried again; withdraw what its issuer cannot correct")

    def _read(self, sealed: StoredMessage) -> Reading:
        """Raises OSError: no reader is there, and all wait; ReaderFailure: this one alone."""
        if not is_as_stored(sealed):
            return Reading(0, 0, NOT_AS_STORED)
        try:
            with TemporaryDirectory(prefix="filterd-sealed-order-") as folder:
                copy = Path(folder) / "message"
                copy.write_bytes(sealed.message.octets)
                source = source_of_order(_as_listed(sealed))
                found = sealed_reader_of(self._context.config).examine(copy, source)
        except (BadList, BadSource) as reason:
            return Reading(0, 0, str(reason))
        return Reading(found.n_rules, sum(found.skipped.values()))

    def _put_in_force(self) -> None:
        proof = order_rails_of(self._context.config).proof
        with reading(self._context.engine) as conn:
            chosen = in_force(conn, proof)
        if not bundle_of(self._context.config).put([_as_listed(each) for each in chosen]):
            return
        log.info("sealed orders: %d are to be in force", len(chosen))
        with writing(self._context.engine) as conn:
            approve_steps(conn, {each.order.id for each in chosen}, datetime.now(UTC))


def _as_listed(sealed: StoredMessage) -> SealedOrder:
    return SealedOrder(int(sealed.order.id), sealed.message.format, sealed.message.octets)

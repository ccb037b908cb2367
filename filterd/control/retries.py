"""Retries publication of orders that a worker has not acknowledged: a regulator never has to push an order twice.

Invariants: an order gets its receipt only when every configured worker serves a publication that was made after it was
found waiting; what a client of the API still waits for is left to the API.
"""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Engine

from filterd.control.context import Context
from filterd.control.publisher import Publisher
from filterd.process.worker_clients import ask_status, workers_of
from mgmt.control_protocol import CONTROL_TIMEOUT_S, Receipt, receipt_json
from mgmt.orders.store import Waiting, keep_receipts, mark_enforced, orders_revision, waiting_orders
from parental.database import reading, writing

SETTLE_AFTER = timedelta(seconds=2 * CONTROL_TIMEOUT_S)  # by then the API has answered that it is not in force


async def settle(context: Context, publisher: Publisher, at: datetime) -> None:
    """Publish again where an order waits for its receipt, or a worker serves something else than it should.

    at   now.   Raises CompileFailed, OSError."""
    config, engine = context.config, context.engine
    waiting, revision = await asyncio.to_thread(_find_waiting, engine, at - SETTLE_AFTER)
    served = [status.generations for status in await ask_status(config.run_dir, workers_of(config))]
    is_one_behind = any(generations and generations != publisher.generations for generations in served)
    is_unwritten = bool(waiting) or publisher.has_unwritten_letters
    if is_one_behind or (is_unwritten and all(served)):
        receipt = await publisher.names_changed()
        if all(ack.refused is None for ack in receipt.acks):
            await asyncio.to_thread(_keep, engine, waiting, revision, receipt, config.parental.timezone)


def _find_waiting(engine: Engine, before: datetime) -> tuple[Waiting, int]:
    with reading(engine) as conn:
        return waiting_orders(conn, before), orders_revision(conn)


def _keep(engine: Engine, waiting: Waiting, revision: int, receipt: Receipt, zone: str) -> None:
    with writing(engine) as conn:
        mark_enforced(conn, revision, receipt.generation, receipt.at)
        keep_receipts(conn, waiting, receipt_json(receipt, zone), receipt.at)

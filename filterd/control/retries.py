"""What was stored and did not come into force everywhere is tried again: nobody has to push an order twice.

Invariants: an order gets its receipt only when every configured worker serves a publication that was made after it was
found waiting; what a person is still waiting for in the API is left to the API.
"""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Engine

from filterd.control.client import receipt_of
from filterd.control.service import Control
from filterd.process.worker_clients import ask_status, workers_of
from mgmt.control_protocol import CONTROL_TIMEOUT_S, Receipt, receipt_json
from mgmt.orders.store import Waiting, keep_receipts, mark_enforced, orders_revision, waiting_orders
from parental.database import reading, writing

SETTLE_AFTER = timedelta(seconds=2 * CONTROL_TIMEOUT_S)  # by then whoever pushed has been told that it is not in force


async def settle(control: Control, engine: Engine, at: datetime) -> None:
    """Publish again where an order waits for its receipt, or a worker serves something else than it should.

    at   now.   Raises CompileFailed, OSError."""
    waiting, revision = await asyncio.to_thread(_look, engine, at - SETTLE_AFTER)
    served = [status["generations"] for status in await _statuses(control)]
    in_force = {kind: list(pair) for kind, pair in control.generations.items()}
    is_one_behind = any(generations and generations != in_force for generations in served)
    if is_one_behind or (waiting and all(served)):
        receipt = receipt_of(await control.orders_changed())
        if all(ack.refused is None for ack in receipt.acks):
            await asyncio.to_thread(_keep, engine, waiting, revision, receipt, control.config.parental.timezone)


def _look(engine: Engine, before: datetime) -> tuple[Waiting, int]:
    with reading(engine) as conn:
        return waiting_orders(conn, before), orders_revision(conn)


async def _statuses(control: Control) -> list[dict[str, object]]:
    return await ask_status(control.config.run_dir, workers_of(control.config))


def _keep(engine: Engine, waiting: Waiting, revision: int, receipt: Receipt, zone: str) -> None:
    with writing(engine) as conn:
        mark_enforced(conn, revision, receipt.generation, receipt.at)
        keep_receipts(conn, waiting, receipt_json(receipt, zone))

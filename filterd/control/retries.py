"""Publishes again what is not in force yet: no one has to push an order, or to tap, twice.

    orders   that a worker has not acknowledged, that clock or canary has ended, that were stored and never published
    changes  of another gateway, in a database that several share

Invariants: an order gets its receipt only when every configured worker serves a publication that holds it
(filterd.control.publisher).
"""

import asyncio
from datetime import datetime

from sqlalchemy import Engine, func, select

from filterd.box.errors import ApiRefusal
from filterd.control.base.context import Context
from filterd.control.publisher import Publisher
from filterd.images.lists.rails import canary_of
from filterd.process.control_messages import OrdersUpdate, PolicyUpdate
from filterd.process.worker_clients import ask_status, workers_of
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.base.live import orders_revision
from mgmt.orders.decisions import has_due, is_waiting
from mgmt.orders.phases.canary_rules import Policy
from parental.store.database import reading
from parental.store.revision import current_revision
from parental.store.schema.orders import orders

MOST_TURNS = 8  # looks in a row; who approves many entries at another gateway takes longer for each


async def settle(context: Context, publisher: Publisher, at: datetime) -> None:
    """Publish again where that is due, or a worker serves something else than it should.

    at   now, by the trusted clock.   Raises CompileFailure, OSError."""
    config, engine = context.config, context.engine
    is_due, waits = await asyncio.to_thread(_look, engine, publisher.orders_revision, at, canary_of(config))
    served = [status.generations for status in await ask_status(config.run_dir, workers_of(config))]
    is_one_behind = any(generations and generations != publisher.generations for generations in served)
    is_unwritten = waits or publisher.has_unwritten_letters
    if is_due or is_one_behind or (is_unwritten and all(served)):
        await publisher.names_changed()


class Disagreement(ApiRefusal):
    """Another gateway decides of orders otherwise, and each undoes what the other has decided."""


class OtherGateways:
    """What they change in the database that they share with this one."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine, self._publisher = engine, publisher
        self._newest, self._turns = 0, 0

    def missed(self) -> list[OrdersUpdate | PolicyUpdate]:
        """What the database has of which the images of this box know nothing yet.   Cost: three rows

        Raises Disagreement where orders change look after look, and none is new."""
        publisher = self._publisher
        with reading(self._engine) as conn:
            has_orders = orders_revision(conn) > publisher.orders_revision
            has_people = current_revision(conn) > publisher.people_revision
            newest = conn.execute(select(func.coalesce(func.max(orders.c.id), 0))).scalar_one()
        self._turns = self._turns + 1 if has_orders and newest == self._newest else 0
        self._newest = newest
        if self._turns > MOST_TURNS:
            self._turns = 0
            raise Disagreement(
                "another gateway with this database decides of orders otherwise; looked at once a minute now; "
                "give all of them the same /protected, and a gate to all or to none"
            )
        said: list[OrdersUpdate | PolicyUpdate] = [PolicyUpdate()] if has_people else []
        return said + ([OrdersUpdate()] if has_orders else [])


def _look(engine: Engine, since: int, at: datetime, canary: Policy | None) -> tuple[bool, bool]:
    with reading(engine) as conn:
        return has_due(conn, since, at, canary), is_waiting(conn, canary if at.timestamp() != UNKNOWN else None)

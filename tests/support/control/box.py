"""A box whose control role is played inside the test: two lists, no running worker."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from fastpath.wire.name import to_wire
from filterd.config import load
from filterd.control.base.clock import Clock
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.service import Control
from filterd.images.words import word
from filterd.process.codec import FailureReply
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order
from parental.store.database import writing
from parental.store.engines import Where

SAID = """
state_dir: state
run_dir: run
dns: {upstreams: ["192.0.2.53:53"], workers: 1}
gate: {workers: 0}
lists: [{id: pta, file: pta.txt, format: plain, tier: order}, {id: stop, file: stop.txt, format: plain, tier: csam}]
"""

T = TypeVar("T")


def database_key(where: Where) -> str:
    """The line of a configuration that names a database; '' of SQLite's."""
    return f'database: {{url: "{where}"}}\n' if isinstance(where, str) else ""


def make(place: Path, engine: Engine) -> Control:
    """A control role that has not started, and knows what time it is."""
    clock = Clock(engine)
    clock.look()
    return Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None), clock)


def play(place: Path, engine: Engine, work: Callable[[Control], Awaitable[T]]) -> T:
    """Start a control role and let `work(control)` go on with it."""

    async def run() -> T:
        control = make(place, engine)
        await control.start()
        return await work(control)

    return asyncio.run(run())


def push(engine: Engine, name: str, ref: str = "T-1", mode: EntryMode = EntryMode.SUBTREE) -> int:
    """Store an order of one entry, as the API does; its number."""
    wire = name.encode() if mode == EntryMode.URL else to_wire(name.encode())
    entry = Entry(1, name, wire, mode, EntryStatus.PENDING, None)
    order = Order("PTA", ref, "a law", "subtree", None, False, ((name, "subtree"),))
    with writing(engine) as conn:
        return put_order(conn, order, [entry], b"", datetime.now(UTC), CONTROL)


def reason(control: Control, name: str) -> str:
    """Why workers decide a name as they do; an explanation would not tell a confidential list."""
    found: str = word(control.publisher.tables.decide(to_wire(name.encode()), None, 0).reason)
    return found


def done(reply: T | FailureReply) -> T:
    """A reply that is no failure."""
    assert not isinstance(reply, FailureReply), reply
    return reply

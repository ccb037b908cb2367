"""Ledgers of tests: written by the store, signed by a key of the test, taken away as a bundle."""

import json
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine

from mgmt.ledger import store
from mgmt.ledger.bundle import page_of, plan_range
from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, PEOPLE, Event
from mgmt.ledger.tree import frontier_of
from mgmt.ledger.verifier import Defect, Summary, verify
from parental.store.database import reading, writing

SIGNER = Signer(bytes(range(32)), "gw.example/filterd-ledger")
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
ALL_TIME_MS = 1 << 50


def line_put(number: int) -> Event:
    """An event that says no more than which line it is about."""
    return Event(PEOPLE, "line put", CONTROL, {"line": number})


def write(engine: Engine, n: int, signed: Collection[int] = (), started: datetime = NOON) -> None:
    """Append n events, a second apart, and sign the sizes of `signed`, the last one always."""
    for size in range(1, n + 1):
        with writing(engine) as conn:
            store.append(conn, line_put(size), started + timedelta(seconds=size))
        if size in signed or size == n:
            sign(engine)


def sign(engine: Engine, signer: Signer = SIGNER) -> None:
    """A checkpoint of all that is there."""
    with writing(engine) as conn:
        store.put_key(conn, signer.vkey, NOON, CONTROL) if not store.known_keys(conn) else None
        size = store.size(conn)
        root = frontier_of(partial(store.iter_leaves, conn), size).root()
        store.put_checkpoint(conn, size, signer.sign(size, root), NOON)


def bundle(engine: Engine, since_ms: int = 0, until_ms: int = ALL_TIME_MS) -> bytes:
    with reading(engine) as conn:
        plan = plan_range(conn, since_ms, until_ms)
        found, at = plan.head, plan.first
        while at < plan.until:
            lines, at = page_of(conn, plan, at)
            found += lines
    return found


def verified(octets: bytes, **more: Any) -> Summary:
    return verify(split(octets), **more)


def split(octets: bytes) -> list[bytes]:
    """As a file is read: lines with their ends."""
    return [line for line in re.split(rb"(?<=\n)", octets) if line]


def fault(octets: bytes, **more: Any) -> str:
    """What the verifier says; '' where it finds nothing."""
    try:
        verified(octets, **more)
    except Defect as found:
        return str(found)
    return ""


def named(said: str) -> int | None:
    """The event that a fault names."""
    found = re.match(r"event (\d+)", said)
    return None if found is None else int(found[1])


def at_event(octets: bytes, number: int) -> int:
    """Which line of a bundle has an event."""
    for at, line in enumerate(split(octets)):
        if json.loads(line).get("event", {}).get("number") == number:
            return at
    raise LookupError(number)


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(lines)

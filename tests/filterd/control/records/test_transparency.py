"""Control tells the public of a quarter."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select
from support.control.box import push
from support.mgmt.confirmed import SIGNER

from filterd.control.records.quarters import Box
from filterd.control.records.transparency import tell_last
from mgmt.ledger.signed_statement import document_of
from mgmt.ledger.trusted_clock import Clocks, begin
from mgmt.orders.base.deadline_rules import Rules
from mgmt.registers.transparency.releases import find_release
from mgmt.registers.transparency.statement import check_document
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.schema.ledger import events
from parental.store.schema.orders import orders
from parental.store.schema.privileges import CONTROL, LEDGER
from parental.store.schema.reports import wrong_blocks

NODE = socket.gethostname()
BEGUN = int(datetime(2026, 8, 3, tzinfo=UTC).timestamp())
OVER = int(datetime(2026, 10, 2, 12, tzinfo=UTC).timestamp())
DAY_S = 86_400
RULES = Rules()


@pytest.fixture
def box(database: Where) -> Iterator[Box]:
    """With the accounts that control has, on PostgreSQL."""
    owner = open_database(database)
    engine, records = open_database(database, CONTROL), open_database(database, LEDGER)
    with writing(records) as conn:
        begin(conn, Clocks(NODE, BEGUN, 0.0, "one"))
    for n in range(12):
        push(owner, f"n{n}.bad.example", f"T-{n}")
    with writing(owner) as conn:
        conn.execute(orders.update().values(received_ms=BEGUN * 1000))
        report = {"reason": "law", "due": "2026-08-06", "times": 1, "reported_s": BEGUN, "answered_s": BEGUN + 60}
        conn.execute(insert(wrong_blocks), [report | {"reference": str(n)} for n in range(11)])
    away: Any = "what tells of orders asks no archive"
    yield Box(engine, records, SIGNER, away, 1095 * DAY_S)
    for each in (owner, engine, records):
        each.dispose()


def clocks(at_s: int, step_s: int = 0) -> Clocks:
    return Clocks(NODE, at_s + step_s, float(at_s - BEGUN), "one")


def told(box: Box) -> dict[str, Any]:
    with reading(box.engine) as conn:
        found = find_release(conn, "2026-Q3")
    assert found is not None
    return dict(json.loads(check_document(document_of(found.text, found.note), [SIGNER.vkey])))


def test_a_quarter_that_is_over_is_told_of_once_and_the_ledger_says_so(box: Box) -> None:
    assert tell_last(box, clocks(OVER), RULES, ()) == "2026-Q3"
    first = told(box)
    with writing(box.records), reading(box.engine) as conn:
        last = json.loads(conn.execute(select(events.c.text).order_by(events.c.number.desc())).scalars().first() or "")

    assert tell_last(box, clocks(OVER + DAY_S), RULES, ("PTA",)) is None and told(box) == first
    assert [(row["issuer"], row["orders"]) for row in first["orders"]] == [("PTA", 12)]
    assert (first["answered_ms"], first["leaves_out"]) == (60_000, False)
    # Of several gateways' database, no statistics of one of them have the reports.
    assert (first["appeals"] is None) == (box.engine.dialect.name == "sqlite")
    assert last["action"] == "transparency statement signed"


def test_a_wall_clock_that_is_ahead_tells_nothing(box: Box) -> None:
    tell_last(box, clocks(BEGUN + DAY_S, step_s=90 * DAY_S), RULES, ())

    with reading(box.engine) as conn:
        assert find_release(conn, "2026-Q3") is None


def test_what_may_not_be_made_public_is_left_out_and_the_text_says_so(box: Box) -> None:
    tell_last(box, clocks(OVER), RULES, ("PTA",))

    assert told(box)["orders"] == [] and told(box)["leaves_out"]


def test_a_quarter_of_which_nothing_can_be_shown_is_not_told_of(box: Box) -> None:
    assert tell_last(box, clocks(OVER + 92 * DAY_S), RULES, ()) is None

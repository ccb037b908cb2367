from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, update
from support.mgmt.orders import NOW, publish, push

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.sealed import is_sealed
from mgmt.orders.phases.states import State, step
from mgmt.orders.store import View, get_order, withdraw_order
from mgmt.web.desk.order_view import OrderView, named, seen
from parental.store.database import writing
from parental.store.schema.orders import orders

ZONE = ZoneInfo("Asia/Karachi")


def put(conn: Connection, number: int, **values: Any) -> None:
    conn.execute(update(orders).where(orders.c.id == number).values(**values))


def one(conn: Connection, number: int, at: Any = NOW) -> OrderView:
    return seen(conn, [get_order(conn, number)], View(ZONE, at=at))[0]


@pytest.mark.parametrize(
    ("hours", "words", "is_late"),
    [(3, "Due 2026-08-04 00:00, <bdi", False), (-2, "Late since 2026-08-03 19:00, by", True)],
)
def test_an_order_that_waits_says_what_is_left_or_since_when_it_is_late(
    engine: Engine, hours: int, words: str, is_late: bool
) -> None:
    with writing(engine) as conn:
        number = push(conn, "bad.test")
        put(conn, number, deadline_s=int((NOW + timedelta(hours=hours)).timestamp()))
        found = one(conn, number)

    assert words in str(found.clock) and found.is_late is is_late


@pytest.mark.parametrize(("minutes", "how"), [(10, "before its time"), (-10, "after its time")])
def test_an_order_that_is_confirmed_says_how_it_stood_to_its_time(engine: Engine, minutes: int, how: str) -> None:
    with writing(engine) as conn:
        number = push(conn, "bad.test")
        put(conn, number, deadline_s=int((NOW + timedelta(minutes=minutes)).timestamp()))
        publish(conn)
        for state in (State.VERIFIED, State.CONFIRMED):
            step(conn, number, state, NOW, "control")
        found = one(conn, number, NOW + timedelta(days=9))

    assert how in str(found.clock) and found.is_late is (minutes < 0) and found.state == "confirmed"


def test_what_is_over_has_no_clock(engine: Engine) -> None:
    with writing(engine) as conn:
        number = push(conn, "bad.test")
        assert one(conn, number).clock is not None and one(conn, number).state == "received"
        put(conn, number, deadline_s=int(NOW.timestamp()) + 60)
        withdraw_order(conn, number, "a slip", NOW, CONTROL)
        publish(conn)
        assert one(conn, number, NOW.astimezone(UTC) + timedelta(days=1)).clock is None


def test_the_tag_changes_with_the_entries_and_with_a_withdrawal_and_with_nothing_else(engine: Engine) -> None:
    with writing(engine) as conn:
        number = push(conn, "bad.test")
        first = one(conn, number).tag
        assert one(conn, number, NOW + timedelta(hours=1)).tag == first
        publish(conn)
        second = one(conn, number).tag
        withdraw_order(conn, number, "a slip", NOW, CONTROL)
        assert len({first, second, one(conn, number).tag}) == 3


def test_an_order_of_child_abuse_material_is_its_digest_and_counts_alone(engine: Engine) -> None:
    with writing(engine) as conn:
        number = push(conn, "bad.test", ground="PECA 2016 s 22", ref="CSAM/7")
        found, row = one(conn, number), get_order(conn, number)

    assert is_sealed(row) and found.is_sealed
    assert found.named == named(row) == f"PTA, sealed, digest {row.sha256.hex()[:16]}"
    assert found.ground == "" and found.counts == {"pending": 1}


@pytest.mark.parametrize("column", ["deadline_s", "received_ms"])
def test_a_time_that_a_web_role_has_lied_into_an_order_hides_no_other_order(engine: Engine, column: str) -> None:
    with writing(engine) as conn:
        liar, honest = push(conn, "bad.test"), push(conn, "b.test", ref="2")
        conn.execute(update(orders).where(orders.c.id == liar).values({column: 2**62}))
        rows = [get_order(conn, number) for number in (liar, honest)]

        assert [each.id for each in seen(conn, rows, View(UTC, at=NOW))] == [liar, honest]

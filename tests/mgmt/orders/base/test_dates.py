"""The dates of an order: local days, refused where they are no instruction, and an end that comes by control alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, update
from support.mgmt.orders import NOW, publish, push, said, statuses

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, propose
from mgmt.orders.base.dates import (
    EXPIRED_AS_ORDERED,
    check_dates,
    day_of,
    for_review,
    lapse_due,
    moment_of,
    moments_of,
)
from mgmt.orders.base.deadline_rules import Rules
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.live import live_entries, orders_revision
from mgmt.orders.base.model import Order
from mgmt.orders.decisions import has_due
from mgmt.orders.phases.states import State, steps_of
from mgmt.orders.store import get_order, order_json, put_order, withdraw_order
from mgmt.orders.versions import correctable
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from parental.store.schema.orders import orders
from rules.base.protected import ProtectedNames

KARACHI = ZoneInfo("Asia/Karachi")
ORDER = Order("PTA", "1", "g", "subtree", None, False, (("a.test", "subtree"), ("no name at all", "subtree")))
TODAY = date(2026, 8, 3)  # NOW is 21:00 there
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def put(conn: Connection, order: Order, *, corrects: str | None = None) -> int:
    before = None if corrects is None else correctable(conn, "PTA", corrects)
    judged = judge_entries(order, ProtectedNames())
    return put_order(conn, order, judged, b"{}", NOW, CONTROL, corrected=before, rules=Rules(zone=KARACHI))


def numbers(conn: Connection, at: datetime) -> list[int]:
    return [row.id for row in for_review(conn, at)]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (replace(ORDER, expires=TODAY - DAY), "/expires: 2026-08-02 is past: today is 2026-08-03"),
        (replace(ORDER, review=TODAY), "/review: 2026-08-03 is past"),
        (replace(ORDER, expires=date(2062, 1, 1)), "/expires: 2062-01-01 is more than ten years ahead"),
        (replace(ORDER, review=TODAY + 9 * DAY, expires=TODAY + 8 * DAY), "/review: .* is after its last day"),
    ],
)
def test_dates_that_are_no_instruction_are_refused(order: Order, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        check_dates(order, NOW, KARACHI)


def test_days_are_those_of_the_operators_zone(conn: Connection) -> None:
    late = datetime(2026, 8, 3, 20, tzinfo=UTC)  # the 4th there
    with pytest.raises(BadRequest, match="today is 2026-08-04"):
        check_dates(replace(ORDER, expires=TODAY), late, KARACHI)
    check_dates(replace(ORDER, expires=TODAY), NOW, KARACHI)

    review_s, end_s = moments_of(replace(ORDER, review=TODAY + DAY, expires=TODAY + 2 * DAY), NOW, KARACHI, 180)

    assert review_s == datetime(2026, 8, 4, tzinfo=KARACHI).timestamp()
    assert end_s == datetime(2026, 8, 6, tzinfo=KARACHI).timestamp()
    assert (day_of(review_s, KARACHI), day_of(end_s, KARACHI, is_end=True)) == ("2026-08-04", "2026-08-05")


def test_an_order_that_names_no_day_is_looked_at_as_the_settings_say_unless_it_ends_before() -> None:
    assert day_of(moments_of(ORDER, NOW, KARACHI, 180)[0], KARACHI) == "2027-01-30"
    assert moments_of(ORDER, NOW, KARACHI, 0) == (None, None)
    assert moments_of(replace(ORDER, expires=TODAY + DAY), NOW, KARACHI, 180)[0] is None


@pytest.mark.parametrize("lie", [None, "soon", -1, 2**60, b"x"])
def test_a_moment_that_no_order_has_is_none(lie: object) -> None:
    assert moment_of(lie) is None


def test_an_order_lapses_after_its_last_day_and_not_an_hour_before(conn: Connection) -> None:
    order = put(conn, replace(ORDER, expires=TODAY))
    publish(conn)
    midnight = datetime(2026, 8, 4, tzinfo=KARACHI)
    assert lapse_due(conn, midnight - HOUR) == []
    publish(conn, midnight + 9 * HOUR)  # a wall clock ends nothing
    assert statuses(conn, order)[0] == ("enforced", None)

    since = orders_revision(conn)
    assert lapse_due(conn, midnight) == [order]
    assert has_due(conn, since, midnight)
    publish(conn, midnight)

    assert statuses(conn, order) == [("expired", EXPIRED_AS_ORDERED), ("invalid", statuses(conn, order)[1][1])]
    assert list(live_entries(conn)) == []
    assert steps_of(conn, [order])[order][-1].state is State.EXPIRED
    actions = [each["action"] for each in said(conn)]
    assert "expired as ordered" in actions and "entries lapsed" in actions
    assert lapse_due(conn, midnight + DAY) == []


def test_what_is_held_lapses_too_and_two_persons_do_not_bring_it_back(conn: Connection) -> None:
    held = replace(ORDER, entries=(("198.51.100.7", "subtree"),), expires=TODAY)
    order = put(conn, held)
    publish(conn)
    lapse_due(conn, NOW + DAY)
    publish(conn, NOW + DAY)
    assert statuses(conn, order) == [("expired", EXPIRED_AS_ORDERED)]

    proposal = Proposal(kind="held", number=1, reason="r", reference="L", collateral="c", expires=NOW + 9 * DAY)
    with pytest.raises(ApprovalRefusal, match="order 1: its last day is over; nothing proposed; it needs a new order"):
        propose(conn, get_order(conn, order), proposal, Signatory("A", "compliance", "root"), NOW)


def test_a_correction_moves_the_last_day(conn: Connection) -> None:
    first = put(conn, replace(ORDER, expires=TODAY))
    publish(conn)
    second = put(conn, replace(ORDER, ref="1/C1", corrects="1", expires=TODAY + 9 * DAY), corrects="1")
    publish(conn)

    assert lapse_due(conn, NOW + DAY) == []
    publish(conn, NOW + DAY)
    assert [status for status, _ in statuses(conn, second)] == ["enforced", "invalid"]
    assert lapse_due(conn, NOW + 10 * DAY) == [second]
    shown = order_json(conn, get_order(conn, first))
    assert (shown["state"], shown["replaced_by"]) == ("replaced", second)


def test_an_order_that_was_withdrawn_does_not_expire(conn: Connection) -> None:
    order = put(conn, replace(ORDER, expires=TODAY))
    withdraw_order(conn, order, "court", NOW, CONTROL)
    publish(conn)

    assert lapse_due(conn, NOW + DAY) == []


def test_orders_in_force_that_are_past_their_review_are_for_review(conn: Connection) -> None:
    order = put(conn, replace(ORDER, review=TODAY + DAY))
    push(conn, "b.test", ref="none")
    assert numbers(conn, NOW + 2 * DAY) == [order]
    assert numbers(conn, NOW) == []
    publish(conn)
    corrected = put(conn, replace(ORDER, ref="1/C1", corrects="1", review=TODAY + 90 * DAY), corrects="1")
    publish(conn)

    assert numbers(conn, NOW + 2 * DAY) == []
    assert numbers(conn, NOW + 91 * DAY) == [corrected]


def test_an_end_that_a_role_has_lied_into_a_row_stops_nothing(conn: Connection) -> None:
    order = put(conn, replace(ORDER, expires=TODAY))
    lie = push(conn, "b.test", ref="lie")
    conn.execute(update(orders).where(orders.c.id == lie).values(expires_s=2**61, review_s=2**61))
    publish(conn)

    assert lapse_due(conn, NOW + DAY) == [order]
    assert order_json(conn, get_order(conn, lie))["expires"] is None

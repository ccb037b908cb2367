"""How orders have gone, by issuer."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, update
from support.mgmt.confirmed import confirmed
from support.mgmt.orders import NOW, publish, push

from mgmt.ledger.event import CONTROL
from mgmt.orders.base.deadline_rules import Deadline, Rules
from mgmt.orders.deadlines.statistics import Durations, Statistics, statistics_of, took
from mgmt.orders.store import number_letter, withdraw_order
from parental.store.schema.orders import orders

DAY = timedelta(days=1)
RULES = Rules((Deadline(DAY),))


def of_all(conn: Connection, at: timedelta = DAY / 2, **span: timedelta) -> list[Statistics]:
    begun, ended = span.get("since", -DAY), span.get("until", DAY)
    return statistics_of(conn, RULES, NOW + begun, NOW + ended, NOW + at)


def test_each_order_counts_once_under_what_became_of_it(conn: Connection) -> None:
    confirmed(conn, "bad.example", "worse.example", ref="1")
    push(conn, "late.example", ref="2", at=NOW - DAY * 0.6)
    withdraw_order(conn, push(conn, "slip.example", ref="3"), "a slip", NOW, CONTROL)
    publish(conn)
    (found,) = of_all(conn)

    assert (found.issuer, found.orders) == ("PTA", 3)
    assert (found.in_time, found.late, found.overdue, found.ended) == (1, 0, 1, 1)
    assert (found.enforced.n, found.confirmed) == (2, Durations(1, 31.0, 31.0))
    assert (found.in_force, found.asked, found.questions, found.blocked) == (2, 2, 4, 4)


def test_orders_that_were_corrected_have_expired_or_are_past_their_review_are_counted(conn: Connection) -> None:
    numbers = [push(conn, f"{n}.example", ref=str(n)) for n in range(4)]
    ends: tuple[dict[str, int], ...] = ({"replaced_by": 9}, {"expired_ms": 1}, {"review_s": 1}, {})
    for number, end in zip(numbers, ends, strict=True):
        if end:
            conn.execute(update(orders).where(orders.c.id == number).values(end))
    publish(conn)
    (found,) = of_all(conn)

    assert (found.corrected, found.expired, found.past_review) == (1, 1, 1)


def test_only_what_was_received_within_the_span_counts_its_end_excluded(conn: Connection) -> None:
    push(conn, "bad.example")

    assert len(of_all(conn, since=timedelta(0), until=timedelta(milliseconds=1))) == 1
    assert of_all(conn, since=timedelta(milliseconds=1)) == of_all(conn, until=timedelta(0)) == []


def test_only_the_issuer_that_was_asked_for_counts(conn: Connection) -> None:
    push(conn, "bad.example")

    assert statistics_of(conn, RULES, NOW - DAY, NOW + DAY, NOW, "court") == []
    assert len(statistics_of(conn, RULES, NOW - DAY, NOW + DAY, NOW, "PTA")) == 1


def test_a_letter_that_only_a_list_names_is_no_order_here(conn: Connection) -> None:
    number_letter(conn, "PTA", "L-1", NOW)

    assert of_all(conn) == []


def test_more_orders_than_are_read_at_once_are_all_counted(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgmt.orders.deadlines.statistics._BATCH", 2)
    for number in range(5):
        push(conn, f"n{number}.example", ref=str(number))

    assert [each.orders for each in of_all(conn)] == [5]


def test_of_nothing_there_is_no_median() -> None:
    assert took([]) == Durations(0, None, None)


@given(st.lists(st.integers(0, 9), min_size=1))
def test_half_took_no_longer_than_the_median_and_19_of_20_than_the_95th_percentile(seconds: list[int]) -> None:
    found = took(seconds)

    for share, limit in ((0.5, found.median_s), (0.95, found.p95_s)):
        assert limit in seconds
        assert sum(each <= limit for each in seconds) >= share * len(seconds)
        assert sum(each < limit for each in seconds) < share * len(seconds)

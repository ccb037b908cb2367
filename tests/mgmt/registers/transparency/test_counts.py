"""What the public is told of orders."""

from datetime import timedelta

from sqlalchemy import Connection, insert, update
from support.mgmt.transparent import AT, Push

from mgmt.registers.transparency.counts import answered_ms, directed
from parental.store.schema.orders import entries, letters, order_steps, orders
from parental.store.schema.reports import wrong_blocks

SINCE, UNTIL = AT - timedelta(days=30), AT + timedelta(days=30)


def test_orders_are_counted_by_issuer_and_category_with_what_became_of_their_entries(
    conn: Connection, push: Push
) -> None:
    for status in ("pending", "refused_protected", "pending_review", "withdrawn", "invalid"):
        for _ in range(3):
            number = push("PTA", "decency", status)
            if status == "pending":
                conn.execute(update(entries).where(entries.c.order == number).values(status="enforced"))
    push("PTA", "decency", at=AT + timedelta(days=60))

    (row,) = directed(conn, SINCE, UNTIL, ())

    assert (row.issuer, row.category, row.orders, row.entries) == ("PTA", "decency", 15, 15)
    assert (row.in_force, row.protected, row.held, row.released) == (3, 3, 3, 3)


def test_a_category_that_fewer_than_ten_orders_share_is_not_printed(conn: Connection, push: Push) -> None:
    for _ in range(6):
        push("PTA", "decency")
        push("PTA", "the case of somebody.example")
        push("PTA", "the case of another.example")

    assert [(row.issuer, row.category, row.orders) for row in directed(conn, SINCE, UNTIL, ())] == [("PTA", None, 18)]


def test_few_orders_are_not_told_of_at_all(conn: Connection, push: Push) -> None:
    for _ in range(9):
        push("PTA", "decency")

    assert directed(conn, SINCE, UNTIL, ()) == []


def test_orders_of_an_issuer_that_is_hidden_are_in_no_sum(conn: Connection, push: Push) -> None:
    for _ in range(12):
        push("PTA", "decency")
    for issuer in ("High Court", "HIGH COURT", "High  Court "):
        for _ in range(10):
            push(issuer, "a secret")

    assert [(row.issuer, row.orders) for row in directed(conn, SINCE, UNTIL, ("High Court",))] == [("PTA", 12)]


def test_an_order_of_child_sexual_abuse_material_has_no_text_of_its_issuer(conn: Connection, push: Push) -> None:
    for n in range(10):
        push("PTA", "CSAM at somewhere.example", ref=f"R-{n}")

    (row,) = directed(conn, SINCE, UNTIL, ())

    assert (row.category, row.orders) == ("csam", 10)


def test_a_letter_that_a_list_names_has_the_entries_that_the_list_counts(conn: Connection, push: Push) -> None:
    for _ in range(10):
        number = push("PTA", "")
        conn.execute(update(orders).where(orders.c.id == number).values(original=b""))
        said = {"order": number, "list": "pta", "generation": 1, "served_ms": 0}
        conn.execute(insert(letters), [said | {"status": "enforced", "n": 5}, said | {"status": "invalid", "n": 1}])

    (row,) = directed(conn, SINCE, UNTIL, ())

    assert (row.category, row.entries, row.in_force) == ("none", 60, 50)


def test_a_median_is_of_ten_orders_or_more(conn: Connection, push: Push) -> None:
    numbers = [push("PTA", "decency") for _ in range(10)]
    received_ms = int(AT.timestamp() * 1000)

    def enforce(some: list[int]) -> None:
        steps = [{"order": each, "n": 90, "state": "enforced", "at_ms": received_ms + 4000, "by": "t"} for each in some]
        conn.execute(insert(order_steps), steps)

    enforce(numbers[:9])
    assert directed(conn, SINCE, UNTIL, ())[0].median_ms is None
    enforce(numbers[9:])
    assert directed(conn, SINCE, UNTIL, ())[0].median_ms == 4000


def test_the_time_to_an_answer_is_of_ten_answers_or_more_and_never_negative(conn: Connection) -> None:
    reported = int(AT.timestamp())

    def report(n: int, after_s: int | None) -> None:
        row = {"reason": "law", "reported_s": reported, "due": "2026-08-06", "times": 1}
        answered = None if after_s is None else reported + after_s
        conn.execute(insert(wrong_blocks).values(row | {"reference": str(n), "answered_s": answered}))

    for n in range(9):
        report(n, 3600)
    report(9, None)
    assert answered_ms(conn, SINCE, UNTIL) is None
    report(10, -50)
    assert answered_ms(conn, SINCE, UNTIL) == 3_600_000

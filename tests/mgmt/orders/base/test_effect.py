from collections import Counter

from sqlalchemy import Engine
from support.mgmt.orders import PROTECTED, publish, push

from mgmt.orders.base.effect import LOOK_FIRST, effect_of, lines_of, preview
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.model import EntryStatus, Order
from mgmt.orders.store import counts_of
from parental.store.database import reading, writing

VALUES = ("known.test", "new.test", "bank.test", "blogspot.com", "!", "new.test", "192.0.2.1")


def order_of(*values: str) -> Order:
    return Order("PTA", "2", "g", "subtree", None, False, tuple((value, "subtree") for value in values))


def test_every_status_has_its_place_and_protected_names_have_the_first() -> None:
    assert Counter(LOOK_FIRST) == Counter(EntryStatus)
    assert LOOK_FIRST[:2] == ("refused_protected", "pending_review")


def test_before_it_is_stored_an_order_is_shown_by_what_it_would_do(engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "known.test", ref="1")
        publish(conn)
    judged = list(judge_entries(order_of(*VALUES), PROTECTED))

    with reading(engine) as conn:
        groups = preview(conn, judged, 9)

    assert [(each.status, each.n) for each in groups] == [
        ("refused_protected", 1),
        ("pending_review", 1),
        ("invalid", 1),
        ("duplicate", 1),
        ("pending", 3),
    ]
    assert [(line.value, line.held_by) for line in groups[-1].lines] == [
        ("known.test", "PTA 1"),
        ("new.test", None),
        ("192.0.2.1", None),
    ]


def test_a_stored_order_names_other_orders_that_hold_the_same_and_never_itself(engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "known.test", ref="1")
        order = push(conn, *VALUES[:2], ref="2")
        publish(conn)
        (group,) = effect_of(conn, order, counts_of(conn, order), 1)
        rest = lines_of(conn, order, EntryStatus.ENFORCED, 1, 9)

    assert (group.n, [(line.value, line.held_by) for line in group.lines]) == (2, [("known.test", "PTA 1")])
    assert [(line.number, line.held_by) for line in rest] == [(2, None)]


def test_a_sealed_order_is_named_beside_no_entry_so_that_no_one_can_ask_by_name(engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "known.test", ref="CSAM/7")
        push(conn, "other.test", ref="3", ground="PECA 2016 s 22")
        publish(conn)
    judged = list(judge_entries(order_of("known.test", "other.test"), PROTECTED))

    with reading(engine) as conn:
        (group,) = preview(conn, judged, 9)

    assert [(line.value, line.held_by) for line in group.lines] == [("known.test", None), ("other.test", None)]

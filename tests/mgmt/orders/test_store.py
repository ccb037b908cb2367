from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mgmt.ledger.event import CONTROL
from mgmt.orders import store as orders
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.live import Live, live_entries, orders_revision
from mgmt.orders.base.model import Order
from mgmt.orders.decisions import mark_enforced, settle
from mgmt.orders.phases.canary_rules import Policy
from mgmt.staff.approvals.proof import BY_NAMES
from rules.base.protected import ProtectedNames

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)
A, B, C = (b"\1" + name + b"\7example\0" for name in (b"a", b"b", b"c"))


class PlayedRails:
    """Control's rails, which refuse what a test says: a name's first label → why."""

    has_gate, stops_names, proof = True, True, BY_NAMES
    canary: Policy | None = None

    def __init__(self, **refused: str) -> None:
        self._refused = refused

    def refusal(self, live: Live) -> str | None:
        return next((why for name, why in self._refused.items() if live.wire[1:2] == name.encode()), None)

    def is_held(self, reason: str) -> bool:
        return reason.startswith("held")


def put(conn: Connection, ref: Any, *names: Any, issuer: str = "PTA") -> Any:
    order = Order(issuer, ref, "g", "subtree", None, False, tuple((f"{name}.example", "subtree") for name in names))
    return orders.put_order(conn, order, judge_entries(order, ProtectedNames()), b"original", NOW, CONTROL)


def test_what_is_pending_is_compiled_and_only_an_acknowledgement_makes_it_enforced(conn: Connection) -> None:
    number = put(conn, "1", "a", "b")
    assert {live.wire for live in live_entries(conn)} == {A, B}
    assert orders.counts_of(conn, number) == {"pending": 2}

    settle(conn, PlayedRails(), 0, NOW)
    covered = orders_revision(conn)
    later = put(conn, "2", "c")

    assert mark_enforced(conn, covered, 9, NOW) == 2
    assert orders.counts_of(conn, number) == {"enforced": 2}
    assert orders.counts_of(conn, later) == {"pending": 1}


def test_a_number_is_never_given_twice_and_a_reference_of_an_issuer_once(conn: Connection) -> None:
    assert put(conn, "1", "a") == 1
    assert put(conn, "1", "a", issuer="IHC") == 2
    with pytest.raises(IntegrityError), conn.begin_nested():
        put(conn, "1", "b")


def test_an_order_is_found_by_its_number_or_by_issuer_and_reference_and_neither_is_the_other(conn: Connection) -> None:
    put(conn, "2", "a")
    put(conn, "x", "b")
    by_number, by_reference = orders.find_order_by_id(conn, 2), orders.find_order(conn, "PTA", "2")

    assert by_number is not None and by_number.ref == "x"
    assert by_reference is not None and by_reference.id == 1
    assert orders.find_order_by_id(conn, 99) is None
    assert orders.find_order(conn, "IHC", "2") is None


def test_a_letter_that_a_list_names_gets_one_number_for_ever(conn: Connection) -> None:
    number = orders.number_letter(conn, "PTA", "WA/9", NOW)

    assert orders.number_letter(conn, "PTA", "WA/9", NOW) == number
    assert orders.number_letter(conn, "PTA", "WA/10", NOW) != number
    assert list(live_entries(conn)) == []


def test_what_control_has_refused_of_a_withdrawn_order_never_comes_back(conn: Connection) -> None:
    number = put(conn, "1", "a", "b")
    settle(conn, PlayedRails(a="is protected"), 0, NOW)
    assert orders.counts_of(conn, number) == {"pending": 1, "refused_protected": 1}
    orders.withdraw_order(conn, number, "x", NOW, CONTROL)
    settle(conn, PlayedRails(), 0, NOW)

    assert orders.counts_of(conn, number) == {"withdrawn": 2}
    assert settle(conn, PlayedRails(), 0, NOW) == []


def test_the_original_is_kept_octet_for_octet(conn: Connection) -> None:
    assert orders.get_order(conn, put(conn, "1", "a")).original == b"original"

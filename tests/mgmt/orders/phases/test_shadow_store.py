"""Orders in shadow, as control decides of them: counted, let in by two persons, or taken back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from support.mgmt.orders import NOW, RECEIPT, rails, said, statuses
from support.mgmt.signing import BY_PASSKEYS, Signer, proposed, signed

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.judge import judge_entries, parse_order
from mgmt.orders.base.live import (
    live_entries,
    names_changed_since,
    orders_revision,
    shadow_entries,
    shadow_entries_of,
)
from mgmt.orders.base.model import Order
from mgmt.orders.confirmation.verifications import due
from mgmt.orders.decisions import confirm, has_due, is_waiting, settle, taken
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.shadow_places import N_PLACES, SHADOW_LISTS
from mgmt.orders.phases.shadow_store import count, counted_lists
from mgmt.orders.phases.states import steps_of
from mgmt.orders.store import View, get_order, order_json, put_order, withdraw_order
from mgmt.orders.versions import VersionConflict, correctable, refuse_replaced
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from parental.store.schema.canaries import order_shadows
from parental.store.schema.orders import approvals, entries, orders
from rules.base.protected import ProtectedNames

A, B = b"\1a\4test\0", b"\1b\4test\0"
ENFORCE = Proposal(kind="enforce", number=None, reason="r", reference="WA/9", collateral="c")
NOT_ENFORCED = "not enforced: shadow; what it would block is counted, until two persons let it in"
CANARY = Policy("first", "first", 600, 100)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def push(
    conn: Connection,
    *names: str,
    ref: str = "1",
    corrects: str | None = None,
    is_emergency: bool = False,
    is_shadow: bool = True,
) -> int:
    entered = tuple((name, "subtree") for name in names)
    order = Order("PTA", ref, "g", "subtree", None, is_emergency, entered, corrects, is_shadow=is_shadow)
    before = None if corrects is None else correctable(conn, "PTA", corrects)
    return put_order(conn, order, list(judge_entries(order, ProtectedNames())), b"{}", NOW, CONTROL, corrected=before)


def publish(
    conn: Connection, when: datetime = NOW, since: int = 1, proof: Proof = BY_NAMES, canary: Policy | None = None
) -> None:
    settle(conn, rails(proof=proof, canary=canary), since, when)
    confirm(conn, taken(conn), RECEIPT, when, canary)


def let_in(conn: Connection, order: int, when: datetime = NOW) -> None:
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    approve(conn, propose(conn, get_order(conn, order), ENFORCE, first, when), second, when)


def blocked(conn: Connection) -> set[bytes]:
    return {live.wire for live in live_entries(conn)}


def counted(conn: Connection) -> set[tuple[bytes, int]]:
    return {(live.wire, live.place) for live in shadow_entries(conn)}


def states(conn: Connection, order: int) -> list[str]:
    return [each.state.value for each in steps_of(conn, [order])[order]][2:]


def shown(conn: Connection, order: int) -> dict[str, Any]:
    return order_json(conn, get_order(conn, order), View(at=NOW))


def test_an_order_in_shadow_blocks_nothing_and_is_told_so_everywhere(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)

    assert (blocked(conn), counted(conn)) == (set(), {(A, 1)})
    assert [live.place for live in shadow_entries_of(conn, [A, B])] == [1]
    assert statuses(conn, order) == [("shadow", NOT_ENFORCED)] and states(conn, order) == ["shadow"]
    found = shown(conn, order)
    assert (found["state"], found["counts"], found["receipt"]) == ("shadow", {"shadow": 1}, None)
    assert found["shadow"]["state"] == "counting" and found["shadow"]["list"] == SHADOW_LISTS[0]
    assert not is_waiting(conn) and due(conn, NOW, 9) == [], "it gets no receipt, and no verifier asks about it"
    assert not has_due(conn, orders_revision(conn), at(1))
    for _ in range(2):
        publish(conn, at(60), since=0)
    assert states(conn, order) == ["shadow"] and counted(conn) == {(A, 1)}


def test_what_gateways_count_stands_next_to_what_is_protected_and_held(conn: Connection) -> None:
    order = push(conn, "a.test", "www.bank.test", "github.io")
    publish(conn)
    shadow = counted_lists(conn)[SHADOW_LISTS[0]]
    for channel, n in (("dns", 7), ("sni", 2), ("dns", 1)):
        count(conn, shadow, channel, n)

    found = shown(conn, order)["shadow"]
    assert (found["hits"], found["channels"]) == (10, {"dns": 8, "sni": 2})
    assert (found["protected"], found["held"]) == (1, 1)


def test_two_persons_let_an_order_in_and_it_is_enforced_as_any_other(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    count(conn, counted_lists(conn)[SHADOW_LISTS[0]], "dns", 3)
    let_in(conn, order, at(5))
    assert has_due(conn, orders_revision(conn) - 1, at(5))
    since = orders_revision(conn)
    publish(conn, at(6), since=since)

    assert (blocked(conn), counted(conn), counted_lists(conn)) == ({A}, set(), {})
    assert names_changed_since(conn, since) == [A], "images take it out of the list that counts"
    assert statuses(conn, order) == [("enforced", None)] and states(conn, order) == ["shadow", "approved", "enforced"]
    found = shown(conn, order)
    assert (found["shadow"]["state"], found["shadow"]["hits"]) == ("let_in", 3) and found["receipt"] is not None
    told = [each["action"] for each in said(conn)]
    assert [each for each in told if "shadow" in each] == ["entries in shadow", "shadow begun", "shadow ended"]


def test_one_person_or_an_approval_that_ended_puts_nothing_in_force(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    propose(conn, get_order(conn, order), ENFORCE, Signatory("amna", "compliance", "root"), at(1))
    publish(conn, at(2))
    assert blocked(conn) == set()
    let_in(conn, order, at(3))
    publish(conn, at(4))
    assert blocked(conn) == {A}
    conn.execute(update(approvals).values(digest=b"another"))
    publish(conn, at(5))

    assert (blocked(conn), counted(conn)) == (set(), {(A, 2)}), "it is in shadow again"
    assert states(conn, order)[-1] == "shadow" and shown(conn, order)["state"] == "shadow"


def test_passkeys_of_two_persons_let_it_in_and_names_do_not_where_they_are_demanded(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    order = push(conn, "a.test")
    let_in(conn, order)
    publish(conn, proof=BY_PASSKEYS)
    assert blocked(conn) == set()
    number = proposed(conn, order, ENFORCE, amna)
    assert signed(conn, number, amna, bilal) is None
    publish(conn, at(1), proof=BY_PASSKEYS)

    assert blocked(conn) == {A}


def test_what_a_rail_holds_of_an_order_in_shadow_is_held_once_it_is_let_in(conn: Connection) -> None:
    order = push(conn, "a.test", "github.io")
    publish(conn)
    let_in(conn, order, at(1))
    publish(conn, at(2))

    assert [status for status, _ in statuses(conn, order)] == ["enforced", "pending_review"]


def test_an_entry_that_two_persons_agree_to_while_it_is_in_shadow_is_counted_and_blocks_nothing(
    conn: Connection,
) -> None:
    order = push(conn, "github.io")
    publish(conn)
    held = Proposal(kind="held", number=1, reason="r", reference="WA/9", collateral="c", expires=at(86400))
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    approve(conn, propose(conn, get_order(conn, order), held, first, at(1)), second, at(1))
    publish(conn, at(2))

    assert (blocked(conn), len(counted(conn)), states(conn, order)[-1]) == (set(), 1, "shadow")
    assert all(live.is_approved for live in shadow_entries(conn)), "the rail lets it into the image"


def test_what_is_let_in_is_tried_on_the_canary_gateway_first(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn, canary=CANARY)
    let_in(conn, order, at(1))
    publish(conn, at(2), canary=CANARY)

    assert blocked(conn) == set() and [live.wire for live in live_entries(conn, "first")] == [A]
    assert states(conn, order) == ["shadow", "approved", "canary"]


def test_an_order_that_is_withdrawn_in_shadow_is_over(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    withdraw_order(conn, order, "letter", at(1), CONTROL)
    publish(conn, at(2))

    assert counted(conn) == set() and states(conn, order) == ["shadow", "withdrawn"]
    assert (shown(conn, order)["state"], shown(conn, order)["shadow"]["state"]) == ("withdrawn", "over")


def test_a_correction_in_shadow_replaces_nothing_and_is_taken_back_alone(conn: Connection) -> None:
    first = push(conn, "a.test", is_shadow=False)
    publish(conn)
    second = push(conn, "b.test", ref="1/C1", corrects="1")
    publish(conn, at(1))
    assert (blocked(conn), counted(conn)) == ({A}, {(B, 1)}) and get_order(conn, first).replaced_by is None
    with pytest.raises(VersionConflict):
        refuse_replaced(conn, get_order(conn, first))
    withdraw_order(conn, second, "letter", at(2), CONTROL)
    publish(conn, at(3))

    assert (blocked(conn), counted(conn)) == ({A}, set()), "what was in force stays"
    refuse_replaced(conn, get_order(conn, first))
    third = push(conn, "b.test", ref="1/C2", corrects="1", is_shadow=False)
    publish(conn, at(4))
    assert blocked(conn) == {B} and get_order(conn, third).version == 3
    assert get_order(conn, first).replaced_by == third
    withdraw_order(conn, third, "letter", at(5), CONTROL)
    publish(conn, at(6))
    assert blocked(conn) == set()


def test_a_correction_that_was_in_shadow_replaces_what_it_corrects_once_it_is_let_in_and_goes_with_it(
    conn: Connection,
) -> None:
    first = push(conn, "a.test", is_shadow=False)
    publish(conn)
    second = push(conn, "b.test", ref="1/C1", corrects="1")
    publish(conn, at(1))
    let_in(conn, second, at(2))
    publish(conn, at(3))
    assert blocked(conn) == {B} and get_order(conn, first).replaced_by == second
    withdraw_order(conn, second, "letter", at(4), CONTROL)

    assert get_order(conn, first).withdrawn_ms is not None


def test_a_correction_that_has_replaced_stays_in_force_when_the_approval_that_let_it_in_ends(conn: Connection) -> None:
    push(conn, "a.test", is_shadow=False)
    publish(conn)
    second, other = push(conn, "b.test", ref="1/C1", corrects="1"), push(conn, "c.test", ref="2")
    publish(conn, at(1))
    for order in (second, other):
        let_in(conn, order, at(2))
    publish(conn, at(3))
    assert blocked(conn) == {B, b"\1c\4test\0"}

    publish(conn, at(4), proof=BY_PASSKEYS)  # names are believed no more

    assert blocked(conn) == {B}
    assert {wire for wire, _ in counted(conn)} == {b"\1c\4test\0"}, "what replaced nothing is counted again"
    assert (shown(conn, second)["state"], statuses(conn, second)[0][0]) == ("enforced", "enforced")
    publish(conn, at(5), proof=BY_PASSKEYS)
    assert blocked(conn) == {B}


def test_more_orders_than_there_are_places_wait_and_the_first_that_is_free_is_given(conn: Connection) -> None:
    all_of_them = [push(conn, f"n{n}.test", ref=str(n)) for n in range(N_PLACES + 2)]
    publish(conn)
    assert {place for _, place in counted(conn)} == set(range(1, N_PLACES + 1))
    *_, last, beyond = all_of_them
    assert [shown(conn, each)["shadow"]["state"] for each in (last, beyond)] == ["waiting", "waiting"]
    assert shown(conn, last)["shadow"]["list"] is None and statuses(conn, last) == [("shadow", NOT_ENFORCED)]
    since = orders_revision(conn)
    withdraw_order(conn, all_of_them[4], "letter", at(1), CONTROL)
    publish(conn, at(2), since=since)

    assert shown(conn, last)["shadow"]["list"] == SHADOW_LISTS[4] and shown(conn, last)["shadow"]["since"] is not None
    assert len(names_changed_since(conn, since)) == 2 and shown(conn, beyond)["shadow"]["state"] == "waiting"


def test_a_place_that_was_left_long_ago_is_given_before_one_that_was_left_just_now(conn: Connection) -> None:
    first, second = (push(conn, f"{name}.test", ref=name) for name in ("a", "b"))
    publish(conn)
    for number, order in enumerate((second, first)):
        withdraw_order(conn, order, "letter", at(number), CONTROL)
        publish(conn, at(number))
    places = []
    for number in range(N_PLACES):
        push(conn, f"n{number}.test", ref=f"n{number}")
        publish(conn, at(9))
        places.append(max(counted_lists(conn).items(), key=lambda each: each[1])[0])

    assert places[-2:] == [SHADOW_LISTS[1], SHADOW_LISTS[0]]


def test_equal_names_of_two_orders_are_counted_for_each_that_has_them(conn: Connection) -> None:
    for ref in ("1", "2"):
        push(conn, "a.test", ref=ref)
    publish(conn)

    assert counted(conn) == {(A, 1), (A, 2)}


def test_an_emergency_order_is_never_in_shadow_whoever_wrote_its_row(conn: Connection) -> None:
    push(conn, "a.test", is_emergency=True)
    publish(conn)

    assert blocked(conn) == {A} and counted(conn) == set()


def test_a_push_that_asks_for_both_is_refused_with_the_reason(conn: Connection) -> None:
    body = b'{"issuer":"PTA","ref":"1","ground":"g","entries":["a.test"],"emergency":true,"shadow":true}'
    with pytest.raises(BadRequest, match="an emergency order, which is to block at once"):
        parse_order(body)
    assert parse_order(body.replace(b'"emergency":true,', b"")).is_shadow


def test_an_order_that_is_not_in_shadow_or_was_let_in_is_not_proposed(conn: Connection) -> None:
    amna = Signatory("amna", "compliance", "root")
    plain, order = push(conn, "a.test", is_shadow=False), push(conn, "b.test", ref="2")
    with pytest.raises(ApprovalRefusal, match="was not taken in for shadow"):
        propose(conn, get_order(conn, plain), ENFORCE, amna, NOW)
    let_in(conn, order)
    with pytest.raises(ApprovalRefusal, match="two persons have let it in"):
        propose(conn, get_order(conn, order), ENFORCE, amna, NOW)


def test_an_approval_of_an_order_that_says_shadow_is_none_of_the_same_order_without(conn: Connection) -> None:
    said_of = ("PTA", "1", "g", "subtree", None, False, (("a.test", "subtree"),))
    assert Order(*said_of).sha256 != Order(*said_of, is_shadow=True).sha256


def test_a_row_that_calls_itself_counted_is_refused_and_one_of_an_order_in_shadow_is_looked_at_first(
    conn: Connection,
) -> None:
    order = push(conn, "a.test")
    publish(conn)
    row = {"order": order, "number": 2, "value": "www.bank.test", "mode": "subtree", "revision": 0}
    row |= {"wire": b"\3www\4bank\4test\0"}
    with pytest.raises(DBAPIError), conn.begin_nested():
        conn.execute(entries.insert().values(row | {"status": "shadow"}))
    conn.execute(entries.insert().values(row | {"status": "pending"}))
    publish(conn, at(1))

    assert counted(conn) == {(A, 1)} and statuses(conn, order)[1][0] == "refused_protected"


def test_of_an_order_and_of_a_place_one_shadow_is_open(conn: Connection) -> None:
    order, other = push(conn, "a.test"), push(conn, "b.test", ref="2")
    publish(conn)
    for same in ({"order": order, "place": 7}, {"order": other, "place": 1}):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(order_shadows.insert().values(same | {"revision": 1, "begun_s": 1}))
    assert len(conn.execute(select(order_shadows)).all()) == 2


def test_an_order_whose_last_day_is_over_is_counted_no_more(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    conn.execute(update(orders).values(expired_ms=1))
    conn.execute(update(entries).values(revision=orders_revision(conn) + 1))
    publish(conn, at(1))

    assert counted(conn) == set() and states(conn, order)[-1] == "expired"

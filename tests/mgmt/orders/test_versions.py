"""Versions of an order: a correction takes the place of the one before in one image, and opens nothing too early."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, RECEIPT, publish, push, rails, said, statuses

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import ORDERS, Proposal, approve, propose
from mgmt.orders.base.dates import lapse_due
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.live import live_entries
from mgmt.orders.base.model import Order
from mgmt.orders.confirmation.verifications import Verification, put_verification, revision_of
from mgmt.orders.decisions import confirm, settle, taken
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.states import State, steps_of
from mgmt.orders.store import find_order, get_order, order_json, put_order, withdraw_entries, withdraw_order
from mgmt.orders.versions import VersionConflict, changes_between, changes_of, correctable, refuse_replaced, versions_of
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory, digest_of
from parental.store.schema.orders import orders
from rules.base.protected import ProtectedNames

DAY = timedelta(days=1)


def correct(conn: Connection, corrects: str, ref: str, *values: str, **more: Any) -> int:
    """Store a correction, as the API does; its number."""
    order = Order(
        "PTA", ref, "g", "subtree", None, False, tuple((each, "subtree") for each in values), corrects, **more
    )
    judged, before = judge_entries(order, ProtectedNames()), correctable(conn, "PTA", corrects)
    return put_order(conn, order, judged, b"{}", NOW, CONTROL, corrected=before)


def live(conn: Connection) -> dict[bytes, int]:
    return {each.wire: each.order for each in live_entries(conn)}


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def test_a_correction_takes_the_place_of_the_order_in_the_image_that_lets_it_in(conn: Connection) -> None:
    order = push(conn, "a.test", "b.test")
    publish(conn)
    second = correct(conn, "1", "1/C1", "b.test", "c.test")
    assert live(conn) == {name("a.test"): order, name("b.test"): order, name("c.test"): second}  # not decided on yet

    settle(conn, rails(), 0, NOW)

    assert live(conn) == {name("b.test"): second, name("c.test"): second}
    confirm(conn, taken(conn), RECEIPT, NOW)
    assert statuses(conn, order) == [("withdrawn", "order 2 has corrected it")] * 2
    assert statuses(conn, second) == [("enforced", None)] * 2
    assert [get_order(conn, each).replaced_by for each in (order, second)] == [second, None]
    assert [order_json(conn, get_order(conn, each))["state"] for each in (order, second)] == ["replaced", "enforced"]
    assert steps_of(conn, [order])[order][-1].state is State.WITHDRAWN


def test_the_order_before_is_kept_with_its_octets_and_the_ledger_names_both_digests(conn: Connection) -> None:
    order = push(conn, "a.test")
    second = correct(conn, "1", "1/C1", "b.test")
    publish(conn)

    assert [(row.id, row.version, row.pushed_by) for row in versions_of(conn, get_order(conn, order))] == [
        (order, 1, "role control"),
        (second, 2, "role control"),
    ]
    assert get_order(conn, order).original == b"{}"
    pushed = [each["said"] for each in said(conn) if each["action"] == "pushed"]
    assert pushed[1]["corrects"] == order and pushed[1]["corrects_sha256"] == pushed[0]["sha256"]
    assert pushed[1]["sha256"] == get_order(conn, second).sha256.hex() != pushed[0]["sha256"]
    replaced = [each for each in said(conn) if each["action"] == "entries replaced"]
    assert [(each["about"]["order"], each["said"]["entries"]) for each in replaced] == [(order, 1)]


def test_a_correction_of_which_nothing_is_in_force_replaces_nothing(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    second = correct(conn, "1", "1/C1", "www.bank.test", "no name at all")
    publish(conn)

    assert statuses(conn, order) == [("enforced", None)]
    assert [status for status, _ in statuses(conn, second)] == ["refused_protected", "invalid"]
    assert get_order(conn, order).replaced_by is None
    third = correct(conn, "1/C1", "1/C2", "c.test")
    publish(conn)
    assert live(conn) == {name("c.test"): third}
    assert get_order(conn, order).replaced_by == third


def agree(conn: Connection, order: int, number: int, kind: str = "held") -> None:
    proposal = Proposal(
        kind=kind, number=number, reason="r", reference="L", collateral="c", expires=NOW + timedelta(days=9)
    )
    proposed = propose(conn, get_order(conn, order), proposal, Signatory("A", "compliance", "root"), NOW)
    approve(conn, proposed, Signatory("B", "approver", "root"), NOW)


def test_what_a_rail_holds_of_a_correction_stays_in_force_by_the_order_until_two_persons_agree_anew(
    conn: Connection,
) -> None:
    order = push(conn, "198.51.100.7", "a.test", "gone.test")
    agree(conn, order, 1)
    publish(conn)
    assert statuses(conn, order)[0] == ("enforced", None)

    second = correct(conn, "1", "1/C1", "198.51.100.7", "a.test")
    publish(conn)

    assert [status for status, _ in statuses(conn, order)] == ["enforced", "withdrawn", "withdrawn"]
    assert [status for status, _ in statuses(conn, second)] == ["pending_review", "enforced"]

    agree(conn, second, 1)  # over the digest of the version
    publish(conn)
    assert [status for status, _ in statuses(conn, order)] == ["withdrawn"] * 3
    assert [status for status, _ in statuses(conn, second)] == ["enforced"] * 2


FIRST, OTHER = (Policy("first", here, 600, 100) for here in ("first", "other"))


def tried(conn: Connection, seconds: int) -> None:
    """What two gateways do with a change, one of which tries orders first."""
    at = NOW + timedelta(seconds=seconds)
    for policy in (FIRST, OTHER):
        settle(conn, rails(canary=policy), 1, at)
        confirm(conn, taken(conn), RECEIPT, at, policy)


@pytest.mark.parametrize("passes", [True, False])
def test_what_two_persons_let_in_of_a_correction_is_tried_while_the_order_before_holds_it_everywhere(
    conn: Connection, *, passes: bool
) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    agree(conn, order, 1)
    publish(conn)
    second = correct(conn, "1", "1/C1", "198.51.100.7", "a.test")
    for seconds in (1, 700):
        tried(conn, seconds)
    assert [status for status, _ in statuses(conn, second)] == ["pending_review", "enforced"]
    held = {each.wire for each in live_entries(conn, "other")}
    assert len(held) == 2

    agree(conn, second, 1)
    tried(conn, 701)
    assert [status for status, _ in statuses(conn, second)] == ["pending", "enforced"]
    assert {each.wire for each in live_entries(conn, "other")} == held, "no gateway opens it meanwhile"
    if not passes:
        wide = '{"too_wide":[1]}'
        found = Verification(second, NOW, 1, revision_of(conn, second), "too_wide", wide, {"here": 1})
        put_verification(conn, found, CONTROL)
    for seconds in (720, 1400):
        tried(conn, seconds)

    assert {each.wire for each in live_entries(conn, "other")} == held
    assert statuses(conn, order)[0][0] == ("withdrawn" if passes else "enforced")
    assert statuses(conn, second)[0][0] == ("enforced" if passes else "pending_review")


def test_what_a_correction_keeps_waiting_ends_with_the_correction_s_own_last_day(conn: Connection) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    agree(conn, order, 1)
    publish(conn)
    second = correct(conn, "1", "1/C1", "198.51.100.7", "a.test")
    publish(conn)
    assert [status for status, _ in statuses(conn, order)] == ["enforced", "withdrawn"]

    conn.execute(update(orders).where(orders.c.id == second).values(expires_s=int(NOW.timestamp())))
    assert lapse_due(conn, NOW) == [second]
    publish(conn)

    assert statuses(conn, order)[0] == ("withdrawn", "order 2 has corrected it")
    assert [status for status, _ in statuses(conn, second)] == ["expired", "expired"]
    assert live(conn) == {}


def ends(conn: Connection, order: int, at: datetime) -> None:
    conn.execute(update(orders).where(orders.c.id == order).values(expires_s=int(at.timestamp())))


@pytest.mark.parametrize("n_corrections", [1, 2])
def test_what_a_correction_keeps_waiting_ends_with_the_newest_version_and_not_with_the_one_that_holds_it(
    conn: Connection, n_corrections: int
) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    agree(conn, order, 1)
    publish(conn)
    ends(conn, order, NOW + DAY)
    newest = order
    for n in range(n_corrections):
        newest = correct(conn, f"1/C{n}" if n else "1", f"1/C{n + 1}", "198.51.100.7", "a.test")
        publish(conn)
        ends(conn, newest, NOW + (n + 2) * DAY)
    last = NOW + (n_corrections + 1) * DAY

    assert lapse_due(conn, last - DAY) == []
    publish(conn, last - DAY)
    assert statuses(conn, order)[0] == ("enforced", None)
    assert [status for status, _ in statuses(conn, newest)] == ["pending_review", "enforced"]
    assert lapse_due(conn, last) == [newest]
    publish(conn, last)

    assert live(conn) == {}
    assert [status for status, _ in statuses(conn, order)] == ["withdrawn", "withdrawn"]


def test_what_a_correction_without_a_last_day_keeps_waiting_stays_until_it_is_withdrawn(conn: Connection) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    agree(conn, order, 1)
    publish(conn)
    ends(conn, order, NOW + DAY)
    second = correct(conn, "1", "1/C1", "198.51.100.7", "a.test")
    publish(conn)

    assert lapse_due(conn, NOW + 2 * DAY) == []
    publish(conn, NOW + 2 * DAY)
    assert statuses(conn, order)[0] == ("enforced", None)
    withdraw_order(conn, second, "court", NOW, CONTROL)
    publish(conn, NOW + 2 * DAY)

    assert live(conn) == {}


def test_the_last_day_of_a_correction_that_was_never_in_force_opens_nothing(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    second = correct(conn, "1", "1/C1", "198.51.100.7")
    publish(conn)

    conn.execute(update(orders).where(orders.c.id == second).values(expires_s=int(NOW.timestamp())))
    assert lapse_due(conn, NOW) == [second]
    publish(conn)

    assert statuses(conn, order) == [("enforced", None)]


def test_a_url_without_a_name_that_is_withdrawn_from_a_correction_opens_its_host_by_the_order_before_too(
    conn: Connection,
) -> None:
    order = push(conn, "https://a.test/#!/page", "b.test")
    agree(conn, order, 1, "broader")
    publish(conn)
    second = correct(conn, "1", "1/C1", "https://a.test/#!/page", "198.51.100.7")
    publish(conn)
    assert live(conn) == {name("a.test"): order, name("b.test"): order}  # nothing of the correction is in force

    withdraw_entries(conn, second, [1], "court", NOW, CONTROL)
    publish(conn)

    assert live(conn) == {name("b.test"): order}
    assert statuses(conn, order) == [("withdrawn", "court"), ("enforced", None)]


def test_an_emergency_order_which_lapses_takes_the_place_of_no_order_that_lasts(conn: Connection) -> None:
    push(conn, "a.test")
    push(conn, "b.test", ref="E/1", emergency=True)

    with pytest.raises(
        VersionConflict, match="PTA 1: it lasts, and an emergency order lapses; not corrected, nothing stored"
    ):
        correctable(conn, "PTA", "1", is_emergency=True)
    assert correctable(conn, "PTA", "E/1", is_emergency=True).ref == "E/1"


def confirm_emergency(conn: Connection, order: int) -> None:
    proposal = Proposal(kind="emergency", number=None, reason="r", reference="L", collateral="c", expires=None)
    proposed = propose(conn, get_order(conn, order), proposal, Signatory("A", "compliance", "root"), NOW)
    approve(conn, proposed, Signatory("B", "approver", "root"), NOW)


def test_an_emergency_order_that_two_persons_have_confirmed_lasts_and_no_emergency_order_takes_its_place(
    conn: Connection,
) -> None:
    order = push(conn, "a.test", ref="E/1", emergency=True)
    confirm_emergency(conn, order)
    publish(conn)

    with pytest.raises(
        VersionConflict, match="PTA E/1: it lasts, and an emergency order lapses; not corrected, nothing"
    ):
        correctable(conn, "PTA", "E/1", is_emergency=True)

    second = correct(conn, "E/1", "2", "a.test", "b.test")  # which lasts itself
    publish(conn, NOW + DAY)
    assert live(conn) == {name("a.test"): second, name("b.test"): second}


@pytest.mark.parametrize("is_emergency", [True, False])
def test_an_emergency_order_that_has_lapsed_is_not_corrected_and_the_sender_reads_what_to_do(
    conn: Connection, is_emergency: bool
) -> None:
    order = push(conn, "a.test", "no name at all", "https://a.test/#!/page", "bank.test", ref="E/1", emergency=True)
    publish(conn)
    assert correctable(conn, "PTA", "E/1", is_emergency=is_emergency).id == order
    publish(conn, NOW + DAY)
    assert statuses(conn, order)[0][0] == "expired"

    why = "PTA E/1: it has lapsed; not corrected, nothing stored; push a new order, without corrects"
    with pytest.raises(VersionConflict, match=why):
        correctable(conn, "PTA", "E/1", is_emergency=is_emergency)


def test_an_approval_is_of_one_version_alone(conn: Connection) -> None:
    order = push(conn, "198.51.100.7")
    second = correct(conn, "1", "1/C1", "198.51.100.7")
    words = ("kind", "reason", "reference", "collateral", "owner_consent", "expires_s", "proposer")
    said_of = dict.fromkeys(words, "x") | {"number": None}
    digests = {digest_of(ORDERS.words_of(conn, said_of | {"order": each})) for each in (order, second)}
    assert len(digests) == 2


def test_nothing_is_proposed_of_an_order_that_was_corrected(conn: Connection) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    correct(conn, "1", "1/C1", "a.test")
    publish(conn)

    with pytest.raises(ApprovalRefusal, match="order 1: corrected by order 2; nothing proposed; look at that one"):
        agree(conn, order, 1)


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (
            "withdraw",
            "PTA 1: it was withdrawn; not corrected, nothing stored; push .* as a new order, without corrects",
        ),
        ("expire", "PTA 1: its last day is over; not corrected, nothing stored; push a new order, without corrects"),
        ("correct", "PTA 1: 1/C1 has corrected it; not corrected, nothing stored; write corrects: 1/C1"),
    ],
)
def test_an_order_that_is_over_is_not_corrected_and_the_sender_reads_what_to_do(
    conn: Connection, does: str, why: str
) -> None:
    order = push(conn, "a.test")
    if does == "withdraw":
        withdraw_order(conn, order, "r", NOW, CONTROL)
    elif does == "expire":
        conn.execute(orders.update().values(expires_s=int(NOW.timestamp())))
        assert lapse_due(conn, NOW) == [order]
    else:
        correct(conn, "1", "1/C1", "b.test")

    with pytest.raises(VersionConflict, match=why):
        correct(conn, "1", "2", "c.test")
    assert find_order(conn, "PTA", "2") is None


def test_what_was_never_given_is_not_corrected(conn: Connection) -> None:
    push(conn, "a.test")
    with pytest.raises(BadRequest, match="/corrects: PTA has given no order '7'"):
        correct(conn, "7", "2", "c.test")


def test_of_two_corrections_of_one_order_at_once_the_database_takes_one(conn: Connection) -> None:
    push(conn, "a.test")
    before = correctable(conn, "PTA", "1")
    correct(conn, "1", "1/C1", "b.test")

    with pytest.raises(IntegrityError):
        put_order(conn, Order("PTA", "1/C2", "g", "subtree", None, False, ()), (), b"", NOW, CONTROL, corrected=before)
    conn.rollback()


def test_the_newest_version_alone_is_withdrawn_and_takes_the_others_with_it(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    second = correct(conn, "1", "1/C1", "198.51.100.7")  # held: the order is in force still
    publish(conn)
    with pytest.raises(
        VersionConflict, match=r"PTA 1: 1/C1 \(order 2\) has corrected it; nothing withdrawn; withdraw that"
    ):
        refuse_replaced(conn, get_order(conn, order))

    withdraw_order(conn, second, "court", NOW, CONTROL)
    publish(conn)

    assert live(conn) == {}
    states = [order_json(conn, get_order(conn, each))["state"] for each in (order, second)]
    assert states == ["withdrawn", "withdrawn"]


def test_a_part_that_is_withdrawn_of_a_correction_is_open_though_the_order_holds_it_still(conn: Connection) -> None:
    order = push(conn, "198.51.100.7", "a.test")
    agree(conn, order, 1)
    publish(conn)
    second = correct(conn, "1", "1/C1", "198.51.100.7", "b.test")
    publish(conn)
    assert statuses(conn, order)[0] == ("enforced", None)

    withdraw_entries(conn, second, [1], "court", NOW, CONTROL)
    publish(conn)

    assert live(conn) == {name("b.test"): second}


def test_a_correction_in_the_name_of_another_issuer_replaces_nothing(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    lie = Order("SMPRA", "1", "g", "subtree", None, False, (("b.test", "subtree"),))
    put_order(
        conn, lie, judge_entries(lie, ProtectedNames()), b"{}", NOW, CONTROL, corrected=correctable(conn, "PTA", "1")
    )
    publish(conn)

    assert statuses(conn, order) == [("enforced", None)]


def test_changes_name_what_opens_and_what_is_new_and_count_what_stays(conn: Connection) -> None:
    order = push(conn, "a.test", "b.test", "b.test", "no name at all", "out.test")
    withdraw_entries(conn, order, [5], "court", NOW, CONTROL)
    publish(conn)
    second = correct(conn, "1", "1/C1", "B.Test.", "www.bank.test", "out.test")
    publish(conn)

    found = changes_of(conn, get_order(conn, second))
    assert found is not None
    assert [row.value for row in found.opened] == ["a.test"]
    assert [row.value for row in found.added] == ["www.bank.test", "out.test"]
    assert found.n_kept == 1
    assert changes_of(conn, get_order(conn, order)) is None

    judged = list(judge_entries(Order("PTA", "2", "g", "exact", None, False, (("b.test", "exact"),)), ProtectedNames()))
    foreseen = changes_between(conn, second, judged)
    assert [row.value for row in foreseen.opened] == ["B.Test.", "out.test"]  # of another scope: another entry
    assert [each.value for each in foreseen.added] == ["b.test"]

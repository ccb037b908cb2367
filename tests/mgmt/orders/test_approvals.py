"""Two persons of different groups: what they may let in, for how long, and what control believes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update
from support.mgmt.orders import NOW, publish, push, said, statuses

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import ORDERS, Proposal, approve, propose
from mgmt.orders.base.live import live_entries
from mgmt.orders.store import entry_json, get_order, order_json, page_of_entries, withdraw_order
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from parental.store.schema.orders import approvals, entries, orders

URL = "https://shared.test/a/b"
HOST = b"\6shared\4test\0"
KHAN, ALI = Signatory("A. Khan", "compliance", "root"), Signatory("B. Ali", "approver", "root")
UNTIL = NOW + timedelta(days=30)
LATER = NOW + timedelta(hours=1)


def proposal(kind: str = "broader", number: int | None = 1, **more: Any) -> Proposal:
    words: dict[str, Any] = {
        "reason": "the host is ordered",
        "reference": "WA/9",
        "collateral": "all of the host",
        "expires": UNTIL,
    }
    return Proposal(kind=kind, number=number, **(words | more))


def agree(conn: Connection, order: int, said: Proposal | None = None, at: datetime = NOW) -> int:
    number = propose(conn, get_order(conn, order), said or proposal(), KHAN, at)
    approve(conn, number, ALI, at)
    return number


def is_host_blocked(conn: Connection) -> bool:
    return HOST in {live.wire for live in live_entries(conn)}


def since(conn: Connection) -> datetime:
    """Since when the one entry that is here is in force."""
    return datetime.fromtimestamp(conn.execute(select(entries.c.enforced_ms)).scalar_one() / 1000, UTC)


def test_a_url_is_blocked_by_its_host_only_after_two_persons_and_says_so_with_reason_collateral_and_end(
    conn: Connection,
) -> None:
    order = push(conn, URL)
    publish(conn)
    number = propose(conn, get_order(conn, order), proposal(), KHAN, NOW)
    publish(conn)
    assert (statuses(conn, order), is_host_blocked(conn)) == ([("not_visible_over_https", None)], False)

    approve(conn, number, ALI, NOW)
    assert not is_host_blocked(conn)
    publish(conn)

    assert statuses(conn, order) == [("enforced_broader", "the host is ordered")]
    assert is_host_blocked(conn)
    (entry,) = page_of_entries(conn, order, 0, 9)
    told = entry_json(entry)["approval"]
    assert told["collateral"] == "all of the host"
    assert told["until"] == "2026-09-02T16:00:00.000+00:00"
    assert order_json(conn, get_order(conn, order))["state"] == "enforced"
    given = next(each for each in said(conn) if each["action"] == "approval given")
    assert (given["actor"]["name"], given["second_actor"]["name"]) == ("B. Ali", "A. Khan")
    assert "shared" not in str(said(conn))


def test_at_its_end_it_falls_back_by_itself_and_the_ledger_says_so(conn: Connection) -> None:
    order = push(conn, URL)
    agree(conn, order)
    publish(conn)
    assert is_host_blocked(conn)

    publish(conn, UNTIL)

    assert statuses(conn, order) == [("not_visible_over_https", None)]
    assert not is_host_blocked(conn)
    assert [each["action"] for each in said(conn) if each["action"] in ("approval ended", "entries fell back")] == [
        "approval ended",
        "entries fell back",
    ]


def test_what_is_let_in_as_it_is_does_not_block_the_host_when_that_approval_ends(conn: Connection) -> None:
    order = push(conn, URL)
    for said_of in (proposal("held"), proposal(expires=UNTIL - timedelta(days=1))):
        agree(conn, order, said_of)
    publish(conn)
    assert (statuses(conn, order)[0][0], is_host_blocked(conn)) == ("enforced_broader", True)

    publish(conn, UNTIL - timedelta(days=1))

    assert (statuses(conn, order), is_host_blocked(conn)) == ([("not_visible_over_https", None)], False)
    assert [each["action"] for each in said(conn) if each["action"].startswith("entries")][-1] == "entries fell back"


def test_while_its_host_is_blocked_nobody_proposes_or_signs_that_an_entry_is_let_in_as_it_is(conn: Connection) -> None:
    order = push(conn, URL)
    number = propose(conn, get_order(conn, order), proposal("held"), KHAN, NOW)
    agree(conn, order)
    publish(conn)

    with pytest.raises(ApprovalRefusal, match=r"entry 1: is in force by its whole host, .*: no rail holds it; nothing"):
        propose(conn, get_order(conn, order), proposal("held"), KHAN, NOW)
    with pytest.raises(ApprovalRefusal, match=r"is in force by its whole host, .*: no rail holds it; not signed"):
        approve(conn, number, ALI, NOW)


def test_at_its_end_what_no_layer_sees_is_not_enforceable_again(conn: Connection) -> None:
    order = push(conn, "https://shared.test/#!/page")
    publish(conn)
    before = statuses(conn, order)
    assert before[0][0] == "not_enforceable_at_this_layer"
    agree(conn, order)
    publish(conn)
    assert (statuses(conn, order)[0][0], is_host_blocked(conn)) == ("enforced_broader", True)

    publish(conn, UNTIL)

    assert (statuses(conn, order), is_host_blocked(conn)) == (before, False)


def test_a_host_that_is_protected_is_not_blocked_whoever_agrees(conn: Connection) -> None:
    order = push(conn, "https://www.bank.test/a")
    agree(conn, order)
    publish(conn)

    assert statuses(conn, order) == [("not_visible_over_https", None)]
    assert [live.wire for live in live_entries(conn)] == [b"www.bank.test/a"]


@pytest.mark.parametrize("value", ["198.51.100.9", "192.0.2.0/23", "github.io"])
def test_what_a_rail_holds_is_let_in_by_two_persons_until_their_day(conn: Connection, value: str) -> None:
    order = push(conn, value)
    publish(conn)
    ((held, why),) = statuses(conn, order)
    assert held == "pending_review"
    agree(conn, order, proposal("held"))
    publish(conn)
    assert statuses(conn, order) == [("enforced", None)]
    assert len(list(live_entries(conn))) > 0

    publish(conn, UNTIL)

    ((held, again),) = statuses(conn, order)
    assert (held, str(why).removeprefix("control: ") in str(again)) == ("pending_review", True)
    assert list(live_entries(conn)) == []


@pytest.mark.parametrize("value", ["com.pk", "10.0.0.1", "www.bank.test", "203.0.113.53"])
def test_what_a_rail_refuses_nobody_proposes(conn: Connection, value: str) -> None:
    order = push(conn, value)
    publish(conn)

    with pytest.raises(ApprovalRefusal, match=r"entry 1: is refused_protected \(.*\), which no one can approve"):
        agree(conn, order, proposal("held"))


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("a.test", "held", "is enforced, and no rail holds it"),
        ("https://shared.test/#!/page", "held", "is not_enforceable_at_this_layer, and no rail holds it"),
        ("a.test", "broader", "is no URL with the name of a host"),
        ("198.51.100.9", "broader", "is no URL with the name of a host"),
        ("no name", "held", r"is invalid \(.*\), which no one can approve"),
    ],
)
def test_a_proposal_of_which_nothing_would_come_is_refused(conn: Connection, value: str, kind: str, why: str) -> None:
    order = push(conn, value)
    publish(conn)

    with pytest.raises(ApprovalRefusal, match=why):
        agree(conn, order, proposal(kind))


def test_what_control_has_refused_since_it_was_proposed_is_not_approved(conn: Connection) -> None:
    order = push(conn, "www.bank.test")
    number = propose(conn, get_order(conn, order), proposal("held"), KHAN, NOW)
    publish(conn)

    with pytest.raises(ApprovalRefusal, match="which no one can approve; not signed"):
        approve(conn, number, ALI, NOW)


def test_what_is_held_is_let_in_for_longer_before_its_day(conn: Connection) -> None:
    order = push(conn, "github.io")
    publish(conn)
    agree(conn, order, proposal("held"))
    publish(conn)

    agree(conn, order, proposal("held", expires=UNTIL + timedelta(hours=1)), LATER)
    publish(conn, UNTIL)

    assert statuses(conn, order) == [("enforced", None)]


@pytest.mark.parametrize(("value", "kind"), [("github.io", "held"), (URL, "broader")])
def test_what_is_let_in_for_longer_before_its_day_is_in_force_since_it_was_let_in_first(
    conn: Connection, value: str, kind: str
) -> None:
    order = push(conn, value)
    for at in (NOW, LATER):
        agree(conn, order, proposal(kind), at)
        publish(conn, at)

    assert since(conn) == NOW
    assert statuses(conn, order)[0][0] == ("enforced" if kind == "held" else "enforced_broader")


def test_a_url_is_in_force_by_its_host_since_that_was_let_in_and_no_later_once_it_falls_back(conn: Connection) -> None:
    order = push(conn, URL)
    publish(conn)
    agree(conn, order, at=LATER)
    publish(conn, LATER)
    assert since(conn) == LATER

    publish(conn, UNTIL)

    assert (since(conn), statuses(conn, order)) == (LATER, [("not_visible_over_https", None)])


@pytest.mark.parametrize("value", ["www.bank.test", "203.0.113.53"])
def test_what_a_rail_refuses_nobody_lets_in(conn: Connection, value: str) -> None:
    order = push(conn, value)
    agree(conn, order, proposal("held"))
    publish(conn)

    assert [status for status, _ in statuses(conn, order)] == ["refused_protected"]
    assert list(live_entries(conn)) == []


def test_two_persons_keep_an_emergency_order_alive(conn: Connection) -> None:
    order = push(conn, "a.test", emergency=True)
    publish(conn)
    agree(conn, order, proposal("emergency", None, expires=None))
    publish(conn, NOW + timedelta(hours=9))

    assert statuses(conn, order) == [("enforced", None)]
    assert order_json(conn, get_order(conn, order))["lapses"] is None


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (Signatory("A. Khan", "approver", "root"), "another person must"),
        (Signatory(" a.  khan", "approver", "root"), "another person must"),
        (Signatory("\uff21. Khan", "approver", "root"), "another person must"),  # fullwidth
        (Signatory("B. Ali", "compliance", "root"), "another group must"),
        (Signatory("B. Ali", "visitors", "root"), "unknown"),
        (Signatory(" ", "approver", "root"), "empty"),
    ],
)
def test_one_person_or_one_group_is_not_two(conn: Connection, second: Signatory, why: str) -> None:
    number = propose(conn, get_order(conn, push(conn, URL)), proposal(), KHAN, NOW)

    with pytest.raises(ApprovalRefusal, match=why):
        approve(conn, number, second, NOW)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (proposal(expires=UNTIL + timedelta(seconds=1)), "more than 30 days .* write an earlier day"),
        (proposal(expires=NOW), "--until: is past"),
        (proposal(expires=None), "--until: missing"),
        (proposal(collateral=" "), "collateral: missing"),
        (proposal(reason=""), "reason: missing"),
        (proposal(reference=""), "reference: missing"),
        (proposal(number=2), "not in order"),
        (proposal("emergency", None), "no emergency order"),
    ],
)
def test_a_proposal_says_why_by_whose_letter_what_else_and_until_when(
    conn: Connection, said: Proposal, why: str
) -> None:
    with pytest.raises(ApprovalRefusal, match=why):
        propose(conn, get_order(conn, push(conn, URL)), said, KHAN, NOW)


def test_child_abuse_material_is_widened_with_its_lists_owners_consent_alone(conn: Connection) -> None:
    order = get_order(conn, push(conn, URL, ground="PECA 22"))
    with pytest.raises(ApprovalRefusal, match="has not consented"):
        propose(conn, order, proposal(), KHAN, NOW)

    number = propose(conn, order, proposal(owner_consent="IWF letter 12"), KHAN, NOW)
    approve(conn, number, ALI, NOW)
    conn.execute(update(approvals).values(owner_consent=None))
    publish(conn)

    assert not is_host_blocked(conn)


LAPSES = NOW + timedelta(hours=4)
WHOLE = proposal("emergency", None, expires=None)


def test_that_an_emergency_order_does_not_lapse_nobody_proposes_or_signs_once_it_has(conn: Connection) -> None:
    order = push(conn, "a.test", "no name", emergency=True)
    publish(conn)
    number = propose(conn, get_order(conn, order), WHOLE, KHAN, LAPSES - timedelta(minutes=10))
    publish(conn, LAPSES)

    late = LAPSES + timedelta(minutes=5)
    over = "an emergency order that has lapsed"
    with pytest.raises(ApprovalRefusal, match=f"approval 1: is of order 1: {over}; not signed; it needs a new order"):
        approve(conn, number, ALI, late)
    with pytest.raises(ApprovalRefusal, match=f"order 1: {over}; nothing proposed; it needs a new order"):
        propose(conn, get_order(conn, order), WHOLE, KHAN, late)
    assert "approval given" not in [each["action"] for each in said(conn)]


def test_what_of_an_emergency_order_is_still_in_force_two_persons_keep(conn: Connection) -> None:
    order = push(conn, "a.test", emergency=True)
    publish(conn)
    agree(conn, order, WHOLE, LAPSES)
    publish(conn, LAPSES)

    assert statuses(conn, order) == [("enforced", None)]


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"withdrawn_ms": 1}, "withdrawn; not signed; it needs a new order"),
        ({"expired_ms": 1}, "its last day is over; not signed; it needs a new order"),
        ({"replaced_by": 7}, "corrected by order 7; not signed; look at that one"),
    ],
)
def test_what_is_over_between_two_signatures_is_signed_no_more(
    conn: Connection, over: dict[str, int], why: str
) -> None:
    order = push(conn, "a.test", emergency=True)
    number = propose(conn, get_order(conn, order), WHOLE, KHAN, NOW)
    conn.execute(update(orders).values(over))

    with pytest.raises(ApprovalRefusal, match=f"approval 1: is of order 1: {why}"):
        approve(conn, number, ALI, NOW)


def test_an_approval_of_an_order_as_a_whole_outlasts_what_becomes_of_its_entries(conn: Connection) -> None:
    order = push(conn, "a.test", "b.test", emergency=True)
    publish(conn)
    agree(conn, order, WHOLE)
    conn.execute(update(orders).values(replaced_by=7))
    publish(conn, LAPSES)

    assert [status for status, _ in statuses(conn, order)] == ["enforced"] * 2
    assert "approval refused" not in [each["action"] for each in said(conn)]


def test_a_withdrawn_order_is_approved_no_more(conn: Connection) -> None:
    order = push(conn, URL)
    withdraw_order(conn, order, "x", NOW, CONTROL)

    with pytest.raises(ApprovalRefusal, match="withdrawn"):
        propose(conn, get_order(conn, order), proposal(), KHAN, NOW)


@pytest.mark.parametrize(
    "lie",
    [
        {"approver": "A. Khan"},
        {"approver": "a.  KHAN"},
        {"approver_group": "compliance"},
        {"approver_group": "visitors"},
        {"expires_s": int((UNTIL + timedelta(days=1)).timestamp())},
        {"collateral": "nothing"},
        {"reason": ""},
        {"number": 2},
        {"kind": "held"},
        {"digest": b""},
    ],
)
def test_control_does_not_believe_an_approval_that_the_database_should_not_have_taken(
    conn: Connection, lie: dict[str, Any]
) -> None:
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL takes no such row from anybody")
    order = push(conn, URL, "https://shared.test/other")
    agree(conn, order)
    conn.execute(text("PRAGMA ignore_check_constraints = ON"))
    conn.execute(update(approvals).values(lie))
    conn.execute(text("PRAGMA ignore_check_constraints = OFF"))
    publish(conn)

    assert not is_host_blocked(conn)
    assert "approval refused" in [each["action"] for each in said(conn)]


def test_an_approval_that_another_gateway_has_given_by_a_clock_that_is_ahead_is_believed(conn: Connection) -> None:
    agree(conn, push(conn, URL))
    conn.execute(update(approvals).values(approved_s=int((NOW + timedelta(days=1)).timestamp())))
    publish(conn)

    assert is_host_blocked(conn)


def test_a_row_of_an_approval_may_hold_anything_and_is_then_none(conn: Connection) -> None:
    order = push(conn, URL)
    number = agree(conn, order)
    if conn.dialect.name == "sqlite":
        conn.execute(text("PRAGMA ignore_check_constraints = ON"))
        conn.execute(text("UPDATE approvals SET expires_s = 'x', reason = 12, approved_s = x'00'"))
        publish(conn)
        assert not is_host_blocked(conn)
    else:
        conn.execute(update(approvals).values(number=99))
    row = conn.execute(approvals.select().where(approvals.c.id == number)).one()

    assert ORDERS.fault_of(conn, row) is not None

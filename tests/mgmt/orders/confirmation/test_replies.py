"""Control answers issuers."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from support.mgmt.confirmed import SIGNER, VALUES, confirmed, verified
from support.mgmt.orders import NOW, RECEIPT, publish, push, rails, said, statuses
from support.mgmt.signing import BY_PASSKEYS, WIDER, proposed, signed, signer

from mgmt.ledger.event import CONTROL
from mgmt.ledger.signed_statement import digest_of
from mgmt.orders import decisions
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.dates import lapse_due
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.live import orders_revision
from mgmt.orders.base.model import Order
from mgmt.orders.confirmation.replies import changed, confirm, due, last_confirmation, mark_of, restate, superseded
from mgmt.orders.phases.states import steps_of
from mgmt.orders.store import get_order, put_order, withdraw_entries, withdraw_order
from mgmt.orders.versions import correctable
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.rules import Signatory
from mgmt.staff.approvals.signatures import refuse_proposal
from parental.store.schema.confirmations import confirmations
from parental.store.schema.orders import orders
from rules.base.protected import ProtectedNames


def test_a_verified_order_is_confirmed_once_with_a_step_and_an_event(conn: Connection) -> None:
    order = confirmed(conn)

    assert due(conn, 9) == []
    assert [(each.state.value, each.by) for each in steps_of(conn, [order])[order]][-2:] == [
        ("verified", "verifier"),
        ("confirmed", "control"),
    ]
    event = said(conn)[-1]
    assert (event["action"], event["said"]["verification"], len(event["said"]["sha256"])) == (
        "confirmation signed",
        1,
        64,
    )
    assert "example" not in str(event)


def test_an_order_that_is_open_has_no_answer(conn: Connection) -> None:
    order = push(conn, "bad.example")
    publish(conn)
    assert due(conn, 9) == [] and last_confirmation(conn, order) is None
    verified(conn, order, "open")
    assert due(conn, 9) == []


def test_an_order_that_has_changed_since_it_was_verified_has_no_answer(conn: Connection) -> None:
    order = push(conn, "bad.example")
    publish(conn)
    verified(conn, order)
    (found,) = due(conn, 9)
    withdraw_order(conn, order, "a court", NOW, CONTROL)

    assert not confirm(conn, found, SIGNER, NOW)
    assert conn.execute(select(confirmations)).all() == []


def test_an_order_that_is_verified_again_is_answered_again_and_the_newest_answer_is_given(conn: Connection) -> None:
    order = confirmed(conn, "bad.example")
    first = last_confirmation(conn, order)
    verified(conn, order, "open")
    verified(conn, order)
    (found,) = due(conn, 9)

    assert confirm(conn, found, SIGNER, NOW + timedelta(hours=1))
    newest = last_confirmation(conn, order)
    assert first is not None and newest is not None and newest.id > first.id


def test_orders_that_are_verified_once_more_or_withdrawn_before_their_answer_keep_no_other_waiting(
    conn: Connection,
) -> None:
    again = confirmed(conn, "bad.example")
    verified(conn, again)
    gone = push(conn, "gone.example", ref="2")
    publish(conn)
    verified(conn, gone)
    withdraw_order(conn, gone, "a court", NOW, CONTROL)
    new = push(conn, "worse.example", ref="3")
    publish(conn)
    verified(conn, new)

    assert [each.order for each in due(conn, 1)] == [new]


def test_an_order_of_which_a_part_is_withdrawn_is_verified_and_confirmed_again(conn: Connection) -> None:
    order = confirmed(conn, "bad.example", "worse.example")
    withdraw_entries(conn, order, [2], "a court", NOW, CONTROL)
    publish(conn)
    assert steps_of(conn, [order])[order][-1].state.value == "enforced", "what was verified has changed"

    verified(conn, order)
    (found,) = due(conn, 9)
    assert confirm(conn, found, SIGNER, NOW + timedelta(hours=1))
    assert [each.state.value for each in steps_of(conn, [order])[order]][-3:] == ["enforced", "verified", "confirmed"]
    publish(conn)
    assert steps_of(conn, [order])[order][-1].state.value == "confirmed"


def look(conn: Connection, since: int) -> None:
    """What control does with what is new since a revision, where every worker takes it."""
    decisions.settle(conn, rails(proof=BY_PASSKEYS), since, NOW)
    decisions.confirm(conn, decisions.taken(conn), RECEIPT, NOW)


@pytest.mark.parametrize(
    ("value", "ends_by", "state", "status"),
    [
        ("http://shared.example/a", "refusal", "confirmed", "enforced_http_only"),
        ("http://bank.test/a", "signature", "confirmed", "enforced_http_only"),  # a rail keeps its host open
        ("http://shared.example/a", "signature", "enforced", "enforced_broader"),
    ],
)
def test_what_becomes_of_a_proposal_has_an_order_confirmed_again_only_where_it_changes_an_entry(
    conn: Connection, value: str, ends_by: str, state: str, status: str
) -> None:
    order = confirmed(conn, value)
    amna, bilal = signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")
    number = proposed(conn, order, WIDER, amna)
    assert signed(conn, number, amna) is None
    since = orders_revision(conn)

    if ends_by == "refusal":
        refuse_proposal(conn, SUBJECTS, number, "too wide", bilal.person, NOW)
    else:
        assert signed(conn, number, bilal) is None
    assert decisions.has_due(conn, since, NOW), "control looks at it at once"
    look(conn, since)

    assert statuses(conn, order)[0][0] == status
    assert steps_of(conn, [order])[order][-1].state.value == state


def newest(conn: Connection, order: int) -> dict[str, Any]:
    row = last_confirmation(conn, order)
    assert row is not None
    return dict(json.loads(row.text))


def restated(conn: Connection, order: int, at: datetime) -> dict[str, Any]:
    """What control signs by itself, where something has changed."""
    assert changed(conn) == [order]
    assert superseded(conn, order, None) is not None, "the older one is not given meanwhile"
    assert restate(conn, order, SIGNER, at)
    assert (changed(conn), superseded(conn, order, None)) == ([], None)
    return newest(conn, order)


HOUR = NOW + timedelta(hours=1)


def test_a_withdrawal_is_answered_with_a_statement_that_says_withdrawn_and_what_it_supersedes(conn: Connection) -> None:
    order = confirmed(conn, "bad.example")
    before = last_confirmation(conn, order)
    assert before is not None and newest(conn, order)["answer"] == "confirmed"
    withdraw_order(conn, order, "a court", NOW, CONTROL)
    assert not restate(conn, order, SIGNER, HOUR), "not before every worker has let go of it"
    publish(conn)

    said_then = restated(conn, order, HOUR)
    (entry,) = said_then["entries"]
    assert (said_then["answer"], entry["status"], entry["verified"]) == ("withdrawn", "withdrawn", False)
    assert said_then["made"] == "2026-08-03T17:00:00.000Z" and said_then["times"]["withdrawn"] is not None
    older = digest_of(before.text)
    assert said_then["supersedes"] == {"sha256": older, "made": "2026-08-03T16:00:31.000Z"}
    why = superseded(conn, order, older)
    assert why is not None and "was superseded by" in why and "2026-08-03T17:00:00.000Z" in why
    assert said(conn)[-1]["action"] == "statement signed" and due(conn, 9) == []


def test_an_order_that_was_withdrawn_before_it_was_verified_is_answered_too(conn: Connection) -> None:
    order = push(conn, "bad.example")
    publish(conn)
    withdraw_order(conn, order, "a court", NOW, CONTROL)
    publish(conn)

    assert changed(conn) == [order] and restate(conn, order, SIGNER, HOUR)
    found = newest(conn, order)
    assert (found["answer"], found["supersedes"], found["coverage"]["verification"]) == ("withdrawn", None, None)
    assert changed(conn) == []


def test_what_is_withdrawn_in_part_or_widened_is_said_at_once_and_not_called_verified_before_it_is(
    conn: Connection,
) -> None:
    order = confirmed(conn, "bad.example", "http://shared.example/a", "worse.example")
    withdraw_entries(conn, order, [3], "a court", NOW, CONTROL)
    wider = Proposal(kind="broader", number=2, reason="r", reference="L", collateral="c", expires=HOUR)
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    approve(conn, propose(conn, get_order(conn, order), wider, first, NOW), second, NOW)
    publish(conn)

    said_then = restated(conn, order, HOUR)
    assert said_then["answer"] == "not_confirmed" and said_then["times"]["confirmed"] is None
    assert [(each["status"], each["verified"]) for each in said_then["entries"]] == [
        ("enforced", True),
        ("enforced_broader", False),
        ("withdrawn", False),
    ]
    verified(conn, order)
    (again,) = due(conn, 9)
    assert confirm(conn, again, SIGNER, HOUR + timedelta(minutes=1))
    assert newest(conn, order)["answer"] == "confirmed"
    assert newest(conn, order)["supersedes"]["made"] == "2026-08-03T17:00:00.000Z"


def test_an_order_that_is_found_open_afterwards_is_answered_once_more_and_not_each_time(conn: Connection) -> None:
    order = confirmed(conn, "bad.example")
    verified(conn, order, "open")
    assert restated(conn, order, HOUR)["answer"] == "not_confirmed"
    verified(conn, order, "open")
    assert changed(conn) == []


def test_an_order_of_which_a_part_is_not_in_force_as_directed_is_partly_confirmed(conn: Connection) -> None:
    assert newest(conn, confirmed(conn, "bad.example", "com.pk"))["answer"] == "partly_confirmed"
    hidden = newest(conn, confirmed(conn, "https://shared.example/a", ref="2"))
    (entry,) = hidden["entries"]
    assert (hidden["answer"], entry["status"]) == ("partly_confirmed", "not_visible_over_https")
    assert (entry["verified"], entry["ways"]) == (False, ["dns-udp-4", "tls-4"])


def verified_again(conn: Connection) -> int:
    """An order of which a part was withdrawn after its answer, and that the traffic has verified since; its number."""
    order = confirmed(conn, "bad.example", "worse.example")
    withdraw_entries(conn, order, [2], "a court", NOW, CONTROL)
    publish(conn)
    verified(conn, order)
    return order


def test_what_is_confirmed_again_is_not_taken_back_by_what_was_seen_of_it_before(conn: Connection) -> None:
    order = verified_again(conn)
    (found,), outdated = due(conn, 9), changed(conn)
    assert outdated == [order]
    assert confirm(conn, found, SIGNER, HOUR)

    assert restate(conn, order, SIGNER, HOUR), "there is nothing left to say"
    assert newest(conn, order)["answer"] == "confirmed"
    assert superseded(conn, order, None) is None


def test_what_was_verified_meanwhile_is_left_to_its_confirmation(conn: Connection) -> None:
    order = verified_again(conn)
    assert not restate(conn, order, SIGNER, HOUR)

    (found,) = due(conn, 9)
    assert confirm(conn, found, SIGNER, HOUR)
    assert (newest(conn, order)["answer"], changed(conn)) == ("confirmed", [])


def test_a_second_look_is_at_what_has_changed_since_the_first_alone(conn: Connection) -> None:
    seen, new, wanting, refused = (
        confirmed(conn, "seen.example"),
        confirmed(conn, "new.example", ref="2"),
        confirmed(conn, "open.example", ref="3"),
        push(conn, "com.pk", ref="4"),
    )
    publish(conn)
    withdraw_order(conn, seen, "a court", NOW, CONTROL)
    mark = mark_of(conn)
    assert (changed(conn), changed(conn, since=mark)) == ([seen], [])

    withdraw_order(conn, new, "a court", NOW, CONTROL)
    verified(conn, wanting, "open")
    withdraw_order(conn, refused, "a court", NOW, CONTROL)
    assert changed(conn, since=mark) == [new, wanting, refused], "also one of which nothing could go"
    assert changed(conn) == [seen, new, wanting, refused]


def test_the_end_of_an_order_is_said_whatever_else_was_refused_of_it(conn: Connection) -> None:
    order = confirmed(conn, *VALUES)
    withdraw_order(conn, order, "a court", NOW, CONTROL)
    publish(conn)
    assert restated(conn, order, HOUR)["answer"] == "withdrawn"

    other = confirmed(conn, *VALUES, ref="2")
    conn.execute(update(orders).where(orders.c.id == other).values(expires_s=int(NOW.timestamp())))
    assert lapse_due(conn, NOW) == [other]
    publish(conn)
    assert restated(conn, other, HOUR)["answer"] == "expired"


def correct(conn: Connection, ref: str, *values: str) -> int:
    """A correction of PTA/WA/1; its number."""
    order = Order("PTA", ref, "g", "subtree", None, False, tuple((each, "subtree") for each in values), "PTA/WA/1")
    judged, before = judge_entries(order, ProtectedNames()), correctable(conn, "PTA", "PTA/WA/1")
    return put_order(conn, order, judged, b"{}", NOW, CONTROL, corrected=before)


def test_an_order_that_a_correction_has_replaced_says_so_and_names_it_until_both_are_withdrawn(
    conn: Connection,
) -> None:
    order = confirmed(conn, "bad.example", "com.pk")
    second = correct(conn, "PTA/WA/1/C1", "bad.example", "worse.example")
    publish(conn)

    replaced = restated(conn, order, HOUR)
    assert replaced["answer"] == "replaced" and replaced["times"]["withdrawn"] is None
    digest = get_order(conn, second).sha256.hex()
    named = (replaced["order"]["replaced_by"], replaced["order"]["replaced_by_sha256"])
    assert named == ("PTA/WA/1/C1", digest)

    withdraw_order(conn, second, "a court", NOW, CONTROL)
    publish(conn)
    assert changed(conn) == [order, second]
    for each in (order, second):
        assert restate(conn, each, SIGNER, HOUR + timedelta(minutes=1))
        assert newest(conn, each)["answer"] == "withdrawn"


def test_an_order_that_was_refused_as_a_whole_and_is_withdrawn_is_answered(conn: Connection) -> None:
    order = push(conn, "com.pk")
    publish(conn)
    withdraw_order(conn, order, "a court", NOW, CONTROL)
    publish(conn)
    assert restate(conn, order, SIGNER, HOUR)
    assert newest(conn, order)["answer"] == "withdrawn"

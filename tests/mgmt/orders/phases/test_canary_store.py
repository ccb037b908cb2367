"""Orders on one gateway first, as two controls with one database decide of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError
from support.mgmt.orders import NOW, RECEIPT, push, rails, said, statuses
from support.mgmt.signing import BY_PASSKEYS, PARTY, Signer, answer_of, proposed

from mgmt.ledger.event import CONTROL, Actor
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.live import live_entries, live_entries_of, names_changed_since, orders_revision
from mgmt.orders.base.model import Order
from mgmt.orders.confirmation.verifications import Verification, due, in_force, put_verification, revision_of
from mgmt.orders.decisions import confirm, has_due, is_waiting, settle, taken
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.phases.canary_store import BlockCount, count_blocks, newest
from mgmt.orders.phases.states import steps_of
from mgmt.orders.store import View, get_order, order_json, put_order, withdraw_order
from mgmt.orders.versions import correctable
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from mgmt.staff.approvals.rules import PARTS, ApprovalRefusal, Signatory
from mgmt.staff.approvals.signatures import sign
from mgmt.staff.assertion import assertion_in
from parental.store.schema.canaries import canary_minutes, gateway_minutes, order_canaries
from parental.store.schema.orders import approval_signatures, entries, orders
from rules.base.protected import ProtectedNames

FIRST, OTHER = (Policy("first", here, 600, 100) for here in ("first", "other"))
A, B = b"\1a\4test\0", b"\1b\4test\0"
VERIFIER = Actor("account", "root")
AGREED = Proposal(kind="held", number=1, reason="r", reference="WA/9", collateral="c", expires=NOW + timedelta(days=7))


def publish(
    conn: Connection, policy: Policy | None, at: datetime = NOW, since: int = 1, proof: Proof = BY_NAMES
) -> None:
    """What a gateway does with a change, where each of its workers takes it.   since  0: as at its start"""
    settle(conn, rails(canary=policy, proof=proof), since, at)
    confirm(conn, taken(conn), RECEIPT, at, policy)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def served(conn: Connection, gateway: str | None) -> set[bytes]:
    return {live.wire for live in live_entries(conn, gateway)}


def states(conn: Connection, order: int) -> list[str]:
    return [each.state.value for each in steps_of(conn, [order])[order]][2:]


def canary(conn: Connection, order: int, when: datetime = NOW) -> dict[str, Any]:
    found: dict[str, Any] = order_json(conn, get_order(conn, order), View(at=when))["canary"]
    return found


def actions(conn: Connection, order: int) -> list[str]:
    return [each["action"] for each in said(conn) if each["about"]["order"] == order]


def wide(conn: Connection, order: int, when: datetime, state: str = "too_wide") -> None:
    """The verifier finds names blocked that are next to those of an order."""
    report = '{"too_wide":[1,2]}'
    put_verification(conn, Verification(order, when, 1, revision_of(conn, order), state, report, {"here": 1}), VERIFIER)


@pytest.fixture
def order(conn: Connection) -> int:
    """One that runs on the canary gateway since NOW; the other one has heard of it first."""
    number = push(conn, "a.test")
    publish(conn, OTHER)
    publish(conn, FIRST)
    return number


def test_an_order_is_in_force_on_the_canary_gateway_first_and_everywhere_once_its_time_is_over(
    conn: Connection, order: int
) -> None:
    assert (served(conn, "first"), served(conn, "other"), served(conn, None)) == ({A}, set(), set())
    assert [live.wire for live in live_entries_of(conn, [A], "first")] == [A]
    assert states(conn, order) == ["approved", "canary"]
    assert statuses(conn, order) == [("pending", None)] and get_order(conn, order).receipt is None
    assert not is_waiting(conn)
    running = canary(conn, order, at(60))
    assert (running["state"], running["gateway"], running["left_s"]) == ("running", "first", 540)

    since = orders_revision(conn)
    assert not has_due(conn, since, at(599), FIRST) and not has_due(conn, since, at(600), OTHER)
    assert has_due(conn, since, at(600), FIRST)
    publish(conn, OTHER, at(700))
    assert served(conn, "other") == set(), "the canary gateway alone passes it"
    publish(conn, FIRST, at(700))

    assert served(conn, "other") == served(conn, "first") == {A}
    assert names_changed_since(conn, since) == [A], "every gateway looks at it again"
    assert states(conn, order) == ["approved", "canary", "enforced"]
    assert canary(conn, order)["state"] == "passed" and get_order(conn, order).receipt is not None
    assert actions(conn, order)[1:] == ["canary let in", "canary passed", "enforced", "confirmed"]
    assert not has_due(conn, orders_revision(conn), at(800), FIRST)


def test_before_the_canary_gateway_serves_an_order_its_time_does_not_begin(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn, OTHER)
    publish(conn, OTHER, at(9999))

    assert (canary(conn, order)["state"], states(conn, order)) == ("waiting", ["approved"])
    assert served(conn, "other") == set()


def test_an_order_that_blocks_too_much_in_one_minute_is_rolled_back_and_stays_so(conn: Connection, order: int) -> None:
    second = int(NOW.timestamp())
    count_blocks(conn, "other", [BlockCount(order, second, 500)])  # of no canary
    count_blocks(
        conn, "first", [BlockCount(order, second, 60), BlockCount(order, second + 60, 60), BlockCount(99, second, 9)]
    )
    count_blocks(conn, "first", [BlockCount(order, second + 61, 40)])
    assert (canary(conn, order)["blocks"], canary(conn, order)["peak"]) == (160, 100)
    assert not has_due(conn, orders_revision(conn), at(100), FIRST)
    count_blocks(conn, "first", [BlockCount(order, second + 62, 1)])
    assert has_due(conn, orders_revision(conn), at(100), FIRST)
    publish(conn, FIRST, at(100))

    why = "101 blocks in one minute, more than 100"
    assert statuses(conn, order) == [("pending_review", f"control: rolled back from its canary: {why}")]
    assert (served(conn, "first"), served(conn, "other")) == (set(), set())
    assert states(conn, order) == ["approved", "canary", "rolled_back"]
    assert (canary(conn, order)["state"], canary(conn, order)["reason"]) == ("rolled_back", why)
    for hour in range(1, 4):  # whoever publishes, decides on everything again, or has no canary any more
        for policy in (FIRST, OTHER, None):
            publish(conn, policy, at(3600 * hour), since=0)
    assert states(conn, order)[-1] == "rolled_back" and served(conn, "first") == set()
    assert actions(conn, order).count("canary rolled back") == actions(conn, order).count("entries rolled back") == 1


def test_blocks_of_one_minute_count_together_where_another_worker_still_tells_of_the_minute_before(
    conn: Connection, order: int
) -> None:
    second = int(NOW.timestamp())
    for _ in range(2):  # each worker's, over the turn of a minute
        count_blocks(conn, "first", [BlockCount(order, second, 1), BlockCount(order, second + 60, 60)])

    assert (canary(conn, order)["blocks"], canary(conn, order)["peak"]) == (122, 120)


def test_what_workers_tell_late_counts_in_the_minute_in_which_it_was(conn: Connection, order: int) -> None:
    second = int(NOW.timestamp())
    count_blocks(conn, "first", [BlockCount(order, second, 60), BlockCount(order, second + 60, 1)])
    count_blocks(conn, "first", [BlockCount(order, second + 120, 1)])  # the first worker has caught up
    count_blocks(conn, "first", [BlockCount(order, second + 1, 41)])  # the second one has a backlog
    assert (canary(conn, order)["blocks"], canary(conn, order)["peak"]) == (103, 101)
    publish(conn, FIRST, at(130))

    assert canary(conn, order)["state"] == "rolled_back"
    assert conn.execute(select(canary_minutes)).all() == [], "what has ended keeps its peak alone"


def test_an_order_that_blocks_a_multiple_of_what_is_usual_there_is_rolled_back(conn: Connection) -> None:
    policy, minute = FIRST._replace(most_blocks=0, most_times=2), int(NOW.timestamp()) // 60
    usual = [BlockCount(99, 60 * (minute - ago), 100) for ago in range(1, 61)]
    count_blocks(conn, "first", usual)
    count_blocks(conn, "other", [each._replace(n=10**6) for each in usual])
    order = push(conn, "a.test")
    publish(conn, policy)
    assert canary(conn, order)["baseline"] == 100
    count_blocks(conn, "first", [BlockCount(order, 60 * minute, 200), BlockCount(99, 60 * minute, 10**6)])
    assert not has_due(conn, orders_revision(conn), at(1), policy)
    count_blocks(conn, "first", [BlockCount(order, 60 * minute, 1)])
    publish(conn, policy, at(2))

    assert canary(conn, order)["reason"] == "201 blocks in one minute, more than 2 times the 100.0 of all other orders"


def test_where_a_gateway_has_counted_for_less_than_an_hour_nothing_is_called_usual(conn: Connection) -> None:
    minute = int(NOW.timestamp()) // 60
    count_blocks(conn, "first", [BlockCount(99, 60 * (minute - ago), 1) for ago in range(1, 60)])
    order = push(conn, "a.test")
    publish(conn, FIRST)

    assert canary(conn, order)["baseline"] is None


def test_of_what_a_gateway_blocks_for_orders_two_hours_are_kept(conn: Connection) -> None:
    minute = int(NOW.timestamp()) // 60
    count_blocks(conn, "first", [BlockCount(99, 60 * (minute + each), 1) for each in (0, 1, 121)])

    kept = conn.execute(select(gateway_minutes.c.minute).order_by(gateway_minutes.c.minute)).scalars()
    assert list(kept) == [minute + 1, minute + 121]


@pytest.mark.parametrize("state", ["too_wide", "open"])  # one of its own entries may be open as well
def test_an_order_next_to_which_names_are_blocked_is_rolled_back(conn: Connection, order: int, state: str) -> None:
    assert due(conn, NOW, 9) == [] and due(conn, NOW, 9, "first") == [order]
    assert [row.number for row in in_force(conn, order, "first")] == [1] and in_force(conn, order, "other") == []
    wide(conn, order, at(5), state)
    publish(conn, FIRST, at(6))

    assert canary(conn, order)["reason"] == "names next to its entries are blocked (2)"
    assert states(conn, order)[-1] == "rolled_back"


def test_what_the_verifier_said_before_the_canary_was_opened_rolls_nothing_back(conn: Connection) -> None:
    order = push(conn, "a.test")
    wide(conn, order, at(9))
    publish(conn, FIRST)

    assert canary(conn, order)["state"] == "running"
    assert not has_due(conn, orders_revision(conn), at(9), FIRST)


def test_what_the_verifier_finds_by_a_clock_that_is_behind_rolls_an_order_back(conn: Connection, order: int) -> None:
    wide(conn, order, at(-3600))
    publish(conn, FIRST, at(6))

    assert states(conn, order)[-1] == "rolled_back"


def test_an_event_of_a_gateway_whose_clock_is_ahead_passes_nothing_untried(conn: Connection) -> None:
    push(conn, "x.test", ref="ahead", at=at(3600))
    order = push(conn, "a.test")
    publish(conn, FIRST)

    assert not has_due(conn, orders_revision(conn), at(2), FIRST)
    publish(conn, FIRST, at(2))
    assert (canary(conn, order, at(2))["state"], served(conn, "other")) == ("running", set())


def test_a_wall_clock_that_is_set_neither_shortens_nor_lengthens_the_time_of_a_canary(conn: Connection) -> None:
    order, now_s = push(conn, "a.test"), int(NOW.timestamp())
    gateway = rails(canary=FIRST)
    settle(conn, gateway, 1, at(86_400), now_s)
    confirm(conn, taken(conn), RECEIPT, at(86_400), FIRST, now_s)

    settle(conn, gateway, 1, at(10 * 86_400), now_s + 599)
    assert canary(conn, order)["state"] == "running"
    settle(conn, gateway, 1, at(-86_400), now_s + 600)
    assert canary(conn, order)["state"] == "passed"


def test_where_the_time_is_not_known_no_time_begins_or_ends_until_it_is(conn: Connection, order: int) -> None:
    other = push(conn, "b.test", ref="2")
    settle(conn, rails(canary=FIRST), 1, at(9999), UNKNOWN)
    confirm(conn, taken(conn), RECEIPT, at(9999), FIRST, UNKNOWN)
    assert [canary(conn, each)["state"] for each in (order, other)] == ["running", "waiting"]
    assert is_waiting(conn, FIRST) and not is_waiting(conn, OTHER)

    confirm(conn, taken(conn), RECEIPT, at(9999), FIRST, int(at(60).timestamp()))
    assert canary(conn, other, at(60))["left_s"] == 600 and not is_waiting(conn, FIRST)


def test_an_order_on_trial_that_the_verifier_finds_blocked_is_not_called_verified(conn: Connection, order: int) -> None:
    found = Verification(order, at(5), 1, revision_of(conn, order), "verified", "{}", {"here": 1})
    put_verification(conn, found, VERIFIER)
    publish(conn, FIRST, at(600))

    assert states(conn, order) == ["approved", "canary", "enforced"]
    assert due(conn, NOW, 9) == [order], "it is asked again, as it is everywhere"


def test_two_persons_who_agree_after_the_rollback_put_an_entry_in_force_everywhere(
    conn: Connection, order: int
) -> None:
    def agree(when: datetime) -> None:
        first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
        approve(conn, propose(conn, get_order(conn, order), AGREED, first, when), second, when)

    agree(at(1))
    wide(conn, order, at(5))
    publish(conn, FIRST, at(6))
    publish(conn, FIRST, at(7), since=0)
    assert states(conn, order)[-1] == "rolled_back", "what was agreed to before says nothing of it"
    agree(at(8))
    publish(conn, FIRST, at(9))

    assert served(conn, "other") == {A} and statuses(conn, order) == [("enforced", None)]
    assert states(conn, order)[-2:] == ["approved", "enforced"]
    publish(conn, FIRST, NOW + timedelta(days=8))
    assert served(conn, "other") == set(), "once the approval ends it is held again"


def test_a_url_whose_host_was_rolled_back_comes_in_force_without_its_host(conn: Connection) -> None:
    order = push(conn, "http://a.test/x")

    def agree(said: Proposal, when: datetime) -> None:
        first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
        approve(conn, propose(conn, get_order(conn, order), said, first, when), second, when)

    publish(conn, FIRST)
    agree(replace(AGREED, kind="broader"), at(1))
    publish(conn, FIRST, at(2))
    assert served(conn, "first") == {A, b"a.test/x"}
    wide(conn, order, at(5))
    publish(conn, FIRST, at(6))
    assert served(conn, "first") == set()
    agree(AGREED, at(8))
    publish(conn, FIRST, at(9))

    assert (served(conn, "first"), statuses(conn, order)) == ({b"a.test/x"}, [("enforced_http_only", None)])
    assert list(live_entries_of(conn, [A])) == []


def test_signatures_of_before_the_rollback_that_a_lying_web_role_hands_in_later_put_nothing_in_force(
    conn: Connection, order: int, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, order, AGREED, amna, at(100))  # of a time that is to come
    given = [answer_of(conn, number, each, part) for each, part in zip((amna, bilal), PARTS, strict=True)]
    wide(conn, order, at(5))
    publish(conn, FIRST, at(6), proof=BY_PASSKEYS)
    for part, answer in zip(PARTS, given, strict=True):
        row = {"approval": number, "part": part, "signed_s": 0} | assertion_in(answer)._asdict()
        conn.execute(approval_signatures.insert().values(row))
    publish(conn, FIRST, at(201), proof=BY_PASSKEYS)

    assert (served(conn, "first"), states(conn, order)[-1]) == (set(), "rolled_back")
    refused = next(each for each in said(conn) if each["action"] == "approval refused")
    assert refused["said"]["reason"] == "was proposed before its entry was rolled back from the canary"


def test_the_second_person_cannot_sign_what_was_proposed_before_the_rollback_and_is_told_why(
    conn: Connection, order: int, amna: Signer, bilal: Signer
) -> None:
    number = proposed(conn, order, AGREED, amna, at(1))
    assert sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, amna), at(1)) is None
    wide(conn, order, at(5))
    publish(conn, FIRST, at(6), proof=BY_PASSKEYS)

    with pytest.raises(
        ApprovalRefusal, match="was proposed before its entry was rolled back from the canary; not signed"
    ):
        sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, bilal), at(7))
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    again = propose(conn, get_order(conn, order), AGREED, first, at(8))
    conn.execute(entries.update().values(value="other.test"))
    with pytest.raises(ApprovalRefusal, match="is of another order, entry or words than are here now; not signed"):
        approve(conn, again, second, at(9))


def test_two_persons_who_sign_after_the_rollback_put_an_entry_in_force_everywhere(
    conn: Connection, order: int, amna: Signer, bilal: Signer
) -> None:
    wide(conn, order, at(5))
    publish(conn, FIRST, at(6), proof=BY_PASSKEYS)
    number = proposed(conn, order, AGREED, amna, at(6))  # in the same second
    for each in (amna, bilal):
        assert sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, each), at(6)) is None
    for when in (7, 8):
        publish(conn, FIRST, at(when), since=0, proof=BY_PASSKEYS)

    assert served(conn, "other") == {A} and statuses(conn, order) == [("enforced", None)]


def test_an_emergency_order_does_not_wait_and_one_that_says_it_lapses_next_year_does(conn: Connection) -> None:
    order, liar = push(conn, "a.test", emergency=True), push(conn, "b.test", ref="2", emergency=True)
    later = int(at(86400 * 365).timestamp())
    conn.execute(update(orders).where(orders.c.id == liar).values(confirm_by_s=later))
    publish(conn, OTHER)

    assert served(conn, "other") == {A} and canary(conn, order) is None
    assert canary(conn, liar)["state"] == "waiting"


def test_an_entry_that_a_lying_web_role_adds_to_an_emergency_order_that_lapses_no_more_is_tried(
    conn: Connection,
) -> None:
    order, late = push(conn, "a.test", emergency=True), at(5 * 3600)
    whole = Proposal(kind="emergency", number=None, reason="r", reference="WA/9", collateral="c")
    first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
    approve(conn, propose(conn, get_order(conn, order), whole, first, NOW), second, NOW)
    publish(conn, OTHER)
    row = {"order": order, "number": 2, "value": "b.test", "wire": B, "mode": "subtree", "status": "pending"}
    conn.execute(entries.insert().values(row | {"revision": 0}))
    publish(conn, OTHER, late)

    assert served(conn, "other") == {A}


def test_entries_that_are_let_in_later_are_tried_as_well_and_the_time_begins_again(conn: Connection) -> None:
    order = push(conn, "a.test", "www.bank.test")
    publish(conn, FIRST)
    publish(conn, FIRST, at(600))
    assert served(conn, "other") == {A}
    row = {"order": order, "number": 3, "value": "b.test", "wire": B, "mode": "subtree", "status": "pending"}
    conn.execute(entries.insert().values(row | {"revision": 0}))  # a web role that lies
    publish(conn, FIRST, at(700))

    assert (served(conn, "other"), served(conn, "first")) == ({A}, {A, B}), "what is in force stays so everywhere"
    assert (canary(conn, order, at(700))["state"], canary(conn, order, at(700))["left_s"]) == ("running", 600)
    wide(conn, order, at(701))
    publish(conn, FIRST, at(702))
    assert served(conn, "first") == {A} and states(conn, order)[-1] == "partially_enforced"


@pytest.mark.parametrize("passes", [True, False])
def test_a_correction_on_trial_opens_nothing_until_it_is_in_force_everywhere(conn: Connection, *, passes: bool) -> None:
    order = push(conn, "a.test")
    publish(conn, FIRST)
    publish(conn, FIRST, at(600))
    said_now = Order("PTA", "1/C1", "g", "subtree", None, False, (("b.test", "subtree"),), "1")
    judged, before = judge_entries(said_now, ProtectedNames()), correctable(conn, "PTA", "1")
    second = put_order(conn, said_now, judged, b"{}", at(700), CONTROL, corrected=before)
    publish(conn, FIRST, at(700))
    assert (served(conn, "first"), served(conn, "other")) == ({A, B}, {A})
    if not passes:
        wide(conn, second, at(701))
    publish(conn, FIRST, at(1300))
    publish(conn, OTHER, at(1300))

    assert served(conn, "first") == served(conn, "other") == ({B} if passes else {A})
    assert get_order(conn, order).replaced_by == (second if passes else None)


def test_an_order_that_is_withdrawn_on_trial_is_over_and_opens_at_once(conn: Connection, order: int) -> None:
    withdraw_order(conn, order, "court", at(5), CONTROL)
    publish(conn, FIRST, at(5))
    publish(conn, FIRST, at(6))

    assert served(conn, "first") == set() and states(conn, order)[-1] == "withdrawn"
    assert canary(conn, order)["state"] == "over"


def test_a_canary_that_is_configured_no_more_passes_and_one_of_another_gateway_begins_again(
    conn: Connection, order: int
) -> None:
    moved = Policy("other", "other", 600, 100)
    publish(conn, moved, at(10))
    assert served(conn, "first") == {A}, "it goes on until a control begins with other settings"
    publish(conn, moved, at(20), since=0)
    assert (served(conn, "first"), served(conn, "other")) == (set(), {A})
    assert canary(conn, order, at(20))["left_s"] == 600
    publish(conn, None, at(30), since=0)

    assert served(conn, None) == {A} and statuses(conn, order) == [("enforced", None)]
    assert canary(conn, order)["reason"] == "no canary gateway is configured any more"


def test_without_a_canary_nothing_is_tried(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn, None)

    assert statuses(conn, order) == [("enforced", None)] and canary(conn, order) is None
    assert newest(conn, [order]) == {} and actions(conn, order)[1:] == ["enforced", "confirmed"]


def test_of_one_order_two_canaries_are_not_open_at_once(conn: Connection, order: int) -> None:
    row = {"order": order, "gateway": "g", "revision": 1, "n_entries": 1, "begun_s": 1}
    with pytest.raises(IntegrityError), conn.begin_nested():
        conn.execute(order_canaries.insert().values(row))
    assert len(conn.execute(select(order_canaries)).all()) == 1

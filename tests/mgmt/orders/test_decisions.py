"""What control makes of orders: whoever wrote the rows, whatever two persons have agreed to, and as time goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update
from support.mgmt.orders import NOW, RECEIPT, publish, push, rails, said, statuses
from support.mgmt.signing import BY_PASSKEYS, WIDER, Signer, proposed, signed

from fastpath.wire.address import wire_of_address
from mgmt.ledger.event import CONTROL, ORDERS, Actor, Event
from mgmt.ledger.store import append
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.live import Live, live_entries, names_changed_since, orders_revision
from mgmt.orders.decisions import LAPSED, MISWRITTEN, confirm, has_due, is_waiting, settle, taken
from mgmt.orders.store import get_order, order_json, withdraw_entries, withdraw_order
from mgmt.staff.approvals.rules import Signatory
from parental.store.schema.orders import entries, entry_parts
from rules.base.prefixes import NOT_PUBLIC
from rules.base.protected import PROTECTED

NOW_S = int(NOW.timestamp())


def wires(conn: Connection) -> list[bytes]:
    return sorted(live.wire for live in live_entries(conn))


def test_an_entry_is_enforced_by_controls_word_alone_and_once_all_workers_serve_it(conn: Connection) -> None:
    order = push(conn, "a.test", "http://a.test/x")
    settle(conn, rails(), 0, NOW)
    held = taken(conn)
    assert statuses(conn, order) == [("pending", None)] * 2
    assert is_waiting(conn)

    late = push(conn, "b.test", ref="2")
    confirm(conn, held, {"generation": 9, "workers": [{"worker": "dns-0"}]}, NOW)

    assert statuses(conn, order) == [("enforced", None), ("enforced_http_only", None)]
    assert statuses(conn, late) == [("pending", None)]
    assert get_order(conn, late).receipt is None
    actions = [(each["action"], each["actor"]["name"]) for each in said(conn) if each["about"]["order"] == order]
    assert actions[1:] == [("enforced", "control"), ("confirmed", "control")]


def test_a_row_that_claims_to_be_enforced_is_not_where_a_rail_refuses_it(conn: Connection) -> None:
    order = push(conn, "www.bank.test", "a.test")
    conn.execute(update(entries).values(status="enforced", generation=1, enforced_ms=1, reason=None))
    publish(conn)

    assert statuses(conn, order) == [("refused_protected", f"control: {PROTECTED}"), ("enforced", None)]
    assert wires(conn) == [b"\1a\4test\0"]


def test_a_row_that_blocks_another_name_than_it_shows_is_refused(conn: Connection) -> None:
    order = push(conn, "harmless.test")
    conn.execute(update(entries).values(wire=b"\5other\4test\0"))
    for _ in range(2):  # a second start looks at it again
        publish(conn)

        assert statuses(conn, order) == [("refused_protected", f"control: {MISWRITTEN}")]
        assert wires(conn) == []


def test_a_row_that_says_it_is_old_is_decided_on_all_the_same(conn: Connection) -> None:
    publish(conn)
    since = orders_revision(conn)
    order = push(conn, "www.bank.test", "a.test")
    conn.execute(update(entries).values(revision=0))
    settle(conn, rails(), since + 1, NOW)
    confirm(conn, taken(conn), RECEIPT, NOW)

    assert [status for status, _ in statuses(conn, order)] == ["refused_protected", "enforced"]
    assert names_changed_since(conn, since + 1) == [b"\1a\4test\0", b"\3www\4bank\4test\0"]


def test_what_comes_after_the_decision_is_not_called_enforced_whatever_revision_it_claims(conn: Connection) -> None:
    push(conn, "a.test")
    settle(conn, rails(), 0, NOW)
    held = taken(conn)
    late = push(conn, "www.bank.test", "b.test", ref="2")
    conn.execute(update(entries).where(entries.c.order == late).values(revision=0))
    confirm(conn, held, RECEIPT, NOW)

    assert [status for status, _ in statuses(conn, late)] == ["pending", "pending"]


def test_a_withdrawal_is_asked_for_by_one_role_and_done_by_the_other(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    since = orders_revision(conn)
    assert withdraw_order(conn, order, "a court", NOW, CONTROL) == 1

    assert statuses(conn, order) == [("enforced", None)]
    assert order_json(conn, get_order(conn, order))["state"] == "withdrawal_pending"
    assert has_due(conn, since, NOW)
    publish(conn)
    assert statuses(conn, order) == [("withdrawn", "a court")]
    assert order_json(conn, get_order(conn, order))["state"] == "withdrawn"
    assert wires(conn) == []
    assert not has_due(conn, orders_revision(conn), NOW)


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_addresses_and_prefixes_are_enforced_by_the_rules_that_hold_them_and_no_other(conn: Connection) -> None:
    order = push(conn, "192.0.2.7", "192.0.2.64/30", "2001:db8::7", "[2001:db8:1::]/48")
    publish(conn)

    assert [status for status, _ in statuses(conn, order)] == ["enforced"] * 4
    found = {(live.wire, live.mode) for live in live_entries(conn)}
    assert (wire_of_address(ip_address("192.0.2.65").packed), "subtree") in found
    texts = conn.execute(select(entry_parts.c.number, entry_parts.c.mode).order_by(entry_parts.c.number)).all()
    assert [number for number, _ in texts] == [1, 2, 2, 2, 2, 3, 4]
    assert len(found) == 7


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        ("203.0.113.53", "refused_protected", PROTECTED),
        ("203.0.113.0/24", "refused_protected", PROTECTED),
        ("10.0.0.1", "refused_protected", NOT_PUBLIC),
        ("fe80::1", "refused_protected", NOT_PUBLIC),
        ("198.51.100.9", "pending_review", "many sites are behind it (a cloud of 2026-08-01): held"),
        ("198.51.100.0/24", "pending_review", "many sites are behind it (a cloud of 2026-08-01): held"),
        ("192.0.2.0/23", "pending_review", "covers more addresses"),
        ("2001:db8::/47", "pending_review", "covers more addresses"),
    ],
)
def test_an_address_that_a_rail_stops_is_in_no_rule_and_says_why(
    conn: Connection, value: str, status: str, reason: str
) -> None:
    order = push(conn, value)
    publish(conn)

    ((found, why),) = statuses(conn, order)
    assert (found, reason in str(why)) == (status, True)
    assert wires(conn) == []


def test_an_address_is_not_enforceable_where_no_gate_closes_it(conn: Connection) -> None:
    order = push(conn, "192.0.2.7", "http://a.test/x")
    publish(conn, has_gate=False)

    assert [status for status, _ in statuses(conn, order)] == ["not_enforceable_at_this_layer"] * 2
    assert wires(conn) == []


TAP: dict[str, Any] = {"has_gate": False}
NOTHING: dict[str, Any] = {"has_gate": False, "stops_names": False}


@pytest.mark.parametrize("box", [TAP, NOTHING])
def test_what_came_before_the_box_had_a_gate_is_enforced_once_it_has_one(conn: Connection, box: dict[str, Any]) -> None:
    order = push(conn, "http://a.test/x", "http://a.test/y*", "192.0.2.64/31", "b.test", "https://a.test/#!/z", **box)
    publish(conn, **box)
    before = statuses(conn, order)
    assert [status for status, _ in before].count("not_enforceable_at_this_layer") == (4 if box is TAP else 5)

    publish(conn)

    here = [("enforced_http_only", None)] * 2 + [("enforced", None)] * 2
    assert statuses(conn, order) == [*here, before[4]], "what no layer sees stays as it is"
    assert len(wires(conn)) == 5
    let_in = [each for each in said(conn) if each["action"] == "entries let in"]
    assert [each["said"]["entries"] for each in let_in] == [3 if box is TAP else 4]


def test_names_that_came_where_nothing_stopped_them_are_enforced_once_a_dns_worker_does(conn: Connection) -> None:
    order = push(conn, "a.test", "http://a.test/x", **NOTHING)
    publish(conn, **NOTHING)
    before = statuses(conn, order)

    publish(conn, **TAP)

    assert statuses(conn, order) == [("enforced", None), before[1]]


def test_what_fell_back_while_the_gate_was_away_is_enforced_once_it_is_back(conn: Connection) -> None:
    order = push(conn, "http://a.test/x", "192.0.2.64/31")
    publish(conn)
    before, held = statuses(conn, order), wires(conn)
    publish(conn, **TAP)
    assert ([status for status, _ in statuses(conn, order)], wires(conn)) == (
        ["not_enforceable_at_this_layer"] * 2,
        [],
    )

    publish(conn)

    assert (statuses(conn, order), wires(conn)) == (before, held)
    assert [each["action"] for each in said(conn) if each["action"].startswith("entries ")] == [
        "entries fell back",
        "entries let in",
    ]


def test_a_gateway_with_a_gate_does_not_undo_at_once_what_one_without_has_decided(conn: Connection) -> None:
    order = push(conn, "192.0.2.7")
    publish(conn)
    since = orders_revision(conn)
    publish(conn, **TAP)

    assert settle(conn, rails(), since, NOW) == []
    assert [status for status, _ in statuses(conn, order)] == ["not_enforceable_at_this_layer"]


def test_of_what_was_not_enforceable_here_no_rail_is_left_out_and_nothing_that_is_over_comes(conn: Connection) -> None:
    values = "203.0.113.53", "198.51.100.9", "192.0.2.7", "http://a.test/x"
    order, late = push(conn, *values, **TAP), push(conn, "192.0.2.9", ref="2", emergency=True, **TAP)
    conn.execute(update(entries).where(entries.c.number == 3, entries.c.order == order).values(wire=b"192.0.2.8"))
    publish(conn, **TAP)
    withdraw_entries(conn, order, [4], "a court", NOW, CONTROL)

    publish(conn, NOW + timedelta(hours=5))

    cloud = "control: many sites are behind it (a cloud of 2026-08-01): held"
    assert statuses(conn, order)[2:] == [("refused_protected", f"control: {MISWRITTEN}"), ("withdrawn", "a court")]
    assert statuses(conn, order)[:2] == [("refused_protected", f"control: {PROTECTED}"), ("pending_review", cloud)]
    assert (statuses(conn, late), wires(conn)) == ([("expired", LAPSED)], [])


def test_an_address_that_is_withdrawn_is_told_as_changed_by_each_of_its_rules(conn: Connection) -> None:
    order = push(conn, "192.0.2.64/31")
    publish(conn)
    since = orders_revision(conn)
    withdraw_order(conn, order, "x", NOW, CONTROL)
    publish(conn)

    assert len(names_changed_since(conn, since)) == 2
    assert wires(conn) == []


# -- the emergency lane ------------------------------------------------------------------------------------------------


def test_an_emergency_order_lapses_after_four_hours_by_itself_and_says_so(conn: Connection) -> None:
    order = push(conn, "a.test", emergency=True)
    publish(conn)
    told = order_json(conn, get_order(conn, order))
    assert (told["state"], told["lapses"]) == ("enforced", "2026-08-03T20:00:00.000+00:00")
    assert not has_due(conn, orders_revision(conn), NOW + timedelta(hours=3, minutes=59))

    later = NOW + timedelta(hours=4)
    assert has_due(conn, orders_revision(conn), later)
    publish(conn, later)

    assert statuses(conn, order) == [("expired", LAPSED)]
    assert wires(conn) == []
    told = order_json(conn, get_order(conn, order))
    assert (told["state"], told["lapses"]) == ("expired", None)
    assert said(conn)[-1]["action"] == "entries lapsed"
    assert not has_due(conn, orders_revision(conn), later)


def test_a_clock_that_is_set_back_keeps_no_emergency_order_alive(conn: Connection) -> None:
    push(conn, "a.test", emergency=True)
    publish(conn)

    settle(conn, rails(), 0, NOW - timedelta(hours=1), NOW_S + 4 * 3600)

    assert wires(conn) == []


def by_time(conn: Connection) -> list[list[tuple[str, str | None]]]:
    """What an address, the host of a URL and an emergency order are, each in force for a while."""
    return [statuses(conn, order) for order in (1, 2, 3)]


@pytest.fixture
def in_force(conn: Connection) -> list[list[tuple[str, str | None]]]:
    """by_time() as it is to stay."""
    ends = NOW + timedelta(days=9)
    for order, kind in (
        (push(conn, "198.51.100.7"), "held"),
        (push(conn, "https://shared.test/a", ref="2"), "broader"),
    ):
        words = Proposal(kind=kind, number=1, reason="r", reference="L", collateral="c", expires=ends)
        number = propose(conn, get_order(conn, order), words, Signatory("A. Khan", "compliance", "root"), NOW)
        approve(conn, number, Signatory("B. Ali", "approver", "root"), NOW)
    push(conn, "e.test", ref="3", emergency=True)
    publish(conn)
    found = by_time(conn)
    assert [entry[0][0] for entry in found] == ["enforced", "enforced_broader", "enforced"]
    return found


def test_an_event_of_a_time_that_has_not_come_ends_nothing_and_lets_all_that_comes_later_in(
    conn: Connection, in_force: object
) -> None:
    append(conn, Event(ORDERS, "x", Actor("token", "1"), {"order": 1}, {}), datetime(2100, 1, 1, tzinfo=UTC))
    later = NOW + timedelta(minutes=1)
    assert not has_due(conn, orders_revision(conn), later)
    publish(conn, later)
    assert by_time(conn) == in_force

    late = push(conn, "late.test", ref="late", at=later, emergency=True)
    publish(conn, later)
    assert statuses(conn, late) == [("enforced", None)]


@pytest.mark.parametrize(
    ("wall", "known_s"),
    [
        (NOW + timedelta(days=365), NOW_S + 60),
        (NOW - timedelta(days=365), NOW_S + 60),
        (NOW + timedelta(days=365), UNKNOWN),
        (NOW - timedelta(days=365), UNKNOWN),
    ],
)
def test_a_wall_clock_that_is_set_ends_nothing(
    conn: Connection, in_force: object, wall: datetime, known_s: int
) -> None:
    settle(conn, rails(), 0, wall, known_s)

    assert by_time(conn) == in_force
    assert not has_due(conn, orders_revision(conn), datetime.fromtimestamp(known_s, UTC))


@pytest.mark.parametrize("before_s", [NOW_S - 3, UNKNOWN])
def test_what_two_have_signed_waits_for_the_time_that_its_longest_end_is_counted_from_and_does_not_end(
    conn: Connection, amna: Signer, bilal: Signer, before_s: int
) -> None:
    order = push(conn, "198.51.100.7")
    words = replace(WIDER, kind="held", expires=NOW + timedelta(days=30))
    number = proposed(conn, order, words, amna)
    signed(conn, number, amna, bilal)
    by_passkeys = rails(proof=BY_PASSKEYS)

    settle(conn, by_passkeys, 0, NOW, before_s)
    assert statuses(conn, order)[0][0] == "pending_review"
    assert not has_due(conn, orders_revision(conn), datetime.fromtimestamp(before_s, UTC))
    assert has_due(conn, orders_revision(conn), NOW)
    settle(conn, by_passkeys, 0, NOW, NOW_S)

    assert statuses(conn, order) == [("pending", None)]


def test_a_proposal_alone_keeps_no_emergency_order_alive(conn: Connection) -> None:
    order = push(conn, "a.test", emergency=True)
    publish(conn)
    words = Proposal(kind="emergency", number=None, reason="r", reference="WA/9", collateral="none")
    propose(conn, get_order(conn, order), words, Signatory("A. Khan", "compliance", "root"), NOW)
    later = NOW + timedelta(hours=4)

    assert has_due(conn, orders_revision(conn), later)
    publish(conn, later)
    assert statuses(conn, order) == [("expired", LAPSED)]


def test_an_order_that_is_no_emergency_does_not_lapse(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn, NOW + timedelta(days=365))

    assert statuses(conn, order) == [("enforced", None)]


def test_whatever_a_row_holds_nothing_is_raised(conn: Connection) -> None:
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps nothing of another type")
    push(conn, "a.test")
    for column in ("value", "wire", "mode", "status", "reason", "withdrawal_reason"):
        for value in ("x'ff00'", "12", "'x'"):
            conn.execute(text(f"UPDATE entries SET {column} = {value}, revision = 1"))
            settle(conn, rails(), 0, NOW)
    assert all(not isinstance(live, Live) or live.wire for live in live_entries(conn))

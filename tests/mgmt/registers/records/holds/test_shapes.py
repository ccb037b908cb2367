"""What people read of a hold, in each of its states."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, update
from support.mgmt.orders import NOW
from support.mgmt.signing import Signer
from support.present import present

from mgmt.registers.records.holds.proposals import NewHold, find_hold, propose_hold, shown_holds
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.records.holds.shapes import line_of, shown
from parental.store.schema.orders import approvals
from parental.store.schema.records import legal_holds

HOLD = NewHold(
    Scope(0, int(NOW.timestamp()), subscriber="ab" * 16), "a court asks", "WP 1/2026", NOW + timedelta(days=9)
)
GIVEN = {"approver": "b@isp.example", "approver_group": "approval", "approved_s": 1}


def put(conn: Connection, amna: Signer, begun_ms: int | None, lapsed_ms: int | None) -> int:
    made = propose_hold(conn, HOLD, amna.person.mail, "desk", NOW)
    conn.execute(update(legal_holds).where(legal_holds.c.id == made.hold).values(begun_ms=begun_ms))
    said = (GIVEN if begun_ms else {}) | {"lapsed_ms": lapsed_ms}
    conn.execute(update(approvals).where(approvals.c.id == made.id).values(said))
    return int(made.hold)


@pytest.mark.parametrize(
    ("begun_ms", "lapsed_ms", "state"),
    [(None, None, "waits"), (1, None, "in force"), (1, 2, "ended"), (None, 2, "not begun")],
)
def test_a_hold_says_how_it_is(
    conn: Connection, amna: Signer, begun_ms: int | None, lapsed_ms: int | None, state: str
) -> None:
    hold = shown(present(find_hold(conn, put(conn, amna, begun_ms, lapsed_ms))))

    assert (hold.state, hold.since, hold.ends) == (state, None, "2026-08-12T16:00:00Z")
    assert hold.subscriber == "ab" * 16


def test_those_that_have_not_ended_come_first(conn: Connection, amna: Signer) -> None:
    first, ended, waits = put(conn, amna, 1, None), put(conn, amna, 1, 2), put(conn, amna, None, None)

    assert [each.hold for each in shown_holds(conn, 9)] == [waits, first, ended]
    assert [each.hold for each in shown_holds(conn, 2)] == [waits, first]


def test_the_line_for_engineers_names_no_pseudonym(conn: Connection, amna: Signer) -> None:
    line = line_of(present(find_hold(conn, put(conn, amna, 1, None))))

    assert line.startswith("hold 1, by WP 1/2026, until 2026-08-12T16:00:00Z: records from the first one")
    assert "of one pseudonym" in line and "abab" not in line

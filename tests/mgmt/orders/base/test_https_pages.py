"""Pages of `https://`: what no one on the way sees is not called enforced."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.event import listen
from support.mgmt.orders import NOW, publish, push, rails, statuses

from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.live import live_entries, orders_revision
from mgmt.orders.decisions import settle
from mgmt.orders.phases.states import steps_of
from mgmt.orders.store import get_order, withdraw_entries
from mgmt.staff.approvals.rules import Signatory
from parental.store.schema.orders import entries

PAGE = "https://shared.example/a"
FIRST, SECOND = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")


def states(conn: Connection, order: int) -> list[str]:
    return [status for status, _ in statuses(conn, order)]


def test_a_page_over_https_is_not_visible_there_and_its_order_is_enforced_in_part(conn: Connection) -> None:
    order = push(conn, PAGE, "HTTPS://shared.example/b", "http://shared.example/c", "shared.example/d")
    publish(conn)

    assert states(conn, order) == ["not_visible_over_https"] * 2 + ["enforced_http_only"] * 2
    assert steps_of(conn, [order])[order][-1].state.value == "partially_enforced"
    assert b"shared.example/a" in {each.wire for each in live_entries(conn)}, "over plain HTTP it is closed"
    revision = orders_revision(conn)
    publish(conn)
    assert orders_revision(conn) == revision, "nothing has changed"


def test_a_page_whose_host_its_order_closes_is_closed_until_that_entry_is_withdrawn(conn: Connection) -> None:
    order = push(conn, PAGE, "shared.example")
    publish(conn)
    assert states(conn, order) == ["enforced_http_only", "enforced"]

    withdraw_entries(conn, order, [2], "a court", NOW, CONTROL)
    publish(conn)
    assert states(conn, order) == ["not_visible_over_https", "withdrawn"]


def test_a_host_that_another_order_closes_makes_no_page_visible(conn: Connection) -> None:
    push(conn, "shared.example")
    order = push(conn, PAGE, ref="2")
    publish(conn)
    assert states(conn, order) == ["not_visible_over_https"]


def test_two_persons_may_close_its_host_and_at_the_end_of_that_it_is_not_visible_again(conn: Connection) -> None:
    order = push(conn, PAGE, "https://shared.example/b")
    publish(conn)
    wider = Proposal(
        kind="broader", number=1, reason="r", reference="L", collateral="c", expires=NOW + timedelta(days=9)
    )
    approve(conn, propose(conn, get_order(conn, order), wider, FIRST, NOW), SECOND, NOW)
    publish(conn)
    assert states(conn, order) == ["enforced_broader", "enforced_http_only"], "the host is closed for both"

    publish(conn, NOW + timedelta(days=10))
    assert states(conn, order) == ["not_visible_over_https"] * 2


def test_what_an_earlier_release_has_called_enforced_is_looked_at_and_verified_again(conn: Connection) -> None:
    order = push(conn, PAGE)
    publish(conn)
    conn.execute(update(entries).values(status="enforced_http_only"))
    before = conn.execute(select(entries.c.revision)).scalar_one()

    publish(conn)
    assert states(conn, order) == ["not_visible_over_https"]
    assert conn.execute(select(entries.c.revision)).scalar_one() > before


def test_a_later_look_reads_the_pages_of_what_it_changes_alone_and_writes_them_at_once(conn: Connection) -> None:
    approved = push(conn, PAGE, "https://shared.example/b")
    order = push(conn, "shared.example", *(f"{PAGE}{n}" for n in range(5)), ref="2")
    publish(conn)
    wider = Proposal(
        kind="broader", number=1, reason="r", reference="L", collateral="c", expires=NOW + timedelta(days=9)
    )
    approve(conn, propose(conn, get_order(conn, approved), wider, FIRST, NOW), SECOND, NOW)
    publish(conn)
    since = orders_revision(conn)
    withdraw_entries(conn, order, [1], "a court", NOW, CONTROL)

    read: list[list[int]] = []
    written: list[int] = []

    def note(_: Any, _cursor: Any, text: str, bound: Any, _context: Any, is_many: bool) -> None:
        if "%hxxps://%" in str(bound):
            its = bound.values() if isinstance(bound, dict) else bound
            read.append([each for each in its if isinstance(each, int)])
        elif text.startswith("UPDATE entries SET status"):
            written.append(len(bound) if is_many else 1)

    listen(conn, "before_cursor_execute", note)
    settle(conn, rails(), since, NOW)

    assert states(conn, order) == ["withdrawn"] + ["not_visible_over_https"] * 5
    assert (read, written) == ([[order]], [1, 5])

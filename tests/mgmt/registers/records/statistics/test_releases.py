"""Statistics as they are kept."""

from sqlalchemy import Connection, func, select
from support.mgmt.confirmed import SIGNER
from support.mgmt.published import MADE, published, statement_of

from mgmt.registers.records.statistics.releases import find_release, has_text, last_bypass, put_release, releases
from parental.store.schema.ledger import events


def test_a_quarter_is_published_once_and_a_second_text_of_it_changes_nothing(conn: Connection) -> None:
    assert published(conn)
    first = find_release(conn, "2026-Q3", "")
    other = statement_of()
    other.blocks = []

    assert not put_release(conn, other, SIGNER, MADE)
    assert find_release(conn, "2026-Q3", "") == first
    assert conn.execute(select(func.count()).where(events.c.text.contains("statistics signed"))).scalar_one() == 1


def test_the_newest_comes_first_and_each_gateway_has_its_own(conn: Connection) -> None:
    for quarter, node in (("2026-Q3", ""), ("2026-Q4", "gw2"), ("2026-Q4", "gw1")):
        assert published(conn, quarter, node)

    assert [(row.quarter, row.node) for row in releases(conn)] == [
        ("2026-Q4", "gw1"),
        ("2026-Q4", "gw2"),
        ("2026-Q3", ""),
    ]
    assert find_release(conn, "2026-Q3", "gw1") is None


def test_on_a_database_of_its_own_a_box_that_was_renamed_or_moved_its_records_has_the_text_that_it_had(
    conn: Connection,
) -> None:
    published(conn, "2026-Q3")
    published(conn, "2026-Q4", "gw1")

    is_own = conn.dialect.name == "sqlite"
    assert has_text(conn, "2026-Q3", "gw1") and has_text(conn, "2026-Q3", "")  # moved to files: it is in that of all
    assert has_text(conn, "2026-Q4", "gw1")
    assert has_text(conn, "2026-Q4", "gw2") is is_own  # where several share it, it is another one
    assert not has_text(conn, "2027-Q1", "gw1")


def test_counts_of_bypass_are_those_of_the_quarter_before_or_none(conn: Connection) -> None:
    put_release(conn, statement_of("2026-Q2"), SIGNER, MADE, {"vpn dns": 5})
    put_release(conn, statement_of("2026-Q3"), SIGNER, MADE)

    assert last_bypass(conn, "2026-Q1", "") is None
    assert last_bypass(conn, "2026-Q2", "") == {"vpn dns": 5}
    assert last_bypass(conn, "2026-Q3", "") is None  # it was not counted


def test_counts_of_bypass_go_on_where_those_of_all_together_ended(conn: Connection) -> None:
    put_release(conn, statement_of("2026-Q2"), SIGNER, MADE, {"vpn dns": 5})  # records were in the database then

    assert last_bypass(conn, "2026-Q2", "gw1") == {"vpn dns": 5}

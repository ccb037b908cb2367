"""Quarters that were made public."""

import pytest
from sqlalchemy import Connection, Engine, text
from support.mgmt.confirmed import SIGNER
from support.mgmt.published import published
from support.mgmt.transparent import AT, statement_of

from mgmt.registers.transparency.releases import MOST_QUARTERS, find_release, put_release, quarters
from mgmt.registers.transparency.statement import text_of
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.errors import DatabaseRefusal
from parental.store.schema.privileges import WEB


def test_a_quarter_is_told_of_once(conn: Connection) -> None:
    assert put_release(conn, statement_of(), SIGNER, AT)
    assert not put_release(conn, statement_of(ground="another"), SIGNER, AT)

    found = find_release(conn, "2026-Q3")
    assert found is not None and found.text == text_of(statement_of())


def test_the_statistics_of_every_gateway_stand_with_it(conn: Connection) -> None:
    put_release(conn, statement_of(), SIGNER, AT)
    for quarter, node in (("2026-Q3", "gw1"), ("2026-Q3", "gw2"), ("2026-Q2", "gw1")):
        published(conn, quarter, node)

    found = find_release(conn, "2026-Q3")
    assert found is not None and len(found.statistics) == 2


def test_the_newest_quarters_are_led_to(conn: Connection) -> None:
    for year in range(2020, 2030):
        put_release(conn, statement_of(f"{year}-Q1"), SIGNER, AT)

    assert quarters(conn) == [f"{year}-Q1" for year in range(2029, 2029 - MOST_QUARTERS, -1)]


def test_web_can_make_none_where_the_database_knows_roles(database: Where, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite knows no roles")
    of_web = engine_of(database, WEB)
    with pytest.raises(DatabaseRefusal, match="permission denied"), writing(of_web) as conn:
        conn.execute(text("INSERT INTO transparency_releases VALUES ('2026-Q3', 0, '', '')"))
    of_web.dispose()
